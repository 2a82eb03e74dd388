import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workspace } from "../cli/workspace.ts";

/*
 * Whatever is wrong with a Dockerfile is told with its place and what is meant, and nothing is written.
 */

interface Wrong {
  readonly what: string;
  readonly dockerfile: string;
  /** Line and column. */
  readonly at: string;
  readonly says: string;
  /** 2 for what is written wrong, 1 for what is not as it should be elsewhere. */
  readonly status: 1 | 2;
}

const wrong: readonly Wrong[] = [
  {
    what: "an unknown instruction",
    dockerfile: "FROM scratch\nCOPPY a /\n",
    at: "2:1",
    says: "Did you mean COPY?",
    status: 2,
  },
  { what: "an unknown flag", dockerfile: "FROM scratch\nCOPY --chwon=1 a /\n", at: "2:6", says: "--chown", status: 2 },
  { what: "no FROM", dockerfile: "COPY a /\n", at: "1:1", says: "stands before FROM", status: 2 },
  { what: "an empty file", dockerfile: "# nothing\n", at: "", says: "has no instructions", status: 2 },
  {
    what: "a missing source",
    dockerfile: "FROM scratch\nCOPY aa /\n",
    at: "2:1",
    says: 'Did you mean "a"?',
    status: 1,
  },
  {
    what: "wildcards without a match",
    dockerfile: "FROM scratch\nCOPY *.c /\n",
    at: "2:1",
    says: "matches nothing",
    status: 1,
  },
  {
    what: "an ignored source",
    dockerfile: "FROM scratch\nCOPY hidden /\n",
    at: "2:1",
    says: '"hidden" in .dockerignore hides it',
    status: 1,
  },
  {
    what: "a source outside the context",
    dockerfile: "FROM scratch\nCOPY ../x /\n",
    at: "2:1",
    says: "Sources lie in the context",
    status: 1,
  },
  {
    what: "a link out of the context",
    dockerfile: "FROM scratch\nCOPY out /\n",
    at: "2:1",
    says: 'Cannot find "out"',
    status: 1,
  },
  {
    what: "COPY without a destination",
    dockerfile: "FROM scratch\nCOPY a\n",
    at: "2:6",
    says: "it lacks the destination",
    status: 2,
  },
  {
    what: "a stage that is below",
    dockerfile:
      "FROM scratch\nCOPY --from=b a /\nFROM scratch AS b\nCOPY --from=0 a /\nFROM scratch\nCOPY --from=0 a /\n",
    at: "2:13",
    says: "not above this one",
    status: 2,
  },
  {
    what: "a stage that copies from itself",
    dockerfile: "FROM scratch AS self\nCOPY --from=self a /\n",
    at: "2:13",
    says: "not above this one",
    status: 2,
  },
  {
    what: "a port that is none",
    dockerfile: "FROM scratch\nCOPY a /\nEXPOSE 70000\n",
    at: "3:8",
    says: "70000",
    status: 2,
  },
  {
    what: "a mode that is none",
    dockerfile: "FROM scratch\nCOPY --chmod=999 a /\n",
    at: "2:14",
    says: "999",
    status: 2,
  },
  {
    what: "an owner that is none",
    dockerfile: "FROM scratch\nCOPY --chown=1:2:3 a /\n",
    at: "2:14",
    says: "1:2:3",
    status: 2,
  },
  {
    what: "an owner that is not there",
    dockerfile: "FROM scratch\nCOPY --chown=nobody a /\n",
    at: "2:1",
    says: "nobody",
    status: 2,
  },
  {
    what: "a duration that is none",
    dockerfile: "FROM scratch\nCOPY a /\nHEALTHCHECK --interval=fast CMD x\n",
    at: "3:",
    says: "fast",
    status: 2,
  },
  {
    what: "a signal that is none",
    dockerfile: "FROM scratch\nCOPY a /\nSTOPSIGNAL SIGNOPE\n",
    at: "3:",
    says: "SIGNOPE",
    status: 2,
  },
  {
    what: "an undefined argument in FROM",
    dockerfile: "FROM $BASE\nCOPY a /\n",
    at: "1:6",
    says: "comes to nothing",
    status: 2,
  },
  {
    what: "an undefined argument in COPY",
    dockerfile: "FROM scratch\nCOPY $A /\n",
    at: "2:6",
    says: "comes to nothing",
    status: 2,
  },
  {
    what: "a required variable",
    dockerfile: "FROM scratch\nCOPY a /${A:?name it}\n",
    at: "2:8",
    says: "name it",
    status: 2,
  },
  { what: "a broken expansion", dockerfile: "FROM scratch\nCOPY a /${A\n", at: "2:8", says: "${A", status: 2 },
  {
    what: "a heredoc without an end",
    dockerfile: "FROM scratch\nCOPY <<EOF /x\nhello\n",
    at: "2:",
    says: "EOF",
    status: 2,
  },
  {
    what: "a git source",
    dockerfile: "FROM scratch\nADD https://x.example/y.git /\n",
    at: "2:5",
    says: "git repository",
    status: 2,
  },
  {
    what: "a checksum that is none",
    dockerfile: "FROM scratch\nADD --checksum=md5:1 a /\n",
    at: "2:16",
    says: "checksum",
    status: 2,
  },
  {
    what: "a platform that is none",
    dockerfile: "FROM --platform=nonsense/x/y/z scratch\nCOPY a /\n",
    at: "1:17",
    says: "nonsense",
    status: 2,
  },
  {
    what: "a mount that is none",
    dockerfile: "FROM scratch\nCOPY a /\nRUN --mount=type=floppy,target=/a x\n",
    at: "3:",
    says: "floppy",
    status: 2,
  },
  {
    what: "a directive that is none",
    dockerfile: "# escape=x\nFROM scratch\nCOPY a /\n",
    at: "1:",
    says: "expected a backslash or a backtick",
    status: 2,
  },
];

test.each(wrong)("$what", async ({ dockerfile, at, says, status }) => {
  await using work = await workspace({
    Dockerfile: dockerfile,
    a: "a",
    hidden: "h",
    ".dockerignore": "hidden\n",
    "../x": "",
  });
  await symlink("../x", join(work.path, "out"));
  const before = await work.names();
  const built = await work.lading(["build"], { LADING_ROOT: join(work.path, "../state") });
  expect(built).toMatchObject({ status, stdout: "" });
  expect(built.stderr).toContain(says);
  if (at !== "") expect(built.stderr).toContain(`--> Dockerfile:${at}`);
  expect(await work.names()).toEqual(before);
});

test("all that is wrong is told at once, each in its place", async () => {
  await using work = await workspace({ Dockerfile: "FROM scratch\nCOPI a /\nEXPOSE\nUSR me\n" });
  const { status, stderr } = await work.lading(["build"]);
  expect(status).toBe(2);
  expect(stderr.match(/Dockerfile:\d+:\d+/g)).toEqual(["Dockerfile:2:1", "Dockerfile:3:1", "Dockerfile:4:1"]);
});

test("a Dockerfile that is no text, and one that is no file", async () => {
  await using work = await workspace({ "folder/f": "" });
  await writeFile(join(work.path, "Dockerfile"), Buffer.from([0xff, 0xfe, 0x00]));
  expect(await work.lading(["build"])).toMatchObject({ status: 2, stderr: expect.stringContaining("not UTF-8") });
  const folder = await work.lading(["build", "-f", "folder"]);
  expect(folder).toMatchObject({ status: 2, stderr: expect.stringContaining("not a regular file") });
});
