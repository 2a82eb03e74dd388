import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { codeIdentity, identifyCode } from "./code-identity.ts";

function write(path: string): void {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(`${path}.new`, "code");
  renameSync(`${path}.new`, path);
}

test("this code is told from other code", () => {
  expect(codeIdentity).toMatch(/^[0-9a-f]{64}$/);
});

test.each(["builder/dist/plan/folders.js", "builder/dist/pack/code-identity.js", "oci/dist/tree.js"])(
  "of a checkout %s alone is written anew: it is other code",
  async (changed) => {
    await using folder = await temporaryFolder();
    const packages = join(folder.path, "packages");
    const file = join(packages, "builder/dist/pack/code-identity.js");
    for (const path of [file, join(packages, "builder/dist/plan/folders.js"), join(packages, "oci/dist/tree.js")])
      write(path);
    const before = identifyCode(file);
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    expect(identifyCode(file)).toBe(before);
    write(join(packages, changed));
    expect(identifyCode(file)).not.toBe(before);
  },
);

test.each(["node_modules/@lading/builder/dist/pack/code-identity.js", "dist/bin/build-DCjF2wM1.cjs"])(
  "%s is replaced with all that is beside it, and may be gone",
  async (name) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, name);
    write(file);
    const before = identifyCode(file);
    write(join(file, "../beside.js"));
    expect(identifyCode(file)).toBe(before);
    write(file);
    expect(identifyCode(file)).not.toBe(before);
    rmSync(file);
    expect(identifyCode(file)).toBeUndefined();
  },
);
