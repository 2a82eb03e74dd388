import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workspace } from "../cli/workspace.ts";
import { attempt, expectBuildRefused, expectRefusal, small } from "./attempt.ts";

const content = "layers: [{ add: [{ content: x, dest: /x }] }]\n";

test.concurrent.each([
  ["empty", "", "it is empty"],
  ["a comment alone", "# later\n", "it is empty"],
  ["a list", "- from\n- scratch\n", ["expected a mapping, found a list", "--> lading.yaml:1:1"]],
  ["a word", "hello\n", ['expected a mapping, found "hello"', "--> lading.yaml:1:1"]],
  ["nothing", "null\n", ["expected a mapping, found nothing", "--> lading.yaml:1:1"]],
  ["a tab", "from: scratch\nlayers:\n\t- name: x\n", ["Tabs cannot indent YAML", "--> lading.yaml:3:1"]],
  [
    "an unknown key",
    "from: scratch\nlayer: []\n",
    ['Unknown key "layer"', "--> lading.yaml:2:1", 'Did you mean "layers"?'],
  ],
  ["one in a layer", "layers:\n  - nam: x\n", ['"nam" in layers[0]', "--> lading.yaml:2:5", 'Did you mean "name"?']],
  ["one in an entry", "layers:\n  - add: [{ src: a, dst: /x }]\n", ["--> lading.yaml:2:21", 'Did you mean "dest"?']],
  ["one in a healthcheck", "healthcheck: { tset: x }\n", ["--> lading.yaml:1:16", 'Did you mean "test"?']],
  ["a key of another tool", "environment: {}\n", ["--> lading.yaml:1:1", 'Did you mean "env"?']],
  ["a key twice", "from: scratch\nfrom: scratch\n", ["written twice", "--> lading.yaml:2:1"]],
  ["a list for text", "from: [scratch]\n", ["from: expected text, found a list", "--> lading.yaml:1:7"]],
  ["a number for a list", "platforms: 5\n", ["found 5", "--> lading.yaml:1:12"]],
  ["an octal number", "layers: [{ mode: 0644 }]\n", ["found 644", "--> lading.yaml:1:18", 'mode: "0644"']],
  ["a wrong mode", 'layers: [{ mode: "rwx" }]\n', ['layers[0].mode: "rwx"', "--> lading.yaml:1:18", "u=rw"]],
  ["a wrong owner", "layers: [{ owner: a b }]\n", ['layers[0].owner: "a b"', "--> lading.yaml:1:19"]],
  ["a wrong date", "created: 2026-01-31\n", ["expected a time like", "--> lading.yaml:1:10"]],
  ["an open quote", 'from: "x\n', ["Not valid YAML", "--> lading.yaml:1:9"]],
  ["a second document", "from: scratch\n---\nfrom: x\n", ["A second YAML document", "--> lading.yaml:2:1"]],
  ["an unknown anchor", "from: scratch\nenv: { A: *gone }\n", ['Nothing is called "&gone"', "--> lading.yaml:2:11"]],
  ["an anchor in itself", "env: &a { A: *a }\n", ["env.A: expected text", "--> lading.yaml:1:14"]],
  ["a prototype", "__proto__: { from: scratch }\n", ['Unknown key "__proto__"', "--> lading.yaml:1:1"]],
  ["a NUL in a command", `entrypoint: ["a\\0b"]\n${content}`, "Cannot set entrypoint: a word holds a NUL"],
  ["a NUL in a variable", `env: { A: "a\\0b" }\n${content}`, "Cannot set env A: the value holds a NUL"],
  ["a NUL in a path", 'layers: [{ add: [{ content: x, dest: "/a\\0b" }] }]\n', "Cannot use dest"],
  ["a NUL in a link", 'layers: [{ add: [{ symlink: "a\\0b", dest: /l }] }]\n', "holds a NUL"],
  ["no path", 'layers: [{ add: [{ content: x, dest: "" }] }]\n', 'Cannot use dest ""'],
  ["a file as root", "layers: [{ add: [{ content: x, dest: / }] }]\n", 'Cannot put content at "/"'],
  ["an owner without a base", "layers: [{ owner: app, add: [{ content: x, dest: /x }] }]\n", 'Cannot find user "app"'],
  ["an owner too large", 'layers: [{ owner: "4294967295", add: [{ content: x, dest: /x }] }]\n', "numbers end at"],
  ["deep lists", "[".repeat(100_000), ["nested too deeply", "--> lading.yaml:1:"]],
  ["deep mappings", `a: ${"{a: ".repeat(20_000)}`, "--> lading.yaml:1:"],
  ["five megabytes", `from: ${"x".repeat(5_000_000)}`, "too many for a description"],
])("a description is refused by line and column: %s", async (_, yaml, says) => {
  await using place = await workspace({ "lading.yaml": yaml });
  const outcome = await attempt(place, ["build", "-o", "oci-archive:out.tar"]);
  expectRefusal(outcome, { says, status: 2 });
  // Ten times the screen is no help.
  expect(outcome.stderr.length).toBeLessThan(8000);
  expect(await place.names()).toEqual(["lading.yaml"]);
});

