import { expect, test } from "vitest";
import { fileStem, imageNames } from "./image-names.ts";

test.each([
  [{}, [], []],
  [{ name: "ghcr.io/acme/app" }, [], ["ghcr.io/acme/app:latest"]],
  [{ name: "ghcr.io/acme/app:1" }, [], ["ghcr.io/acme/app:1"]],
  [{ name: "ghcr.io/acme/app", tags: ["1", "1.2"] }, [], ["ghcr.io/acme/app:1", "ghcr.io/acme/app:1.2"]],
  [{ name: "ghcr.io/acme/app:1", tags: ["1.2"] }, [], ["ghcr.io/acme/app:1", "ghcr.io/acme/app:1.2"]],
  [{ name: "ghcr.io/acme/app", tags: ["quay.io/acme/app:1"] }, [], ["ghcr.io/acme/app:latest", "quay.io/acme/app:1"]],
  [{ name: "ghcr.io/acme/app:1", tags: ["2"] }, ["3", "quay.io/x/y"], ["ghcr.io/acme/app:3", "quay.io/x/y:latest"]],
  [{ tags: ["app"] }, [], ["docker.io/library/app:latest"]],
  [{}, ["app", "app:latest"], ["docker.io/library/app:latest"]],
])("%j with --tag %j is called %j", (spec, tags, names) => {
  expect(imageNames(spec, tags)).toEqual(names);
});

test("a name that is none is the description's mistake or the command line's", () => {
  expect(() => imageNames({ name: "Acme/App" }, [])).toThrow(expect.objectContaining({ name: "ConfigError" }));
  expect(() => imageNames({}, ["a b"])).toThrow(expect.objectContaining({ name: "UsageError" }));
  expect(() => imageNames({}, [`a@sha256:${"0".repeat(64)}`])).toThrow("the digest comes out of the build");
});

test.each([
  [["ghcr.io/acme/app:1"], "/x/y", "app"],
  [[], "/home/me/My Site", "My-Site"],
  [[], "/home/.config/", "config"],
  [[], "/", "image"],
])("the file for %j in %s is called %s", (names, folder, stem) => {
  expect(fileStem(names, folder)).toBe(stem);
});
