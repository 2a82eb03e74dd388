import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { compareBytestrings, LayoutStore, nameOf, OciArchive, openImage } from "@lading/oci";
import { expect, test } from "vitest";
import { installed, isRoot } from "../interop/command.ts";
import { asNobody, attempt, expectBuildRefused, expectRefusal, small, type Workspace } from "./attempt.ts";

const add = ["build", "--add", "src:/x"];

test("an output that cannot be is refused before anything is packed", async () => {
  await using place = await small({ "folder/x": "", file: "" });
  symlinkSync("folder", join(place.path, "link"));
  for (const [output, says] of [
    ["oci-archive:folder", "Cannot write archive folder: it is a folder"],
    ["docker-archive:link", "Cannot write archive link: it is a folder"],
    ["oci-archive:gone/out.tar", "there is no folder gone"],
    ["oci-archive:file/out.tar", "Cannot write archive file/out.tar: "],
  ] as const)
    expectRefusal(await attempt(place, [...add, "-o", output]), { says });
  expectRefusal(await attempt(place, [...add, "-o", "oci:file"]), { says: "it is a file", status: 2 });
  expectRefusal(await attempt(place, [...add, "-o", "oci:folder"]), { says: ['it holds "x"', "hint: Name a folder"] });
  expect(await place.names("folder")).toEqual(["x"]);
});

test.each([
  ["two archives", ["-o", "oci-archive:out.tar", "-o", "docker-archive:./out.tar"]],
  ["the same archive twice", ["-o", "oci-archive:out.tar", "-o", "oci-archive:out.tar"]],
  ["an archive and a report", ["-o", "oci-archive:out.tar", "--digest-file", "out.tar"]],
  ["two reports", ["--metadata-file", "out.tar", "--iidfile", "out.tar"]],
])("one file does not become %s", async (_, args) => {
  await using place = await small({ "out.tar": "the old one" });
  expectRefusal(await attempt(place, [...add, ...args]), { says: "they are one file", status: 2 });
  expect(await place.read("out.tar")).toBe("the old one");
});

// Node's own recursive mkdir never returns below /proc.
test.each([
  ["an output", ["-o", "oci:/proc/gone/layout"]],
  ["the cache", ["-o", "oci-archive:out.tar", "--cache-dir", "/proc/gone"]],
  ["a report", ["-o", "oci-archive:out.tar", "--digest-file", "/proc/gone/digest"]],
])("a folder that cannot be made for %s is an error, and nothing waits for it", async (_, args) => {
  await using place = await small();
  expectRefusal(await attempt(place, [...add, ...args]), { says: "/proc/gone" });
});

test("a report that is a folder is refused before anything is written", async () => {
  await using place = await small();
  await expectBuildRefused(place, ["--add", "src/a:/x", "--metadata-file", "src"], {
    says: "it is a folder",
    status: 2,
  });
});

test("a report that cannot be written is told by name", async () => {
  await using place = await small();
  const outcome = await attempt(place, [
    ...add,
    "-o",
    "oci-archive:out.tar",
    "--metadata-file",
    "src/a/report.json",
    "-q",
  ]);
  expectRefusal(outcome, { says: 'error: Cannot write "src/a/report.json"' });
});

test("a symlink at the output is replaced, and what it leads to is left alone", async () => {
  await using place = await small({ "../outside/victim": "untouched" });
  for (const [name, target] of [
    ["archive.tar", "../outside/victim"],
    ["dangling.tar", "../outside/new"],
    ["loop.tar", "loop.tar"],
  ] as const) {
    symlinkSync(target, join(place.path, name));
    expect((await attempt(place, [...add, "-o", `oci-archive:${name}`])).status).toBe(0);
    expect(lstatSync(join(place.path, name)).isFile()).toBe(true);
  }
  symlinkSync("../outside/victim", join(place.path, "report"));
  expect((await attempt(place, [...add, "-o", "oci-archive:o.tar", "--digest-file", "report"])).status).toBe(0);
  expect(await place.read("../outside/victim")).toBe("untouched");
  expect(await place.names("../outside")).toEqual(["victim"]);
});