test("aliases that multiply are refused before they fill the memory", async () => {
  const lines = Array.from({ length: 12 }, (_, at) => {
    const item = at === 0 ? "x" : `*a${at - 1}`;
    return `a${at}: &a${at} [${Array<string>(10).fill(item).join(", ")}]`;
  });
  await using place = await workspace({ "lading.yaml": `${lines.join("\n")}\n` });
  expectRefusal(await attempt(place, ["build"]), { says: "Excessive alias count", status: 2 });
});

test("bytes that are no text are refused", async () => {
  await using place = await workspace();
  writeFileSync(join(place.path, "lading.yaml"), Buffer.from([0x66, 0x3a, 0x20, 0xff, 0xfe]));
  expectRefusal(await attempt(place, ["build"]), { says: 'Cannot read "lading.yaml": it is not UTF-8', status: 2 });
});

test.concurrent.each([
  ["throws", 'throw new Error("boom\\n::error::x \\x1b[31m");', String.raw`boom\x0a::error::x \x1b[31m`],
  ["has a syntax error", "export default { from: ;", 'Cannot run "lading.config.ts"'],
  ["has no default export", "export const a = 1;", "it has no default export"],
  ["exports a number", "export default 5;", "expected a mapping, found 5"],
  ["exports nothing", "export default null;", "expected a mapping, found nothing"],
  ["exports a function that throws", 'export default () => { throw "no"; };', "no"],
  ["has an unknown key", 'export default { frm: "scratch" };', ['Unknown key "frm"', 'Did you mean "from"?']],
  ["waits for ever", "export default new Promise(() => {});", "it waits for something that never happens"],
  ["waits for ever while it loads", "await new Promise(() => {}); export default {};", "never happens"],
  ["imports what is not there", 'import "nope"; export default {};', "Cannot find package 'nope'"],
  ["has a getter that throws", 'export default { get from() { throw new Error("got"); } };', "got"],
  ["holds itself", "const a: any = {}; a.layers = a; export default a;", "layers: expected a list"],
  ["holds a bigint", "export default { env: { A: 10n } };", ["env.A: expected text", "found 10n"]],
  ["holds a symbol", 'export default { env: { A: Symbol("x") } };', "env.A: expected text"],
])("a lading.config.ts that %s is told so", async (_, module, says) => {
  await using place = await workspace({ "lading.config.ts": module });
  expectRefusal(await attempt(place, ["build"]), { says, status: 2 });
  expect(await place.names()).toEqual(["lading.config.ts"]);
});

test.concurrent.each(['setTimeout(() => { throw new Error("late"); }, 0);', 'void Promise.reject(new Error("late"));'])(
  "what a lading.config.ts throws behind our back ends the build in words: %s",
  async (line) => {
    const module = `${line}\nexport default new Promise((done) => setTimeout(() => done({}), 200));\n`;
    await using place = await workspace({ "lading.config.ts": module });
    expectRefusal(await attempt(place, ["build"]), { says: "late", status: 1 });
  },
);

