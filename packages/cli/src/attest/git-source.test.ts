import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { gitSource } from "./git-source.ts";

function git(folder: string, ...args: readonly string[]): string {
  const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"];
  return execFileSync("git", [...identity, ...args], { cwd: folder, encoding: "utf8" }).trim();
}

/** A repository with one commit; what it returns is that. */
function repository(folder: string): string {
  git(folder, "init", "--quiet");
  mkdirSync(join(folder, "app"));
  writeFileSync(join(folder, "app/file"), "one");
  writeFileSync(join(folder, "other"), "one");
  git(folder, "add", ".");
  git(folder, "commit", "--quiet", "-m", "first");
  return git(folder, "rev-parse", "HEAD");
}

test("a clean folder of a repository has its commit, branch and place, without passwords", async () => {
  await using folder = await temporaryFolder();
  const commit = repository(folder.path);
  git(folder.path, "remote", "add", "origin", "https://me:secret@git.example/acme/app.git?token=x");
  writeFileSync(join(folder.path, "other"), "changed elsewhere");

  expect(await gitSource(join(folder.path, "app"))).toEqual({
    uri: "git+https://git.example/acme/app.git@refs/heads/main",
    digest: { gitCommit: commit },
    annotations: { dirty: false, folder: "app" },
  });
});

test("a change, or a new file, makes it dirty; what the build itself writes does not", async () => {
  await using folder = await temporaryFolder();
  const commit = repository(folder.path);
  const outputs = [join(folder.path, "out.tar"), "/elsewhere/out.tar"];
  const dirty = async (): Promise<unknown> => (await gitSource(folder.path, { outputs }))?.annotations?.["dirty"];

  writeFileSync(join(folder.path, "out.tar"), "");
  expect(await gitSource(folder.path, { outputs })).toEqual({
    name: "source",
    digest: { gitCommit: commit },
    annotations: { dirty: false },
  });
  writeFileSync(join(folder.path, "new"), "");
  expect(await dirty()).toBe(true);
  git(folder.path, "add", "new");
  git(folder.path, "commit", "--quiet", "-m", "second");
  expect(await dirty()).toBe(false);
  writeFileSync(join(folder.path, "other"), "two");
  expect(await dirty()).toBe(true);
});

test.each([
  ["git@github.com:acme/app.git", "git+ssh://github.com/acme/app.git@refs/heads/main"],
  ["ssh://git@host:2222/app", "git+ssh://host:2222/app@refs/heads/main"],
  ["/srv/git/app.git", undefined],
  ["file:///srv/git/app.git", undefined],
])("a remote %s is told as %s", async (remote, uri) => {
  await using folder = await temporaryFolder();
  repository(folder.path);
  git(folder.path, "remote", "add", "origin", remote);

  expect((await gitSource(folder.path))?.uri).toBe(uri);
});

test("a folder without a repository, or without a commit, has no source", async () => {
  await using folder = await temporaryFolder();

  expect(await gitSource(folder.path)).toBeUndefined();
  git(folder.path, "init", "--quiet");
  expect(await gitSource(folder.path)).toBeUndefined();
});
