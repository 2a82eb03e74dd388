import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  closeSync,
  writeSync,
  ftruncateSync,
} from "node:fs";
import { createServer } from "node:net";
import { rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { installed, isRoot } from "../interop/command.ts";
import { asNobody, attempt, expectBuildRefused, expectRefusal, small } from "./attempt.ts";

test.concurrent.each([
  ["a missing file", "nope:/x", 'Cannot add "nope": there is no such file in'],
  ["a slip of the pen", "srv/a:/x", 'hint: Did you mean "src/a"?'],
  ["a file used as a folder", "src/a/b:/x", 'Cannot add "src/a/b"'],
  ["a glob that matches nothing", "src/*.zzz:/x/", 'Cannot add "src/*.zzz": it matches nothing in'],
  ["an empty folder's glob", "empty/*:/x/", 'Cannot add "empty/*": it matches nothing in'],
  ["a path above the context", "../outside/secret:/x", 'Cannot add "../outside/secret": outside the context'],
  ["a path that comes back out", "src/../../outside:/x", "outside the context"],
  ["an absolute path elsewhere", "/etc/passwd:/x", 'Cannot add "/etc/passwd": outside the context'],
  ["a glob above the context", "../*:/x/", 'Cannot add "../*": outside the context'],
  ["a way through a symlink that leads out", "src/out/secret:/x", 'Cannot add "src/out/secret": a symlink on its way'],
  ["a way through a symlink to nowhere", "src/nowhere/x:/x", 'Cannot add "src/nowhere/x"'],
  [
    "a way through a symlink loop",
    "src/loop/x:/x",
    ['Cannot read "src/loop/x": symlinks lead round in circles', "hint: "],
  ],
])("refused as a source: %s", async (_, add, says) => {
  await using place = await small({ "../outside/secret": "do not ship" });
  mkdirSync(join(place.path, "empty"));
  symlinkSync("../../outside", join(place.path, "src/out"));
  symlinkSync("gone", join(place.path, "src/nowhere"));
  symlinkSync("loop", join(place.path, "src/loop"));
  await expectBuildRefused(place, ["--add", add], { says });
});

test("symlinks that lead out, nowhere or in circles stay symlinks, with a warning when they are named", async () => {
  await using place = await small({ "../outside/secret": "do not ship" });
  for (const [target, name] of [
    ["../../outside/secret", "file"],
    ["../../outside", "folder"],
    ["nowhere", "nowhere"],
    ["loop", "loop"],
  ] as const)
    symlinkSync(target, join(place.path, "src", name));

  const whole = await attempt(place, [
    "build",
    "--add",
    "src:/x",
    "-o",
    "docker-archive:out.tar",
    "--compression",
    "none",
  ]);
  const named = await attempt(place, ["build", "--add", "src/file:/x", "--dry-run"]);

  expect(whole.status).toBe(0);
  expect(await place.read("out.tar")).not.toContain("do not ship");
  expect(await place.read("out.tar")).toContain("../../outside/secret");
  expect(named.stderr).toBe(
    'warning: "src/file" is a symlink that leads to nothing in the context: added as a symlink\n',
  );
});

test("a FIFO, a socket or a device is refused by name wherever it is met, and nothing waits for it", async () => {
  await using place = await small();
  execFileSync("mkfifo", [join(place.path, "src/fifo")]);
  const fifo = { says: ['Cannot add "src/fifo": it is a FIFO', "hint: Exclude it"] };
  for (const args of [
    ["--add", "src:/x"],
    ["--add", "src/fifo:/x"],
    ["--add", "src/*:/x/"],
    ["--unpack", "src/fifo:/x"],
  ])
    await expectBuildRefused(place, args, fifo);
  await expectBuildRefused(place, ["--add", "src/a:/x", "--ignore-file", "src/fifo"], { says: "not a regular file" });
  await expectBuildRefused(place, ["--file", "src/fifo"], { says: "not a regular file", status: 2 });
  await expectBuildRefused(place, ["--from", "oci-archive:src/fifo"], { says: "src/fifo: not a regular file" });

  await rm(join(place.path, "src/fifo"));
  const server = createServer().listen(join(place.path, "src/socket"));
  try {
    await expectBuildRefused(place, ["--add", "src:/x"], { says: 'Cannot add "src/socket": it is a socket' });
  } finally {
    server.close();
  }
});

test.each([".ladingignore", "lading.yaml", "lading.config.ts"])(
  "a FIFO called %s does not stop a build for ever",
  async (name) => {
    await using place = await small();
    execFileSync("mkfifo", [join(place.path, name)]);
    const { status, stderr } = await attempt(place, ["build", "--add", "src:/x", "-o", "oci-archive:out.tar"]);
    expect(status).toBeGreaterThan(0);
    expect(stderr).toContain(name);
    expect(stderr).toContain("not a regular file");
  },
);

test.runIf(isRoot)("a device is refused by name", async () => {
  await using place = await small();
  execFileSync("mknod", [join(place.path, "src/zero"), "c", "1", "5"]);
  await expectBuildRefused(place, ["--add", "src:/x"], { says: 'Cannot add "src/zero": it is a device' });
  await expectBuildRefused(place, ["--file", "/dev/zero"], { says: "not a regular file", status: 2 });
});

test.runIf(isRoot && installed("setpriv"))("what may not be read is named, with what to do", async () => {
  await using place = await small({ "closed/x": "", ".dockerignore": "" });
  execFileSync("chmod", ["-R", "a+rX", place.path, join(place.path, "..")]);
  const cache = join(place.path, "../nobodys");
  mkdirSync(cache, { mode: 0o777 });
  chmodSync(cache, 0o777);
  const nobody = { through: asNobody, env: { LADING_CACHE_DIR: cache, HOME: "/nonexistent" } };
  writeFileSync(join(place.path, "src/a"), "private", { mode: 0o600 });
  chmodSync(join(place.path, "src/a"), 0o600);
  chmodSync(join(place.path, "closed"), 0o700);
  mkdirSync(join(place.path, "writable"), { mode: 0o777 });
  chmodSync(join(place.path, "writable"), 0o777);

  for (const add of ["src:/x", "src/a:/x", "closed:/x", "closed/x:/x", "closed/*:/x/"]) {
    const outcome = await attempt(place, ["build", "--add", add, "-o", "oci-archive:writable/out.tar"], nobody);
    expectRefusal(outcome, { says: ["Cannot read ", "permission denied", "hint: Make it readable, or exclude it"] });
    expect(outcome.stderr).toMatch(/^error: Cannot read ".*(?:src\/a|closed)(?:\/x)?":/);
  }
  expect(await place.names("writable")).toEqual([]);

  chmodSync(join(place.path, ".dockerignore"), 0o600);
  const { status, stderr } = await attempt(
    place,
    ["build", "--add", "closed:/x", "-o", "oci-archive:writable/out.tar"],
    nobody,
  );
  expect(status).toBe(1);
  expect(stderr).toContain('error: Cannot read the ignore file ".dockerignore"');
});

test.each<[string, (path: string) => Promise<void>, RegExp]>([
  [
    "is written to",
    async (path) => {
      const file = openSync(path, "r+");
      try {
        for (let at = 0; at < 300; at++) {
          writeSync(file, "x", at * 1000);
          await sleep(5);
        }
      } finally {
        closeSync(file);
      }
    },
    /it was (?:written to|touched)/,
  ],
  [
    "grows",
    async (path) => {
      const file = openSync(path, "r+");
      try {
        for (let at = 1; at < 300; at++) {
          ftruncateSync(file, size + at);
          await sleep(5);
        }
      } finally {
        closeSync(file);
      }
    },
    /it grew from \d+ to \d+ bytes|it was (?:written to|touched)/,
  ],
])("a big file that %s while it is read stops the build", async (_, write, how) => {
  await using place = await small();
  const path = join(place.path, "src/big");
  writeFileSync(path, "");
  await truncate(path, size);
  let writing: Promise<void> = Promise.resolve();
  const outcome = await attempt(place, ["build", "--add", "src:/x", "-o", "oci-archive:out.tar"], {
    meanwhile: async () => {
      writing = write(path);
      await Promise.resolve();
    },
  });
  await writing;
  expect(outcome).toMatchObject({ status: 1, stdout: "" });
  expect(outcome.stderr).toMatch(/^error: Cannot pack ".*src\/big": /m);
  expect(outcome.stderr).toMatch(how);
  expect(outcome.stderr).toContain("hint: Build again when nothing writes to the sources any more");
  expect(await place.names()).toEqual(["src"]);
});

const size = 200 * 2 ** 20;

test("secrets stop the build, told by name, and go where they are allowed by name", async () => {
  await using place = await small({
    "src/.env": "A=1",
    "src/.npmrc": "//registry.example/:_authToken=npm_abc",
    "src/id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    "src/deep/.aws/credentials": "[default]\n",
  });
  await expectBuildRefused(place, ["--add", "src:/x"], {
    says: ["src/.env (", "src/.npmrc (", "src/id_ed25519 (", "src/deep/.aws/credentials (", "--allow-secret"],
  });
  await expectBuildRefused(place, ["--add", "src:/x", "--allow-secret", ".env", "--allow-secret", "src/.npmrc"], {
    says: "what looks like secrets: src/deep/.aws/credentials (AWS keys), src/id_ed25519 (private key)",
  });
});

test.concurrent.each([
  ["two files", "{ content: a, dest: /x/f }, { content: b, dest: /x/f }", '"/x/f"'],
  ["a file where a folder is", "{ src: src, dest: /x }, { content: b, dest: /x }", '"/x"'],
  ["a folder where a file is", "{ content: b, dest: /x }, { src: src, dest: /x }", '"/x"'],
  ["a file below a file", "{ content: b, dest: /x }, { content: c, dest: /x/y }", '"/x"'],
  ["a file of a folder again", "{ src: src, dest: /x }, { content: b, dest: /x/a }", '"src/a" is already there'],
])("one place cannot hold two things: %s", async (_, add, says) => {
  await using place = await small({ "lading.yaml": `layers: [{ add: [${add}] }]\n` });
  await expectBuildRefused(place, [], { says });
});

test("names that differ in case alone are kept, with a warning", async () => {
  await using place = await small({ "src/README": "1", "src/readme": "2" });
  const { status, stderr } = await attempt(place, ["build", "--add", "src:/x", "-o", "oci-archive:out.tar"]);
  expect(status).toBe(0);
  expect(stderr).toContain('warning: Layer "add" has "/x/README" and "/x/readme"');
});

const tricky = [
  "new\nline",
  "::error::x\n::error::y",
  "tab\t",
  "esc\x1b[31m\x1b]0;title\x07",
  "rtl\u202egnp",
  "n".repeat(255),
];

test("names that talk to a terminal are files like others, and never reach it as they are", async () => {
  await using place = await small();
  for (const name of tricky) writeFileSync(join(place.path, "src", name), "x");
  writeFileSync(Buffer.concat([Buffer.from(join(place.path, "src/")), Buffer.from([0xff, 0xfe])]), "x");
  for (const args of [
    ["-o", "oci-archive:out.tar", "--progress", "plain", "--explain"],
    ["-o", "oci-archive:esc\x1b[31m\nerror.tar", "--progress", "plain"],
    ["-o", "oci-archive:esc\x1b[31m\nerror.tar", "--progress", "none", "--no-cache"],
    ["-o", "oci-archive:out.tar", "--from", "oci-archive:out.tar", "--dry-run"],
  ]) {
    const { status, stdout, stderr } = await attempt(place, ["build", "--add", "src:/x", ...args]);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f\u202e]/);
    expect(stdout + stderr).not.toMatch(/^\s*::error::/m);
  }
});

