import { expect, test } from "vitest";
import { parsePlainYaml } from "./plain-yaml.ts";

test("what pnpm writes is read", () => {
  const text = `lockfileVersion: '9.0'

settings:
  autoInstallPeers: true

importers:

  .:
    dependencies:
      '@scope/one':
        specifier: ^1.0.0
        version: 1.0.0(two@2.0.0)

packages:

  '@scope/one@1.0.0':
    resolution: {integrity: sha512-ab==, tarball: "https://host/a,b.tgz"}
    engines: {node: '>=18', npm: '>= 9'}
    cpu: [x64, arm64]
    hasBin: true
    deprecated: |-
      Long ago.

      os: [linux]
    bundledDependencies:
      - inner
      - '@scope/inner'

  /old@1.0.0: {}
`;
  expect(parsePlainYaml(text)).toEqual({
    lockfileVersion: "9.0",
    settings: { autoInstallPeers: "true" },
    importers: { ".": { dependencies: { "@scope/one": { specifier: "^1.0.0", version: "1.0.0(two@2.0.0)" } } } },
    packages: {
      "@scope/one@1.0.0": {
        resolution: { integrity: "sha512-ab==", tarball: "https://host/a,b.tgz" },
        engines: { node: ">=18", npm: ">= 9" },
        cpu: ["x64", "arm64"],
        hasBin: "true",
        bundledDependencies: ["inner", "@scope/inner"],
      },
      "/old@1.0.0": {},
    },
  });
});

test("long keys stand alone, with the value behind a colon or below", () => {
  expect(parsePlainYaml('? "a@npm:1, a@npm:2"\n:\n  version: 1.0.0\nnext: 1\n')).toEqual({
    "a@npm:1, a@npm:2": { version: "1.0.0" },
    next: "1",
  });
  expect(parsePlainYaml("? a\n: 1\n")).toEqual({ a: "1" });
});

test("carriage returns, comments and quotes are understood", () => {
  expect(parsePlainYaml("# head\r\n---\r\n\"a: b\": 'it''s' # why\r\nc: d # e\r\n")).toEqual({
    "a: b": "it's",
    c: "d",
  });
});

test.each(["a: 1\nnonsense\n", "a:\n  }\n"])("%j is refused at its line", (text) => {
  expect(() => parsePlainYaml(text)).toThrow("line 2 is not understood");
});
