import { parseReference } from "@lading/oci";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findRegistry, matchPrefix, mergeRegistriesConf, parseRegistriesConf, relocate } from "./registries-conf.ts";

test("parseRegistriesConf() reads version 2, a prefix being the location unless it is given", () => {
  const conf = parseRegistriesConf(`
    unqualified-search-registries = ["example.com"]
    credential-helpers = ["secretservice"]
    [aliases]
    "alpine" = "elsewhere.test/alpine"
    [[registry]]
    prefix = "example.com/foo"
    location = "internal.test/bar/"
    blocked = true
    [[registry.mirror]]
    location = "mirror-0.test/foo"
    [[registry.mirror]]
    location = "mirror-1.test:5000"
    insecure = true
    pull-from-mirror = "tag-only"
    [[registry]]
    location = "registry.test"
    mirror-by-digest-only = true
    [[registry.mirror]]
    location = "mirror.registry.test"
  `);
  expect(conf).toEqual({
    credentialHelpers: ["secretservice"],
    registries: [
      {
        prefix: "example.com/foo",
        location: "internal.test/bar",
        insecure: false,
        blocked: true,
        mirrors: [
          { location: "mirror-0.test/foo", insecure: false, use: "all" },
          { location: "mirror-1.test:5000", insecure: true, use: "tag-only" },
        ],
      },
      {
        prefix: "registry.test",
        location: "registry.test",
        insecure: false,
        blocked: false,
        mirrors: [{ location: "mirror.registry.test", insecure: false, use: "digest-only" }],
      },
    ],
  });
});

test("parseRegistriesConf() reads version 1, but not in registries.conf.d", () => {
  const text = `
    [registries.search]
    registries = ["docker.io"]
    [registries.insecure]
    registries = ["a.test:5000", "b.test"]
    [registries.block]
    registries = ["b.test"]
  `;
  expect(parseRegistriesConf(text).registries).toEqual([
    { prefix: "b.test", location: "b.test", insecure: true, blocked: true, mirrors: [] },
    { prefix: "a.test:5000", location: "a.test:5000", insecure: true, blocked: false, mirrors: [] },
  ]);
  expect(() => parseRegistriesConf(text, true)).toThrow("version 1");
});

test.each([
  ["a = ", /at line 1, column/],
  ["[[registry]]", /neither prefix nor location/],
  ['[[registry]]\nprefix = "a.test"', /"a.test" has no location/],
  ['[[registry]]\nlocation = "https://a.test"', /is a URL/],
  ['[[registry]]\nprefix = "*.a.test/b"', /wildcard/],
  ['[[registry]]\nlocation = "a.test"\npull-from-mirror = "all"', /for mirrors/],
  ['[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\ninsecure = true', /has no location/],
  [
    '[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "x"',
    /registry\.0\.mirror/,
  ],
  [
    '[[registry]]\nlocation = "a.test"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "all"',
    /mirror-by-digest-only/,
  ],
  ['[[registry]]\nlocation = "a.test"\ninsecure = "yes"', /registry\.0\.insecure/],
  [
    '[[registry]]\nlocation = "a.test"\n[[registry]]\nprefix = "b.test"\nlocation = "a.test"\nblocked = true',
    /"a.test" is there twice, with and without blocked/,
  ],
  ['[[registry]]\nlocation = "a.test"\n[registries.block]\nregistries = ["b.test"]', /mixed/],
  ['credential-helpers = ["../evil"]', /credential-helpers/],
])("parseRegistriesConf() refuses %j", (text, reason) => {
  expect(() => parseRegistriesConf(text)).toThrow(reason);
});

test("parseRegistriesConf() throws nothing but SyntaxError, whatever comes", () => {
  const part = fc.constantFrom(
    "[[registry]]",
    "\n",
    "location",
    " = ",
    '"a.test"',
    "[registries.block]",
    "{}",
    "[",
    "1",
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      try {
        parseRegistriesConf(parts.join(""));
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
      }
    }),
  );
});

test("mergeRegistriesConf() replaces entries with the same prefix whole, and helpers where they are set", () => {
  const base = parseRegistriesConf('credential-helpers = ["a"]\n[[registry]]\nlocation = "a.test"\nblocked = true');
  const over = parseRegistriesConf('[[registry]]\nlocation = "a.test"\n[[registry]]\nlocation = "b.test"');
  expect(mergeRegistriesConf(base, over)).toMatchObject({
    credentialHelpers: ["a"],
    registries: [{ prefix: "a.test", blocked: false }, { prefix: "b.test" }],
  });
});

test.each([
  ["example.com/foo/bar", "example.com", 11],
  ["example.com/foo/bar", "example.com/foo", 15],
  ["example.com/foo/bar", "example.com/fo", undefined],
  ["example.com/foo/bar", "example.com/foo/bar", 19],
  ["example.com/foo/bar", "example.com/foo/bar:1", undefined],
  ["example.com:5000/foo", "example.com", undefined],
  ["example.com:5000/foo", "example.com:5000", 16],
  ["example.com.evil.test/foo", "example.com", undefined],
  ["a.b.example.com/foo", "*.example.com", 15],
  ["a.example.com:5000/foo", "*.example.com", 13],
  ["example.com/foo", "*.example.com", undefined],
  ["evil-example.com/foo", "*.example.com", undefined],
  ["evil.test/a.example.com", "*.example.com", undefined],
  ["a.example.com.evil.test/foo", "*.example.com", undefined],
])("%s and the prefix %s", (reference, prefix, length) => {
  expect(matchPrefix(reference, prefix)).toBe(length);
});

test("findRegistry() takes the longest prefix", () => {
  const conf = parseRegistriesConf(
    ["docker.io", "docker.io/library", "docker.io/library/alpine", "*.test"]
      .map((prefix) => `[[registry]]\nprefix = "${prefix}"\nlocation = "x.test"\n`)
      .join(""),
  );
  expect(findRegistry(conf, parseReference("alpine:3"))?.prefix).toBe("docker.io/library/alpine");
  expect(findRegistry(conf, parseReference("debian"))?.prefix).toBe("docker.io/library");
  expect(findRegistry(conf, parseReference("acme/app"))?.prefix).toBe("docker.io");
  expect(findRegistry(conf, parseReference("a.test/app"))?.prefix).toBe("*.test");
  expect(findRegistry(conf, parseReference("quay.io/app"))).toBeUndefined();
});

test("relocate() keeps tag and digest", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  expect(
    relocate(parseReference(`example.com/foo/image:1@${digest}`), "example.com/foo", "mirror.test:5000/bar"),
  ).toEqual({
    registry: "mirror.test:5000",
    repository: "bar/image",
    tag: "1",
    digest,
  });
  expect(relocate(parseReference("alpine"), "docker.io", "mirror.test")).toMatchObject({
    repository: "library/alpine",
  });
  expect(relocate(parseReference("a.example.com/foo"), "*.example.com", "mirror.test")).toMatchObject({
    registry: "mirror.test",
    repository: "foo",
  });
});

test.each([
  ["example.com/foo", "example.com", "internal"],
  ["example.com/foo", "example.com", "internal.test/UPPER"],
  ["example.com/foo", "example.com/foo", "internal.test/foo:2"],
])("relocate() refuses a place that %s cannot have (%s is %s)", (reference, prefix, location) => {
  expect(() => relocate(parseReference(reference), prefix, location)).toThrow(SyntaxError);
});
