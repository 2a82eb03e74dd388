import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startRegistry } from "@lading/testkit";
import { expect, test } from "vitest";
import { installed, run } from "../interop/command.ts";
import { type Workspace, workspace } from "./workspace.ts";

const executable = fileURLToPath(new URL("../../lading", import.meta.url));

/** An environment where nobody is logged in, in a workspace. */
function loggedOut(work: Workspace): Record<string, string | undefined> {
  return {
    HOME: work.path,
    XDG_RUNTIME_DIR: join(work.path, "run"),
    XDG_CONFIG_HOME: undefined,
    DOCKER_CONFIG: undefined,
    DOCKER_AUTH_CONFIG: undefined,
    REGISTRY_AUTH_FILE: undefined,
  };
}

const basic = {
  type: "basic",
  check: (username: string, password: string): boolean => username === "ada" && password === "lovelace",
} as const;

/** Answers prompts on a terminal; what it showed. */
async function onTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  answers: readonly (readonly [prompt: string, keys: string])[],
): Promise<{ readonly status: unknown; readonly shown: string }> {
  const terminal = spawn("script", ["-qec", [executable, ...args].join(" "), "/dev/null"], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: "pipe",
  });
  let shown = "";
  let next = 0;
  terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    const [prompt, keys] = answers[next] ?? [];
    if (prompt === undefined || keys === undefined || !shown.includes(prompt)) return;
    next++;
    terminal.stdin.write(keys);
  });
  const [status]: unknown[] = await once(terminal, "close");
  return { status, shown };
}

test.runIf(installed("script"))(
  "on a terminal the user is asked for, and the password without showing it",
  async () => {
    await using work = await workspace();
    await using registry = await startRegistry({ auth: basic });
    const { status, shown } = await onTerminal(["login", registry.host], loggedOut(work), [
      ["Username: ", "ada\n"],
      ["Password: ", "lovelacex\u007F\r"],
    ]);
    expect(status).toBe(0);
    expect(shown).toContain("Login Succeeded!");
    expect(shown).not.toContain("lovelace");
    expect(shown).toContain("the password is stored unencrypted");
    expect(JSON.parse(await work.read(".docker/config.json"))).toEqual({
      auths: { [registry.host]: { auth: Buffer.from("ada:lovelace").toString("base64") } },
    });
  },
);

test.runIf(installed("script"))("Ctrl-C at the password ends it, and nothing is kept", async () => {
  await using work = await workspace();
  const { status } = await onTerminal(["login", "127.0.0.1:1", "-u", "ada"], loggedOut(work), [
    ["Password: ", "love\u0003"],
  ]);
  expect(status).toBe(130);
  expect(await work.names()).toEqual([]);
});

test("without a terminal and without --username it says what to give", async () => {
  await using work = await workspace();
  const { status, stderr } = await work.lading(["login", "quay.example"], loggedOut(work));
  expect(status).toBe(2);
  expect(stderr).toContain('Cannot ask for "Username": there is no terminal');
  expect(stderr).toContain("--username NAME --password-stdin");
});

test.each([
  [["login", "quay.example", "--password-stdin"], "Cannot use --password-stdin without --username"],
  [["login", "quay.example", "--password", "hunter2"], "Cannot take a password from the command line"],
  [["login", "quay.example/a:1", "-u", "x"], "not for a tag or digest"],
  [["logout", "--all", "quay.example"], "Cannot use --all with a registry"],
])("lading %j is refused", async (args, message) => {
  await using work = await workspace();
  const { status, stderr } = await work.lading(args, loggedOut(work));
  expect(status).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("hunter2");
});

test("--json says what was kept where, and what was removed", async () => {
  await using work = await workspace();
  await using registry = await startRegistry({ auth: basic });
  const env = { ...loggedOut(work), DOCKER_CONFIG: join(work.path, "docker") };
  const file = join(work.path, "docker/config.json");
  const login = ["login", registry.host, "-u", "ada", "--password-stdin", "--json"];
  const said = await run(executable, login, { env, input: Buffer.from("lovelace\n") });
  expect(JSON.parse(said)).toEqual({ registry: registry.host, username: "ada", where: file });
  expect(await readFile(file, "utf8")).toContain(registry.host);
  const { stdout } = await work.lading(["logout", registry.host, "--json"], env);
  expect(JSON.parse(stdout)).toEqual({ registry: registry.host, removed: [file] });
  expect((await work.lading(["logout", registry.host], env)).stdout).toBe(`Not logged in to ${registry.host}\n`);
});