test("a base may be replaced by what is built on it", async () => {
  await using place = await small();
  expect((await attempt(place, [...add, "-o", "oci-archive:image.tar"])).status).toBe(0);
  const again = await attempt(place, [
    "build",
    "--from",
    "oci-archive:image.tar",
    "--add",
    "src:/y",
    "-o",
    "oci-archive:image.tar",
  ]);
  expect(again).toMatchObject({ status: 0 });
  const archive = await OciArchive.open(join(place.path, "image.tar"));
  expect((await openImage(archive, "")).layers).toHaveLength(2);
});

test.runIf(isRoot)("devices are written to, and stay devices", async () => {
  await using place = await small();
  const device = join(place.path, "null");
  execFileSync("mknod", [device, "c", "1", "3"]);
  expect((await attempt(place, [...add, "-o", "oci-archive:null"])).status).toBe(0);
  expect((await attempt(place, [...add, "-o", "oci-archive:out.tar", "--iidfile", "null"])).status).toBe(0);
  expect(statSync(device).isCharacterDevice()).toBe(true);
});

test("a pipe that nobody reads is told, and does not hold up the build for ever", async () => {
  await using place = await small();
  execFileSync("mkfifo", [join(place.path, "pipe")]);
  expectRefusal(await attempt(place, [...add, "-o", "oci-archive:pipe"]), { says: "nobody reads" });
});

test.runIf(isRoot && installed("setpriv"))("a folder that may not be written is told by name", async () => {
  await using place = await small();
  const cache = join(place.path, "../nobodys");
  mkdirSync(cache);
  chmodSync(cache, 0o777);
  execFileSync("chmod", ["-R", "a+rX", place.path, join(place.path, "..")]);
  const nobody = { through: asNobody, env: { LADING_CACHE_DIR: cache, HOME: "/nonexistent" } };
  mkdirSync(join(place.path, "closed"), { mode: 0o555 });
  for (const output of [
    "oci-archive:closed/out.tar",
    "docker-archive:closed/out.tar",
    "oci:closed/layout",
    "oci:closed",
  ])
    expectRefusal(await attempt(place, [...add, "-o", output], nobody), { says: ["closed", "permission denied"] });

  const foreign = { ...nobody, env: { ...nobody.env, LADING_CACHE_DIR: join(place.path, "closed") } };
  expectRefusal(await attempt(place, [...add, "-o", "oci-archive:/dev/null"], foreign), {
    says: [`the cache "${join(place.path, "closed")}"`, "permission denied", "hint: "],
  });
  expect(await place.names("closed")).toEqual([]);
});

test.runIf(isRoot && installed("mount"))("a full disk is told, and nothing is left on it", async () => {
  await using place = await small();
  writeFileSync(join(place.path, "src/big"), Buffer.alloc(3_000_000, 1));
  const full = join(place.path, "full");
  mkdirSync(full);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", full]);
  try {
    const plain = [...add, "--compression", "none"];
    writeFileSync(join(full, "out.tar"), "the old one");
    for (const output of ["oci-archive:full/out.tar", "docker-archive:full/out.tar"])
      expectRefusal(await attempt(place, [...plain, "-o", output]), {
        says: [output, "no space left", "hint: Free some space"],
      });
    expect(await place.names("full")).toEqual(["out.tar"]);
    expect(await place.read("full/out.tar")).toBe("the old one");

    expectRefusal(await attempt(place, [...plain, "-o", "oci:full/layout"]), {
      says: ["oci:full/layout", "no space left"],
    });
    expect(await (await LayoutStore.open(join(full, "layout"))).list()).toEqual([]);

    await expectBuildRefused(place, [...plain.slice(1), "--cache-dir", "full/cache", "--no-cache"], {
      says: ["Cannot write to the cache", "the disk is full", "hint: Make room with `lading cache prune`"],
    });
    expect(readdirSync(join(full, "cache/tmp"))).toEqual([]);
    expect(readdirSync(join(full, "cache/blobs/sha256"))).toEqual([]);
  } finally {
    execFileSync("umount", [full]);
  }
});

const big = 300 * 2 ** 20;

async function withBigFile(): Promise<Workspace> {
  const place = await small();
  writeFileSync(join(place.path, "src/big"), "");
  await truncate(join(place.path, "src/big"), big);
  return place;
}

