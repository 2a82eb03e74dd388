import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder, writeCredentialHelper } from "@lading/testkit";
import { expect, test } from "vitest";
import { eraseFromHelper, getFromHelper, listHelper, storeInHelper } from "./credential-helper.ts";

const password = { type: "password", username: "ada", password: "s3cret: with $HOME" } as const;

test("what a helper stores it gives back, lists and erases", async () => {
  await using folder = await temporaryFolder();
  const helper = await writeCredentialHelper(folder.path, "test");
  const env = { PATH: folder.path };

  await storeInHelper("test", "quay.example", password, { env });
  expect(await getFromHelper("test", "quay.example", { env })).toEqual(password);
  expect(await listHelper("test", { env })).toEqual(new Map([["quay.example", "ada"]]));
  await eraseFromHelper("test", "quay.example", { env });
  expect(await getFromHelper("test", "quay.example", { env })).toBeUndefined();
  expect(await helper.calls()).toEqual([
    "store quay.example",
    "get quay.example",
    "list",
    "erase quay.example",
    "get quay.example",
  ]);
});

test("an identity token goes by the user <token>", async () => {
  await using folder = await temporaryFolder();
  const helper = await writeCredentialHelper(folder.path, "test");
  const env = { PATH: folder.path };
  await storeInHelper("test", "a.example", { type: "identity", token: "refresh" }, { env });
  expect(await helper.entries()).toEqual({ "a.example": { Username: "<token>", Secret: "refresh" } });
  expect(await getFromHelper("test", "a.example", { env })).toEqual({ type: "identity", token: "refresh" });
});

test.each(["../evil", "a/b", "a b", "", "x;true", "ä"])("a helper named %j is not started", async (name) => {
  await expect(getFromHelper(name, "a.example")).rejects.toMatchObject({
    code: "CREDENTIALS",
    message: expect.stringContaining("letters, digits"),
  });
});

test("a helper that is not there is named, with what to do", async () => {
  await using folder = await temporaryFolder();
  await expect(getFromHelper("none", "a.example", { env: { PATH: folder.path } })).rejects.toMatchObject({
    code: "CREDENTIALS",
    message: 'Cannot start credential helper "docker-credential-none": it is not on PATH',
    hint: expect.stringContaining("credsStore"),
  });
});

test.each([
  { name: "fails", script: "echo 'keychain is locked' >&2; exit 3", says: "exit code 3: keychain is locked" },
  { name: "answers no JSON", script: "echo hello", says: "is not what a helper answers" },
  { name: "answers without end", script: "while :; do printf '%065536d' 0; done", says: "more than 1048576 bytes" },
  { name: "fails with a secret", script: `echo '{"Secret":"hunter2"}'; exit 1`, says: "exit code 1: it says nothing" },
  {
    name: "complains without end",
    script: "i=0; while [ $i -lt 99 ]; do printf '%09999d' 7 >&2; i=$((i+1)); done; exit 1",
    says: "exit code 1: 000",
  },
])("a helper that $name is an error that is short and has no secret", async ({ script, says }) => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "docker-credential-odd"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const error: unknown = await getFromHelper("odd", "a.example", { env: { PATH: folder.path } }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: "CREDENTIALS", message: expect.stringContaining(says) });
  const { message } = error instanceof Error ? error : { message: "" };
  expect(message.length).toBeLessThan(700);
  expect(message).not.toContain("hunter2");
});

test.each(["credentials not found in native keychain", "Error: credentials not found in keyring"])(
  "%j on stderr means that there are none",
  async (text) => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "docker-credential-odd"), `#!/bin/sh\necho '${text}' >&2; exit 1\n`, {
      mode: 0o755,
    });
    expect(await getFromHelper("odd", "a.example", { env: { PATH: folder.path } })).toBeUndefined();
  },
);

test("a helper that never answers is given up, by time and by signal, though its child holds the pipes", async () => {
  await using folder = await temporaryFolder();
  // The child ends by itself soon after: nothing is left behind.
  await writeFile(join(folder.path, "docker-credential-slow"), "#!/bin/sh\nsleep 3 & sleep 3\n", { mode: 0o755 });
  const env = { PATH: `${folder.path}:${process.env["PATH"]}` };
  await expect(getFromHelper("slow", "a.example", { env, timeout: 100 })).rejects.toThrow("no answer within 0.1 s");
  const controller = new AbortController();
  const asking = getFromHelper("slow", "a.example", { env, signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(asking).rejects.toThrow("enough");
});
