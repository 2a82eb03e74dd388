import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultKeychain } from "@lading/registry-client";
import { temporaryFolder, writeCredentialHelper } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority } from "./certificates.ts";
import { attempt, installed, run, type RunOptions } from "./command.ts";
import { type DockerRegistry, startDockerRegistry } from "./docker-registry.ts";
import { lading as runLading } from "./lading.ts";
import { startPodman } from "./podman.ts";
import { startTokenServer, type TokenServer } from "./token-server.ts";

/*
 * Logging in to Debian's docker-registry: what we write, skopeo and podman read, and the other way.
 */

const command = fileURLToPath(new URL("../../lading", import.meta.url));
const user = { name: "bob", password: "correct: horse" };

describe.runIf(installed("docker-registry", "htpasswd", "skopeo", "podman"))("a registry with passwords", () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry({ user });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test.each(["skopeo", "podman"])("%s finds what `lading login` wrote, and logs out of it", async (tool) => {
    await using home = await startHome();
    expect(await home.lading(["login", registry.host, "-u", user.name, "--password-stdin"], user.password)).toBe(
      "Login Succeeded!\n",
    );
    await using program = await start(tool);
    const file = ["--authfile", home.at(".docker/config.json")];
    const shown = await program(["login", "--get-login", registry.host], { env: home.env });
    expect(shown.trim()).toBe(user.name);
    await program(["logout", ...file, registry.host], { env: home.env });
    await expect(home.lading(["login", "--get-login", registry.host])).rejects.toThrow("nobody is");
  });

  test("skopeo reads from the registry with what `lading login` wrote", async () => {
    await using home = await startHome();
    const list = ["list-tags", "--tls-verify=false", `docker://${registry.host}/none`];
    const refused = /unauthorized|authentication required/;
    expect((await attempt("skopeo", list, { env: home.env })).stderr).toMatch(refused);
    await home.lading(["login", registry.host, "-u", user.name, "--password-stdin"], user.password);
    expect((await attempt("skopeo", list, { env: home.env })).stderr).not.toMatch(refused);
  });

  test.each(["skopeo", "podman"])("what `%s login` wrote is found and valid, and is logged out of", async (tool) => {
    await using home = await startHome();
    await using program = await start(tool);
    const login = ["login", "--tls-verify=false", "-u", user.name, "--password-stdin", registry.host];
    await program(login, { env: home.env, input: Buffer.from(user.password) });

    const found = await defaultKeychain({ env: home.env, home: home.path }).find(registry.host, "acme/app");
    expect(found?.credential).toEqual({ type: "password", username: user.name, password: user.password });
    expect(found?.from).toContain(home.at("run/containers/auth.json"));
    expect(await home.lading(["login", registry.host])).toBe("Existing credentials are valid\n");
    expect(await home.lading(["login", "--get-login", registry.host])).toBe(`${user.name}\n`);
    expect(await home.lading(["logout", registry.host])).toContain(home.at("run/containers/auth.json"));
    await expect(program(["login", "--get-login", registry.host], { env: home.env })).rejects.toThrow(/not logged in/i);
  });

  test("wrong passwords are refused and not kept; the old ones stay", async () => {
    await using home = await startHome();
    const login = ["login", registry.host, "-u", user.name, "--password-stdin"];
    await home.lading(login, user.password);
    const before = await readFile(home.at(".docker/config.json"), "utf8");
    await expect(home.lading(login, "hunter2")).rejects.toThrow(`Cannot log in to ${registry.host}`);
    expect(await readFile(home.at(".docker/config.json"), "utf8")).toBe(before);
  });

  test("with a helper no password stands in a file, and skopeo gets it from the helper as well", async () => {
    await using home = await startHome();
    const helper = await writeCredentialHelper(home.at("bin"), "test");
    await mkdir(home.at(".docker"));
    await writeFile(home.at(".docker/config.json"), JSON.stringify({ credHelpers: { [registry.host]: "test" } }));
    await home.lading(["login", registry.host, "-u", user.name, "--password-stdin"], user.password);
    expect(await helper.entries()).toEqual({ [registry.host]: { Username: user.name, Secret: user.password } });
    expect(await readFile(home.at(".docker/config.json"), "utf8")).not.toContain('"auth"');
    const shown = await run("skopeo", ["login", "--get-login", registry.host], { env: home.env });
    expect(shown.trim()).toBe(user.name);
    await home.lading(["logout", registry.host]);
    expect(await helper.entries()).toEqual({});
  });

  test("a helper of registries.conf keeps them, for skopeo too", async () => {
    await using home = await startHome();
    const helper = await writeCredentialHelper(home.at("bin"), "test");
    const conf = home.at(".config/containers/registries.conf");
    await mkdir(home.at(".config/containers"), { recursive: true });
    await writeFile(conf, 'credential-helpers = ["test"]\n');
    await home.lading(["login", registry.host, "-u", user.name, "--password-stdin"], user.password);
    expect(await helper.entries()).toEqual({ [registry.host]: { Username: user.name, Secret: user.password } });
    const shown = await run("skopeo", ["login", "--get-login", registry.host], { env: home.env });
    expect(shown.trim()).toBe(user.name);
    expect(await home.lading(["login", "--get-login", "--registries-conf", conf, registry.host])).toBe("bob\n");
  });

  test("--authfile names the file for both, and --verbose says which entry matched, without the password", async () => {
    await using home = await startHome();
    const file = home.at("made/here.json");
    const login = ["login", registry.host, "-u", user.name, "--password-stdin", "--authfile", file, "--verbose"];
    const first = await attempt(command, login, { env: home.env, input: Buffer.from(user.password) });
    const again = await attempt(command, ["login", registry.host, "--authfile", file, "--verbose"], { env: home.env });
    expect([first.status, again.status]).toEqual([0, 0]);
    expect(again.stderr).toContain(`Credentials for ${registry.host}: auths "${registry.host}" of ${file}`);
    for (const { stdout, stderr } of [first, again]) {
      expect(stdout + stderr).not.toContain(user.password);
      expect(stdout + stderr).not.toContain(Buffer.from(`${user.name}:${user.password}`).toString("base64"));
    }
    const shown = await run("skopeo", ["login", "--get-login", "--authfile", file, registry.host], { env: home.env });
    expect(shown.trim()).toBe(user.name);
  });
});