/** Waits until a name like that shows up in a folder, as the sign that a build is in the middle of it. */
async function appears(folder: string, name: RegExp): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    try {
      if (readdirSync(folder).some((each) => name.test(each))) return;
    } catch {
      // Not made yet.
    }
    await sleep(5);
  }
  throw new Error(`Nothing like ${name} appears in ${folder}`);
}

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s while packing and while writing ends with 130 and leaves nothing",
  async (signal) => {
    await using place = await withBigFile();
    await place.write({ "out.tar": "the old one" });
    const compression = ["--compression", "none"];
    for (const [folder, name] of [
      [join(place.cache, "tmp"), /./],
      [place.path, /^\.lading-/],
    ] as const) {
      const outcome = await attempt(place, [...add, ...compression, "-o", "oci-archive:out.tar", "-q"], {
        meanwhile: async (pid) => {
          await appears(folder, name);
          process.kill(pid, signal);
        },
      });
      expect(outcome).toEqual({ status: 130, stdout: "", stderr: "error: Interrupted\n" });
      expect(await place.names()).toEqual(["out.tar", "src"]);
      expect(await place.read("out.tar")).toBe("the old one");
      expect(readdirSync(join(place.cache, "tmp"))).toEqual([]);
      // For the second round the layer is in the cache, and only the writing is left to interrupt.
      if (folder !== place.path)
        expect((await attempt(place, [...add, ...compression, "-o", "oci:warm"])).status).toBe(0);
      execFileSync("rm", ["-rf", join(place.path, "warm")]);
    }
  },
);

test("a build that is killed leaves nothing that a later one believes or ships", async () => {
  await using place = await withBigFile();
  const args = ["build", "--add", ".:/x", "--compression", "none", "-o", "oci-archive:out.tar", "-q"];
  const whole = await attempt(place, args);
  execFileSync("rm", [join(place.path, "out.tar")]);
  const kill = (folder: string, name: RegExp, more: readonly string[] = []): Promise<unknown> =>
    attempt(place, [...args, ...more], {
      meanwhile: async (pid) => {
        await appears(folder, name);
        process.kill(pid, "SIGKILL");
      },
    });
  await kill(place.path, /^\.lading-/);
  const leftover = (await place.names()).find((name) => name.startsWith(".lading-")) ?? "";
  expect(leftover).not.toBe("");
  await kill(join(place.cache, "tmp"), /./, ["--no-cache"]);

  // What the killed one left lies in the context, and is not taken for a source.
  expect(await attempt(place, args)).toEqual(whole);
  expect(readdirSync(join(place.cache, "tmp"))).toEqual([]);
  // Another writer may still be at it; after a day there is none.
  utimesSync(join(place.path, leftover), 0, 0);
  expect((await attempt(place, [...args, "--tag", "a:1"])).status).toBe(0);
  expect(await place.names()).toEqual(["out.tar", "src"]);
});

test("builds at the same time share a cache, an archive and a layout", async () => {
  await using place = await small();
  writeFileSync(join(place.path, "src/mid"), Buffer.alloc(2_000_000, "lading"));
  const tags = ["1", "2", "3", "4", "5", "6"];
  const outcomes = await Promise.all(
    tags.map((tag) =>
      attempt(place, [...add, "-t", `app:${tag}`, "-o", "oci:layout", "-o", "oci-archive:out.tar", "-q"]),
    ),
  );
  expect(new Set(outcomes.map(({ stdout }) => stdout)).size).toBe(1);
  expect(outcomes.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
    tags.map(() => ({ status: 0, stderr: "" })),
  );
  const layout = await LayoutStore.open(join(place.path, "layout"));
  expect((await layout.list()).map((entry) => nameOf(entry) ?? "").toSorted(compareBytestrings)).toEqual(
    tags.map((tag) => `docker.io/library/app:${tag}`),
  );
  const archive = await OciArchive.open(join(place.path, "out.tar"));
  expect(await archive.list()).toHaveLength(1);
  expect(await place.names()).toEqual(["layout", "out.tar", "src"]);
});

test("a reader that goes away ends a build to standard output", async () => {
  await using place = await withBigFile();
  const shell = spawn(
    "sh",
    [
      "-c",
      `"$0" build --add src:/x --compression none -o oci-archive:- -q | head -c 1000 >/dev/null`,
      join(import.meta.dirname, "../../lading"),
    ],
    {
      cwd: place.path,
      env: { ...process.env, LADING_CACHE_DIR: place.cache },
      stdio: "ignore",
      timeout: 20_000,
      killSignal: "SIGKILL",
    },
  );
  expect(await new Promise((resolve) => shell.once("close", resolve))).toBe(0);
  expect(readdirSync(join(place.cache, "tmp"))).toEqual([]);
});
