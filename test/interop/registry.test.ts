import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, type RandomImage, temporaryFolder, validateImage } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificate, issueCertificate, makeAuthority } from "./certificates.ts";
import { attempt, installed, isRoot, run } from "./command.ts";
import { startContainerd } from "./containerd.ts";
import { type DockerRegistry, startDockerRegistry } from "./docker-registry.ts";
import { lading } from "./lading.ts";
import { startPodman } from "./podman.ts";
import { startTokenServer, type TokenServer } from "./token-server.ts";

/*
 * Debian's docker-registry, in the four ways that registries are guarded. What we push, skopeo,
 * podman and containerd pull; what they push, we pull.
 */

const user = { name: "bob", password: "correct horse" };
const hasRegistry = installed("docker-registry", "htpasswd", "openssl");

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let authority: Certificate;
let image: RandomImage;
let layout: string;
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  image = await randomImage({ layers: 3, platforms: ["linux/amd64", "linux/arm64"], size: 300_000 });
  layout = at("layout");
  const store = await LayoutStore.create(layout);
  await copy(image.source, store, image.descriptor);
  await store.tag(image.descriptor, "v1");
  if (hasRegistry) authority = await makeAuthority(folder.path);
});

afterAll(() => folder[Symbol.asyncDispose]());

/** A home of its own, where `lading login` writes and others read; with the authority in certs.d for a host. */
async function makeHome(name: string, host?: string): Promise<{ readonly HOME: string; readonly certs: string }> {
  const home = at(name);
  const certs = join(home, ".config/containers/certs.d", host ?? "none");
  await mkdir(certs, { recursive: true });
  if (host !== undefined) await cp(authority.certificate, join(certs, "ca.crt"));
  return { HOME: home, certs };
}

interface Setting {
  readonly registry: DockerRegistry;
  /** For our command, and where skopeo looks as well. */
  readonly env: Readonly<Record<string, string>>;
  /** What skopeo needs to be told, for `--src-` and `--dest-`. */
  readonly tls: readonly string[];
}

