import { expect, test } from "vitest";
import { dockerfileUrls } from "./dockerfile-urls.ts";
import { parseDockerfile } from "./parse-dockerfile.ts";

const urls = (text: string, buildArgs: Record<string, string> = {}, platforms = ["linux/amd64"]) =>
  dockerfileUrls({ file: parseDockerfile(text, "Dockerfile"), buildArgs }, platforms);

test("variables of URLs are what a build would make of them", () => {
  const text = `ARG GLOBAL=g
FROM scratch AS one
ARG VERSION=1.2.3
ARG GLOBAL
ARG NONE
ENV MINOR=\${VERSION%.*}
ADD https://a/$GLOBAL/\${VERSION}/$MINOR$NONE /
FROM one
ADD $UNSET https://a/\${MINOR:-x} http://a/plain?x=y /
ADD --checksum=sha256:${"0".repeat(64)} https://a/checked f /
`;
  expect(urls(text)).toEqual({
    urls: ["https://a/g/1.2.3/1.2", "https://a/1.2", "http://a/plain?x=y"],
    unknown: [],
  });
  expect(urls(text, { VERSION: "3.0", GLOBAL: "given", NONE: "!" }).urls[0]).toBe("https://a/given/3.0/3!");
});

test("a URL may be in quotes", () => {
  const text = `FROM scratch\nARG V=1\nADD "https://a/$V" 'https://a/$V' "$V" /\nADD ["https://a/json", "/"]\n`;
  expect(urls(text)).toEqual({ urls: ["https://a/1", "https://a/$V", "https://a/json"], unknown: [] });
});

test("arguments of platforms make a URL for each", () => {
  const text = "FROM scratch\nARG TARGETARCH\nADD https://a/tool-$TARGETARCH /\n";
  expect(urls(text, {}, ["linux/amd64", "linux/arm64"]).urls).toEqual(["https://a/tool-amd64", "https://a/tool-arm64"]);
});

test("a URL with variables that a base image may set is not known before the build", () => {
  const text = "FROM node AS base\nENV MINE=1\nADD https://a/$NODE_VERSION-$MINE /\nFROM base\nADD https://a/$MINE /\n";
  expect(urls(text)).toEqual({
    urls: ["https://a/1"],
    unknown: [{ text: "https://a/$NODE_VERSION-$MINE", line: 3, column: 5, variables: ["NODE_VERSION"] }],
  });
});
