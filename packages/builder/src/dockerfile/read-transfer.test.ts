import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { openImage, readTree } from "@lading/oci";
import { expect, test } from "vitest";
import type { FetchFileOptions } from "./dockerfile-request.ts";
import { look, workspace } from "./workspace.suite.ts";

test("URLs of ADD are files of their own, with the server's time, called as the last part of the path", async () => {
  const space = await workspace();
  const fetch = async (url: string) => space.fetched(url, url.startsWith("https") ? 77 : undefined);
  const result = await space.build(
    `FROM scratch
ADD https://example.org/a%20b?q=1 /d/
ADD http://example.org/ /e/
ADD http://example.org/x/y/ /f/
ADD --chmod=0751 --chown=3 http://example.org/x /g
`,
    { fetch },
  );
  expect(await look(result)).toEqual([
    "d/ 755 0:0",
    "d/a b 600 0:0 https://example.org/a%20b?q=1",
    "e/ 755 0:0",
    "e/__unnamed__ 600 0:0 http://example.org/",
    "f/ 755 0:0",
    "f/y 600 0:0 http://example.org/x/y/",
    "g 751 3:3 http://example.org/x",
  ]);
  const tree = await readTree(await openImage(result.source, result.descriptor));
  expect(tree.lstat("d/a b")?.header.mtime).toBe(77);
  expect(tree.lstat("g")?.header.mtime).toBe(1);
});

const summed = (sum: string): string => `FROM scratch\nARG SUM=${sum}\nADD --checksum=$SUM https://example.org/x /\n`;

test.each(["sha256", "sha384", "sha512"])("what a URL gives is compared with a checksum by %s", async (algorithm) => {
  const space = await workspace();
  const asked: FetchFileOptions[] = [];
  const fetch = async (_: string, options: FetchFileOptions) => {
    asked.push(options);
    return space.fetched("content");
  };
  const checksum = `${algorithm}:${createHash(algorithm).update("content").digest("hex")}`;
  expect(await look(await space.build(summed(checksum), { fetch }))).toEqual(["x 600 0:0 content"]);
  expect(asked[0]?.checksum).toBe(checksum);
  const other = checksum.replace(/:.*/, (hex) => `:${"0".repeat(hex.length - 1)}`);
  expect(await space.failure(summed(other), { fetch })).toBe(
    `3:16 Cannot add "https://example.org/x": its checksum is ${checksum}, not ${other}`,
  );
  const short = `Cannot use the checksum "${algorithm}:00": expected sha256: and 64 hexadecimal digits`;
  expect(await space.failure(summed(`${algorithm}:00`), { fetch })).toBe(`3:16 ${short}`);
  // Nothing is fetched for one that nothing could have.
  expect(asked).toHaveLength(2);
});

test.each([
  [
    `ADD --checksum=sha256:${"0".repeat(64)} http://a/x http://a/y /`,
    "2:16 --checksum is for one URL, and there are 2",
  ],
  ["ADD http://a:99999/x /", '2:5 Cannot add "http://a:99999/x": it is no URL'],
  // The password of a build argument is nothing for logs.
  ["ARG T=s3cret\nADD https://ci:$T@a:99999/x /", '3:5 Cannot add "https://a:99999/x": it is no URL'],
  ["ARG T=s3/cret\nADD https://ci:$T@a/x /", '3:5 Cannot add "https://a/x": it is no URL'],
  ["ARG T=s3cret\nCOPY https://ci:$T@a/x?to=b@c /", '3:6 Cannot copy "https://a/x?to=…": COPY takes no URL'],
])("%s is told at its place", async (line, message) => {
  const space = await workspace();
  expect(await space.failure(`FROM scratch\n${line}\n`, { fetch: async () => space.fetched("") })).toBe(message);
});

test("--unpack=true unpacks what a URL gives", async () => {
  const space = await workspace();
  space.write({ "in/f": "F" });
  const flags = ["--owner=1", "--group=2", "--numeric-owner", "--mode=0640"];
  const archive = execFileSync("tar", ["-C", space.context, ...flags, "-czf", "-", "in/f"]);
  const fetch = async () => space.fetched(archive);
  const result = await space.build("FROM scratch\nADD --unpack=true https://example.org/a.tgz /to\n", { fetch });
  expect(await look(result)).toEqual(["to/ 755 0:0", "to/in/ 755 0:0", "to/in/f 640 1:2 F"]);
});

test("secrets that are called for a host are its credentials, and no other's", async () => {
  const space = await workspace();
  const asked: Record<string, string | undefined> = {};
  const fetch = async (url: string, { authorization }: FetchFileOptions) => {
    asked[url] = authorization;
    return space.fetched("");
  };
  const secrets = {
    "HTTP_AUTH_TOKEN_a.example": Buffer.from("t0k\n"),
    "HTTP_AUTH_HEADER_b.example": Buffer.from("Basic Yjpj"),
  };
  await space.build("FROM scratch\nADD http://a.example/1 http://b.example:8080/2 http://c.example/3 /d/\n", {
    fetch,
    secrets,
  });
  expect(asked).toEqual({
    "http://a.example/1": "Bearer t0k",
    "http://b.example:8080/2": "Basic Yjpj",
    "http://c.example/3": undefined,
  });
});
