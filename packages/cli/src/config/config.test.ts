import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "./config-file.ts";
import { explain } from "../explain.ts";
import { styleFor } from "../progress/terminal.ts";
import { parseYamlConfig } from "./yaml-config.ts";

const plain = styleFor({ isTTY: false }, {});
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lading-config-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What a person reads when `text` is their lading.yaml. */
async function complaint(text: string): Promise<string> {
  const error: unknown = await parseYamlConfig(text, "lading.yaml").then(
    () => new Error("accepted"),
    (reason: unknown) => reason,
  );
  return explain(error, plain);
}

test("an unknown key is shown in its line, with the nearest known one", async () => {
  expect(await complaint("from: scratch\nentrypont: [node, app.js]\n")).toBe(`\
error: Unknown key "entrypont"
  --> lading.yaml:2:1
  1 | from: scratch
  2 | entrypont: [node, app.js]
    | ^^^^^^^^^
hint: Did you mean "entrypoint"?
`);
});

test("a key as another tool calls it is answered with ours", async () => {
  expect(await complaint("from: scratch\nports: [80]\n")).toContain('hint: Did you mean "expose"?\n');
  expect(await complaint("layers:\n  - files: []\n")).toContain('hint: Did you mean "add"?\n');
});

test("an unknown key deep inside is found in the entry that was meant", async () => {
  expect(await complaint('layers:\n  - add:\n      - src: dist\n        dest: /app\n        onwer: "1"\n')).toBe(`\
error: Unknown key "onwer" in layers[0].add[0]
  --> lading.yaml:5:9
  4 |         dest: /app
  5 |         onwer: "1"
    |         ^^^^^
hint: Did you mean "owner"?
`);
});

test("a missing key points at the entry that lacks it", async () => {
  expect(await complaint("layers:\n  - add: [{ src: dist }]\n")).toBe(`\
error: Missing key "dest" in layers[0].add[0]
  --> lading.yaml:2:11
  1 | layers:
  2 |   - add: [{ src: dist }]
    |           ^^^^^^^^^^^^^
`);
});

test("a mode without quotes is explained", async () => {
  expect(await complaint("layers:\n  - add: [{ src: a, dest: /a, mode: 0644 }]\n")).toBe(`\
error: layers[0].add[0].mode: expected text, found 644
  --> lading.yaml:2:37
  1 | layers:
  2 |   - add: [{ src: a, dest: /a, mode: 0644 }]
    |                                     ^^^^
hint: Write the digits in quotes: mode: "0644"
`);
});

test("a value of the wrong kind says what was expected and what was found", async () => {
  expect(await complaint("layers: dist\n")).toBe(`\
error: layers: expected a list, found "dist"
  --> lading.yaml:1:9
  1 | layers: dist
    |         ^^^^
`);
  expect(await complaint("entrypoint: { a: b }\n")).toContain(
    "error: entrypoint: expected text or a list, found a mapping\n",
  );
});

test("a value that does not fit its pattern says which would", async () => {
  expect(await complaint("compression: lzma\n")).toContain(
    'error: compression: "lzma" is not valid: expected gzip, zstd or none, and optionally a colon and a level\n',
  );
});

test("every issue of a file is told at once", async () => {
  const text = await complaint("frm: scratch\nuser: [1]\n");
  expect(text).toContain('Unknown key "frm"');
  expect(text).toContain("user: expected text or a number, found a list");
});

test("YAML that is not YAML is shown where it breaks", async () => {
  expect(await complaint("from: scratch\nlayers: [\n")).toContain("--> lading.yaml:2:");
  expect(await complaint("a: 'x\n")).toMatch(/^error: Not valid YAML: .*\n {2}--> lading.yaml:1:/);
  expect(await complaint("layers:\n\t- a\n")).toContain("Tabs cannot indent YAML");
});

test("a key written twice is an error", async () => {
  expect(await complaint("from: scratch\nfrom: oci:base\n")).toBe(`\
error: This key is written twice in one mapping
  --> lading.yaml:2:1
  1 | from: scratch
  2 | from: oci:base
    | ^^^^
`);
});

test("aliases that would blow up are refused", async () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (const [at, name] of "bcdefghij".split("").entries())
    bomb.push(`${name}: &${name} [${`*${"abcdefghi"[at]}, `.repeat(9)}]`);
  expect(await complaint(bomb.join("\n"))).toContain("Excessive alias count");
});

test("an empty file is said to be empty", async () => {
  expect(await complaint("# nothing\n")).toBe('error: Cannot read "lading.yaml": it is empty\n');
});

test("anchors and merges work, and issues inside them are still located", async () => {
  const spec = await parseYamlConfig(
    "layers:\n  - &one\n    name: a\n    owner: '1'\n  - <<: *one\n    name: b\n",
    "lading.yaml",
  );
  expect(spec.layers).toEqual([
    { name: "a", owner: "1" },
    { name: "b", owner: "1" },
  ]);
});

test("control characters of a file never reach the terminal", async () => {
  expect(await complaint('"\\e[31mx": 1\n')).not.toContain("\u001b");
});

test("lading.config.ts is run and checked as the YAML is", async () => {
  const good = join(folder, "lading.config.ts");
  await writeFile(
    good,
    'const port: number = 80;\nexport default async () => ({ from: "scratch", expose: [port] });\n',
  );
  expect(await loadConfig(good)).toEqual({ from: "scratch", expose: ["80"] });

  const bad = join(folder, "bad.config.ts");
  await writeFile(bad, 'export default { entrypont: "x" };\n');
  await expect(loadConfig(bad, "bad.config.ts")).rejects.toThrow('Unknown key "entrypont" (bad.config.ts)');

  const empty = join(folder, "empty.config.mjs");
  await writeFile(empty, "export const config = {};\n");
  await expect(loadConfig(empty, "empty.config.mjs")).rejects.toThrow("it has no default export");
});