const ways: Readonly<Record<string, () => Promise<Setting & AsyncDisposable>>> = {
  "plain HTTP": async () => {
    const registry = await startDockerRegistry();
    const { HOME } = await makeHome("plain");
    const dispose = async (): Promise<void> => await registry[Symbol.asyncDispose]();
    return { registry, env: { HOME }, tls: ["tls-verify=false"], [Symbol.asyncDispose]: dispose };
  },
  "TLS of a private authority": async () => {
    const registry = await startDockerRegistry({ tls: await issueCertificate(folder.path, "server", authority) });
    const { HOME, certs } = await makeHome("tls", registry.host);
    const dispose = async (): Promise<void> => await registry[Symbol.asyncDispose]();
    return { registry, env: { HOME }, tls: [`cert-dir=${certs}`], [Symbol.asyncDispose]: dispose };
  },
  "TLS and Basic authentication": async () => {
    const registry = await startDockerRegistry({ tls: await issueCertificate(folder.path, "server", authority), user });
    const { HOME, certs } = await makeHome("basic", registry.host);
    const env = { HOME, REGISTRY_AUTH_FILE: join(HOME, "auth.json") };
    const dispose = async (): Promise<void> => await registry[Symbol.asyncDispose]();
    return { registry, env, tls: [`cert-dir=${certs}`], [Symbol.asyncDispose]: dispose };
  },
  "bearer tokens": async () => {
    const tokens: TokenServer = await startTokenServer({ user, signer: authority });
    const registry = await startDockerRegistry({ token: tokens });
    const { HOME } = await makeHome("token");
    const env = { HOME, REGISTRY_AUTH_FILE: join(HOME, "auth.json") };
    const dispose = async (): Promise<void> => {
      await registry[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    };
    return { registry, env, tls: ["tls-verify=false"], [Symbol.asyncDispose]: dispose };
  },
};

describe.runIf(hasRegistry).each(Object.keys(ways))("docker-registry behind %s", (way) => {
  let setting: Setting & AsyncDisposable;
  let host: string;
  let port: string;

  beforeAll(async () => {
    const start = ways[way];
    if (start === undefined) throw new Error(`No way ${way}`);
    setting = await start();
    ({ host } = setting.registry);
    port = host.replace(/^.*:/, "");
    if (setting.env["REGISTRY_AUTH_FILE"] !== undefined)
      await lading(["login", host, "--username", user.name, "--password-stdin"], {
        env: setting.env,
        input: Buffer.from(`${user.password}\n`),
      });
  });

  afterAll(() => setting[Symbol.asyncDispose]());

  const skopeo = (side: "src" | "dest", ...args: readonly string[]): Promise<string> =>
    run("skopeo", ["copy", "--all", "--quiet", ...setting.tls.map((flag) => `--${side}-${flag}`), ...args], {
      env: setting.env,
    });

  test.runIf(installed("skopeo"))("skopeo pulls what we push", async () => {
    const { env } = setting;
    const digest = await lading(["push", "--quiet", `oci:${layout}:v1`, `${host}/acme/ours:1`], { env });
    expect(digest.trim()).toBe(image.descriptor.digest);
    await skopeo("src", `docker://${host}/acme/ours:1`, `oci:${at(`ours-${port}`)}:1`);
    const pulled = await LayoutStore.open(at(`ours-${port}`));
    // It compresses layers that were not, so the digest is another one.
    await validateImage(pulled, await pulled.resolve("1"));
  });

  test.runIf(installed("skopeo"))("we pull what skopeo pushes", async () => {
    const { env } = setting;
    await skopeo("dest", `oci:${layout}:v1`, `docker://${host}/acme/theirs:1`);
    const place = `oci:${at(`theirs-${port}`)}:1`;
    const digest = await lading(["pull", "--quiet", `${host}/acme/theirs:1`, place], { env });
    const pulled = await LayoutStore.open(at(`theirs-${port}`));
    const root = await pulled.resolve("1");
    expect(digest.trim()).toBe(root.digest);
    await validateImage(pulled, root);
  });

  test("tags, digest, copy and delete work on it", async () => {
    const { env } = setting;
    const name = `${host}/acme/many`;
    await lading(["push", `oci:${layout}:v1`, `${name}:1`, `${name}:2`], { env });
    expect((await lading(["tags", name], { env })).trim().split("\n").toSorted()).toEqual(["1", "2"]);
    expect((await lading(["digest", `${name}:2`], { env })).trim()).toBe(image.descriptor.digest);
    await lading(["copy", `${name}:1`, `${host}/acme/copied:1`], { env });
    expect((await lading(["digest", `${host}/acme/copied:1`], { env })).trim()).toBe(image.descriptor.digest);
    await lading(["delete", `${name}@${image.descriptor.digest}`], { env });
    const gone = await attemptLading(["digest", `${name}:2`], env);
    expect(gone.status).toBe(1);
    expect(gone.stderr).toMatch(/not found|no such|MANIFEST_UNKNOWN/i);
  });

  test("a copy between its repositories mounts every blob", async () => {
    const { env } = setting;
    await lading(["push", `oci:${layout}:v1`, `${host}/acme/from:1`], { env });
    const before = setting.registry.log().length;
    await lading(["copy", `${host}/acme/from:1`, `${host}/acme/to:1`], { env });
    const log = setting.registry.log().slice(before);
    expect(log).toMatch(/POST \/v2\/acme\/to\/blobs\/uploads\/\?[^"]*mount=/);
    expect(log).not.toMatch(/"(?:PUT|PATCH) \/v2\/acme\/to\/blobs\//);
    expect(log).not.toMatch(/"GET \/v2\/acme\/from\/blobs\//);
  });

  test("a push of what is there costs a HEAD", async () => {
    const { env } = setting;
    await lading(["push", `oci:${layout}:v1`, `${host}/acme/again:1`], { env });
    const before = setting.registry.log().length;
    await lading(["push", `oci:${layout}:v1`, `${host}/acme/again:1`], { env });
    const log = setting.registry.log().slice(before);
    expect(log).not.toMatch(/"POST \/v2\/acme\/again\/blobs/);
  });
});

async function attemptLading(args: readonly string[], env: Readonly<Record<string, string>>) {
  return attempt(new URL("../../lading", import.meta.url).pathname, args, { env });
}

describe.runIf(hasRegistry)("engines", () => {
  let registry: DockerRegistry;

  beforeAll(async () => {
    registry = await startDockerRegistry();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test.runIf(installed("podman") && isRoot)("podman pulls what we push, and we pull what it pushes", async () => {
    await lading(["push", `oci:${layout}:v1`, `${registry.host}/acme/podman:1`]);
    await using podman = await startPodman();
    await podman(["pull", "--tls-verify=false", `${registry.host}/acme/podman:1`]);
    await podman(["push", "--tls-verify=false", `${registry.host}/acme/podman:1`, `${registry.host}/acme/podman:2`]);
    await lading(["pull", `${registry.host}/acme/podman:2`, `oci:${at("podman")}:2`]);
    const pulled = await LayoutStore.open(at("podman"));
    await validateImage(pulled, await pulled.resolve("2"));
  });

  test.runIf(installed("containerd", "ctr") && isRoot)(
    "containerd pulls what we push, and we pull what it pushes",
    async () => {
      await lading(["push", `oci:${layout}:v1`, `${registry.host}/acme/ctr:1`]);
      await using ctr = await startContainerd();
      await ctr(["image", "pull", "--plain-http", "--all-platforms", `${registry.host}/acme/ctr:1`]);
      await ctr(["image", "tag", `${registry.host}/acme/ctr:1`, `${registry.host}/acme/ctr:2`]);
      await ctr(["image", "push", "--plain-http", `${registry.host}/acme/ctr:2`]);
      await lading(["pull", `${registry.host}/acme/ctr:2`, `oci:${at("ctr")}:2`]);
      const pulled = await LayoutStore.open(at("ctr"));
      const root = await pulled.resolve("2");
      // It pushes the image of its own platform alone.
      expect(image.images.map(({ descriptor }) => descriptor.digest)).toContain(root.digest);
      await validateImage(pulled, root);
    },
  );
});

test.runIf(hasRegistry)("a client certificate of certs.d is shown to the registry that asks for one", async () => {
  const server = await issueCertificate(folder.path, "mutual", authority);
  const client = await issueCertificate(folder.path, "client", authority);
  await using registry = await startDockerRegistry({ tls: { ...server, clientAuthority: authority.certificate } });
  const { HOME, certs } = await makeHome("mutual", registry.host);
  const without = await attemptLading(["push", `oci:${layout}:v1`, `${registry.host}/acme/app:1`], { HOME });
  expect(without.stderr).toMatch(/client certificate/);
  expect(without.status).toBe(1);
  await writeFile(join(certs, "client.cert"), await readFile(client.certificate));
  await writeFile(join(certs, "client.key"), await readFile(client.key));
  await lading(["push", `oci:${layout}:v1`, `${registry.host}/acme/app:1`], { env: { HOME } });
});