describe.runIf(installed("docker-registry", "openssl"))("a registry with tokens", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let tokens: TokenServer;
  let registry: DockerRegistry;
  beforeAll(async () => {
    folder = await temporaryFolder();
    tokens = await startTokenServer({ user, signer: await makeAuthority(folder.path) });
    registry = await startDockerRegistry({ token: tokens });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await tokens[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test("the token server is asked with the credentials, though it has tokens for everybody", async () => {
    await using home = await startHome();
    const login = ["login", registry.host, "-u", user.name, "--password-stdin"];
    await expect(home.lading(login, "hunter2")).rejects.toThrow(`Cannot log in to ${registry.host}`);
    expect(await home.lading(login, user.password)).toBe("Login Succeeded!\n");
    expect(tokens.asked.at(-1)?.user).toBe(user.name);
  });
});

interface Tool extends AsyncDisposable {
  (args: readonly string[], options?: RunOptions): Promise<string>;
}

async function start(tool: string): Promise<Tool> {
  if (tool === "podman") return await startPodman();
  const program = (args: readonly string[], options?: RunOptions): Promise<string> => run(tool, args, options);
  return Object.assign(program, { [Symbol.asyncDispose]: async () => await Promise.resolve() });
}

interface Home extends AsyncDisposable {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  at(name: string): string;
  lading(args: readonly string[], input?: string): Promise<string>;
}

/** A home where nobody is logged in, with `bin` in PATH. */
async function startHome(): Promise<Home> {
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await mkdir(at("bin"));
  await mkdir(at("run"));
  const env = {
    HOME: folder.path,
    XDG_RUNTIME_DIR: at("run"),
    XDG_CONFIG_HOME: undefined,
    DOCKER_CONFIG: undefined,
    DOCKER_AUTH_CONFIG: undefined,
    REGISTRY_AUTH_FILE: undefined,
    PATH: `${at("bin")}:${process.env["PATH"]}`,
  };
  return {
    path: folder.path,
    env,
    at,
    lading: async (args, input = "") => await runLading(args, { env, input: Buffer.from(input) }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