test.concurrent.each<readonly [string, string, string]>([
  ...["linux/", "/amd64", "", "linux /amd64", "linux/\x1b[31m"].map(
    (value) => ["platform", value, "Cannot parse platform"] as const,
  ),
  ["platform", "linux/amd64,linux/x86_64", "Cannot build for"],
  ...["bzip2", "gzip:", "gzip:abc", "GZIP", ""].map(
    (value) => ["compression", value, "expected gzip, zstd or none"] as const,
  ),
  ["compression", "gzip:99", "levels of gzip are 1 to 9"],
  ["compression", "zstd:0", "levels of zstd are 1 to 22"],
  ["compression", "none:1", "none takes no level"],
  ...["0", "65536", "8010-8000"].map((value) => ["expose", value, "ports are 1 to 65535"] as const),
  ...["-1", "abc", "80/foo", "", "99999999999999"].map((value) => ["expose", value, "expected a port"] as const),
  ...["UNSET_HERE", "=x", ""].map((value) => ["env", value, "expected NAME=VALUE"] as const),
  ...["x", "=v", ""].map((value) => ["label", value, "expected NAME=VALUE"] as const),
  ["annotation", "x", "expected NAME=VALUE"],
  ["healthcheck", "{", "it is not valid JSON"],
  ["healthcheck", "[1]", "expected a JSON array of strings"],
  ["healthcheck", "{}", "--healthcheck.test: expected text or a list"],
  ["healthcheck", '{"test":"x","bogus":1}', 'error: Unknown key "bogus" in healthcheck'],
  ["healthcheck", '{"test":"x","interval":"5 potatoes"}', "expected a duration"],
  ["healthcheck", '{"test":"x","interval":-1}', "less than 1ms"],
  ["healthcheck", "", "test is empty"],
  ...["", ":", "a:b:c", "a b", "x\ny", "root:", "-1", "1000:-1"].map(
    (value) => ["user", value, "Cannot set user"] as const,
  ),
  ...["2147483648", "0:4294967296"].map((value) => ["user", value, "numbers end at 2147483647"] as const),
  ...["SIGFOO", "0", "999", ""].map((value) => ["stop-signal", value, "Cannot set stopSignal"] as const),
  ["workdir", "", "expected a path in the image"],
  ...["rel/x", ""].map((value) => ["volume", value, "expected an absolute path"] as const),
  ...["yesterday", "", "2020-01-01", "1e9"].map((value) => ["created", value, "2026-01-31T12:00:00Z"] as const),
  ...['["a",1]', "["].map((value) => ["entrypoint", value, "--entrypoint"] as const),
  ["entrypoint", 'a "b', "is not closed"],
  ["entrypoint", "''", "its first word is empty"],
  ...["UPPER", "a:b:c", "x@sha256:12", "", "x\x1b[0m", "a//b", `x@sha256:${"0".repeat(64)}`, "a".repeat(300)].map(
    (value) => ["tag", value, "name"] as const,
  ),
  ["add", "src", "expected SRC:DEST"],
  ["add", ":/x", "expected SRC:DEST"],
  ["add", "src:", "expected SRC:DEST"],
  ["output", "-", "oci-archive:-"],
  ["output", "", "image name"],
  ["output", "oci-archive:", "it names no path"],
  ["output", "out.tar", "oci-archive:out.tar"],
  ["output", "bogus:x", "oci-archive:FILE for a file"],
  ["output", "oci:layout:a b", '"library/a b" is not a repository path'],
  ["output", `oci:layout@sha256:${"0".repeat(64)}`, "its digest comes out of it"],
  ["output", `oci-archive:out.tar:a@sha256:${"0".repeat(64)}`, "the digest comes out of the build"],
  ["output", "oci:-", "a folder cannot go to standard output"],
  ["from", "podman:node:24", "podman save"],
  ["from", "oci-archive:", "it names no path"],
  ["ad", "src:/x", "Did you mean --add?"],
])("--%s=%j is wrong usage", async (flag, value, says) => {
  await using place = await small();
  const outcome = await attempt(place, [
    "build",
    "--add",
    "src:/x",
    ...(value === "" ? [`--${flag}`, ""] : [`--${flag}=${value}`]),
  ]);
  expectRefusal(outcome, { says, status: 2 });
  expect(await place.names()).toEqual(["src"]);
});

test.concurrent.each(["abc", "-1", "1.5", "99999999999999"])("SOURCE_DATE_EPOCH=%s is wrong usage", async (value) => {
  await using place = await small();
  const env = { SOURCE_DATE_EPOCH: value };
  await expectBuildRefused(place, ["--add", "src:/x"], { says: `SOURCE_DATE_EPOCH="${value}"`, status: 2 }, { env });
});

function layers(count: number): string {
  return `layers:\n${Array.from({ length: count }, (_, at) => `  - add: [{ content: x, dest: /x${at} }]\n`).join("")}`;
}

test("more layers than an engine can stack are refused, and empty ones do not count", async () => {
  await using place = await workspace({ "lading.yaml": layers(2000) });
  await expectBuildRefused(place, [], { says: ["more than 500 layers", "hint: "], status: 2 });
  await place.write({ "lading.yaml": `layers:\n${"  - add: []\n".repeat(2000)}  - add: [{ content: x, dest: /x }]\n` });
  expect((await attempt(place, ["build", "-o", "oci-archive:one.tar"])).status).toBe(0);
});

test("an environment too large for a config is refused, and nothing is written", async () => {
  const variables = Array.from({ length: 4000 }, (_, at) => `  A${at}: ${"x".repeat(900)}\n`).join("");
  await using place = await workspace({ "lading.yaml": `env:\n${variables}labels:\n${variables}${content}` });
  const outcome = await attempt(place, ["build", "-o", "oci-archive:out.tar"]);
  expect(outcome).toMatchObject({ stdout: "" });
  expect(outcome.status).toBeGreaterThan(0);
  await place.write({ "lading.yaml": `env:\n${variables}${content}` });
  const escaped = ["--label", `big=${"\u0001".repeat(100_000)}`];
  expectRefusal(await attempt(place, ["build", "-o", "oci-archive:out.tar", ...escaped]), {
    says: "more than 4194304",
  });
  expect(await place.names()).toEqual(["lading.yaml"]);
});