test("a newline in a name does not forge a line of an error", async () => {
  await using place = await small();
  const name = "f\n::error::forged\x1b[2J";
  execFileSync("mkfifo", [join(place.path, "src", name)]);
  await expectBuildRefused(place, ["--add", "src:/x"], { says: String.raw`f\x0a::error::forged\x1b[2J` });
  for (const args of [
    ["--add", `${name}:/x`],
    ["--from", `oci:${name}`],
    ["--file", name],
    ["--ignore-file", name, "--add", "src/a:/x"],
    ["--user", name, "--add", "src/a:/x"],
  ]) {
    const { status, stderr } = await attempt(place, ["build", ...args]);
    expect(status).toBeGreaterThan(0);
    expect(stderr).not.toMatch(/^\s*::error::/m);
  }
});

test("an ignore file names files by their bytes", async () => {
  await using place = await small();
  const name = Buffer.from([0xff, 0xfe]);
  writeFileSync(Buffer.concat([Buffer.from(join(place.path, "src/")), name]), "private");
  writeFileSync(join(place.path, ".ladingignore"), Buffer.concat([Buffer.from("src/"), name, Buffer.from("\n")]));
  const { stdout } = await attempt(place, ["build", "--add", "src:/x", "--dry-run"]);
  expect(stdout).toContain("2 entries");
});

test("a path of 200 folders is built; one that Linux cannot open is refused", async () => {
  await using place = await small();
  mkdirSync(join(place.path, "src", ...Array<string>(200).fill("d")), { recursive: true });
  writeFileSync(join(place.path, "src", ...Array<string>(200).fill("d"), "f"), "x");
  expect((await attempt(place, ["build", "--add", "src:/x", "-o", "oci-archive:out.tar"])).status).toBe(0);

  const dig = `for (let i = 0; i < 5; i++) { fs.mkdirSync(process.argv[1], { recursive: true }); process.chdir(process.argv[1]); }`;
  execFileSync(process.execPath, ["-e", dig, Array<string>(20).fill("d".repeat(50)).join("/")], {
    cwd: join(place.path, "src"),
  });
  await expectBuildRefused(place, ["--add", "src:/x"], { says: ["its path is too long", "or exclude it"] });
  execFileSync("rm", ["-rf", join(place.path, "src")]);
});
