import { chmod, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { type BuildahCase, buildahCases, Context, madeBases, refused, runCases } from "./buildah-cases.ts";
import { attempt, installed, isRoot, run } from "./command.ts";
import { lading, ladingCommand } from "./lading.ts";
import { readTree, type TreeEntry } from "./tree.ts";

/*
 * The same Dockerfiles by buildah: the config, and the files as umoci unpacks them, are to be the same.
 */

const canBuild = installed("buildah", "umoci", "skopeo", "tar", "xz", "bzip2", "busybox", "runc") && isRoot;

const config = z.record(z.string(), z.unknown());
const inspected = z.object({ Docker: z.object({ config, author: z.string().optional() }) });
const raw = z.object({ config, author: z.string().optional() });

/** What an image is: its config without what is empty, and its files. */
interface Built {
  readonly config: Readonly<Record<string, unknown>>;
  readonly files: Readonly<Record<string, unknown>>;
}

describe.runIf(canBuild)("buildah", () => {
  let work: Awaited<ReturnType<typeof temporaryFolder>>;
  const args: string[] = [];
  const at = (...path: readonly string[]): string => join(work.path, ...path);
  const env = (): Record<string, string> => ({ LADING_CACHE_DIR: at("cache"), LADING_ROOT: at("state") });
  const storage = (): string[] => ["--root", at("root"), "--runroot", at("run"), "--storage-driver", "vfs"];

  beforeAll(async () => {
    work = await temporaryFolder();
    for (const { name, dockerfile, make } of madeBases) {
      make(new Context(at(name)));
      await writeFile(at(name, "Dockerfile"), dockerfile);
      if (name === "SHELL") {
        const busybox = (await run("sh", ["-c", "command -v busybox"])).trim();
        await copyFile(busybox, at(name, "root/bin/sh"));
        await chmod(at(name, "root/bin/sh"), 0o755);
      }
      // Docker's format has what OCI has no words for.
      const place = `docker-archive:${at(`${name}.tar`)}`;
      await lading(["build", "-q", "-o", place, at(name)], { env: env() });
      args.push("--build-arg", `${name}=${place}`);
    }
  });
  afterAll(async () => await work[Symbol.asyncDispose]());

  async function byBuildah(context: string, more: readonly string[]): Promise<Built> {
    const format = ["--format", "docker", "--isolation", "chroot", "--identity-label=false"];
    await run("buildah", [...storage(), "bud", "-q", ...format, ...args, ...more, "-t", "image", context]);
    await run("buildah", [...storage(), "push", "-q", "image", `oci:${context}.theirs:1`]);
    const { config, author } = inspected.parse(
      JSON.parse(await run("buildah", [...storage(), "inspect", "--type", "image", "image"])),
    ).Docker;
    return { config: said({ ...config, Author: author }), files: await filesOf(`${context}.theirs`) };
  }

  async function byLading(context: string, more: readonly string[]): Promise<Built> {
    const layout = `${context}.ours`;
    await lading(["build", "-q", "-o", `oci:${layout}:1`, ...args, ...more, context], { env: env() });
    const { config, author } = raw.parse(
      JSON.parse(await run("skopeo", ["inspect", "--config", "--raw", `oci:${layout}:1`])),
    );
    return { config: said({ ...config, Author: author }), files: await filesOf(layout) };
  }

  const compare = async ({ name, dockerfile, args: more = [], make, known = {} }: BuildahCase): Promise<void> => {
    const context = at(name.replaceAll(/\W/g, "-"));
    const folder = new Context(context);
    make?.(folder);
    await writeFile(join(context, "Dockerfile"), dockerfile);
    const [theirs, mine] = await Promise.all([byBuildah(context, more), byLading(context, more)]);
    expect(differences(theirs, mine)).toEqual(known);
  };

  test.each(buildahCases)("$name", compare);
  test.each(runCases)("$name", compare);

  test.each(refused)("%s is refused by both", async (what, dockerfile) => {
    const context = at(what.replaceAll(/\W/g, "-"));
    new Context(context).files("a", "b");
    await writeFile(join(context, "Dockerfile"), dockerfile);
    const theirs = await attempt("buildah", [...storage(), "bud", "-q", "--isolation", "chroot", context]);
    const mine = await attempt(ladingCommand, ["build", "-q", "-o", `oci:${context}.ours`, context], { env: env() });
    expect({ theirs: theirs.status !== 0, mine: mine.status !== 0, written: mine.stdout }).toEqual({
      theirs: true,
      mine: true,
      written: "",
    });
  });
});

/** The files of a layout's image, by path. */
async function filesOf(layout: string): Promise<Built["files"]> {
  await run("umoci", ["unpack", "--image", `${layout}:1`, `${layout}-files`]);
  return Object.fromEntries(
    Array.from(await readTree(`${layout}-files/rootfs`), ([path, { mtime, ...entry }]: [string, TreeEntry]) => [
      path,
      entry.kind === "file" ? { ...entry, isContexts: mtime === 1_000_000_000 } : entry,
    ]),
  );
}

/** A config without what says nothing. */
function said(config: Readonly<Record<string, unknown>>): Built["config"] {
  // Names of the container that buildah works in.
  const { Hostname: _, Image: __, ...kept } = config;
  return Object.fromEntries(
    Object.entries(kept)
      .filter(([, value]) => !saysNothing(value))
      .map(([key, value]) => [key, Array.isArray(value) && key === "Env" ? value.map(String).toSorted() : value]),
  );
}

function saysNothing(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false || value === "";
}

/** What is not the same: by path, or by the config's key, theirs and then ours. */
function differences(theirs: Built, mine: Built): Record<string, readonly [unknown, unknown]> {
  const found: Record<string, readonly [unknown, unknown]> = {};
  for (const part of ["config", "files"] as const)
    for (const key of new Set([...Object.keys(theirs[part]), ...Object.keys(mine[part])])) {
      const pair = [theirs[part][key], mine[part][key]] as const;
      if (JSON.stringify(pair[0]) !== JSON.stringify(pair[1])) found[part === "config" ? key : `/${key}`] = pair;
    }
  return found;
}
