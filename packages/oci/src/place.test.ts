import { expect, test } from "vitest";
import { formatPlace, parsePlace } from "./place.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["scratch", { transport: "scratch" }],
  ["alpine", { transport: "registry", reference: { registry: "docker.io", repository: "library/alpine" } }],
  [
    "docker://ghcr.io/acme/app:1",
    { transport: "registry", reference: { registry: "ghcr.io", repository: "acme/app", tag: "1" } },
  ],
  ["localhost:5000/app", { transport: "registry", reference: { registry: "localhost:5000", repository: "app" } }],
  ["oci:out", { transport: "oci", path: "out", name: "" }],
  ["oci:out:1.2", { transport: "oci", path: "out", name: "1.2" }],
  ["oci:../out/x:ghcr.io/acme/app:1", { transport: "oci", path: "../out/x", name: "ghcr.io/acme/app:1" }],
  [`oci:out@${digest}`, { transport: "oci", path: "out", name: digest }],
  [`oci:out:@${digest}`, { transport: "oci", path: "out", name: digest }],
  [`oci:out:app:1@${digest}`, { transport: "oci", path: "out", name: `app:1@${digest}` }],
  ["oci:me@home", { transport: "oci", path: "me@home", name: "" }],
  ["oci-archive:app.tar", { transport: "oci-archive", path: "app.tar", name: "" }],
  ["oci-archive:-", { transport: "oci-archive", path: "-", name: "" }],
  ["docker-archive:a.tar:busybox:1", { transport: "docker-archive", path: "a.tar", name: "busybox:1" }],
  ["docker-archive:a.tar:@1", { transport: "docker-archive", path: "a.tar", name: "@1" }],
  ["oci:dir@2", { transport: "oci", path: "dir", name: "@2" }],
  ["podman:", { transport: "podman", name: "" }],
  ["podman:localhost/app:1", { transport: "podman", name: "localhost/app:1" }],
  ["containers-storage:app", { transport: "podman", name: "app" }],
  ["docker-daemon:app:1", { transport: "docker", name: "app:1" }],
  ["containerd:app:1", { transport: "containerd", name: "app:1" }],
])("parsePlace(%j)", (text, expected) => {
  const place = parsePlace(text);
  expect(place).toEqual(expected);
  expect(parsePlace(formatPlace(place))).toEqual(place);
});

test.each(["oci:", "oci::tag", "docker-archive:", "", "oci:a\0b", "dir:/tmp/x", "https://ghcr.io/x", "./folder"])(
  "parsePlace(%j) refuses it",
  (text) => {
    expect(() => parsePlace(text)).toThrow(SyntaxError);
  },
);

test.each(["/tmp/app.tar", "./app.tar", "../app.tar", "./layout:1"])(
  "a path alone, %s, is told what goes before it",
  (text) => {
    expect(() => parsePlace(text)).toThrow("before a path goes what is there: oci-archive:, docker-archive: or oci:");
  },
);
