import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseReference } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import type { Route } from "./host-config.ts";
import { type HostConfigOptions, loadHostConfig, type LoadedHostConfig } from "./load-host-config.ts";

const digest = `sha256:${"0".repeat(64)}`;

type Files = Readonly<Record<string, string>>;

/** A configuration of files below a folder of its own: `home/…`, `etc/containers/…`. */
async function load(files: Files, options: HostConfigOptions = {}): Promise<LoadedHostConfig> {
  await using folder = await temporaryFolder();
  const root = folder.path;
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  const places = {
    env: {},
    home: join(root, "home"),
    systemFolders: { containers: join(root, "etc/containers"), docker: join(root, "etc/docker") },
  };
  const env = Object.fromEntries(
    Object.entries(options.env ?? {}).map(([name, value]) => [name, value?.replace("ROOT", root)]),
  );
  return await loadHostConfig({ ...places, ...options, env });
}

const block = (location: string): string => `[[registry]]\nlocation = "${location}"\nblocked = true\n`;
const blocks = (config: LoadedHostConfig, registry: string): boolean => {
  try {
    config.route(parseReference(`${registry}/a`));
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: "CONFIG" });
    return true;
  }
};
const ways = (route: Route): readonly string[] =>
  [...route.mirrors, route.primary].map(({ base, repository }) => `${base.host}/${repository}`);

const blocked = async (given: Files, options: HostConfigOptions = {}): Promise<readonly string[]> => {
  const config = await load(given, options);
  const all = ["system", "dropped", "a", "ignored", "user", "user-drop", "named"];
  return all.filter((name) => blocks(config, `${name}.test`));
};

describe("without any file", () => {
  test("Docker Hub's API is on another host than its names say", async () => {
    const { primary, mirrors, writeTo } = (await load({})).route(parseReference("alpine:3"));
    expect(mirrors).toEqual([]);
    expect(writeTo).toBeUndefined();
    expect(primary).toEqual({
      registry: "docker.io",
      base: new URL("https://registry-1.docker.io/"),
      repository: "library/alpine",
      plainHttp: "never",
      verifyTls: true,
    });
  });

  test.each([
    ["localhost:5000/a", {}, "fallback", true],
    ["[::1]:5000/a", {}, "fallback", true],
    ["quay.io/a", {}, "never", true],
    ["192.168.0.1:5000/a", {}, "never", true],
    ["quay.io/a", { plainHttp: true }, "only", true],
    ["localhost:5000/a", { plainHttp: false }, "never", true],
    ["quay.io/a", { verifyTls: false }, "fallback", false],
    ["localhost:5000/a", { verifyTls: true }, "fallback", true],
  ] as const)("%s with %j: plain HTTP %s, certificates checked %s", async (name, options, plainHttp, verifyTls) => {
    expect((await load({}, options)).route(parseReference(name)).primary).toMatchObject({ plainHttp, verifyTls });
  });

  test("credentials are in files", async () => {
    expect((await load({})).credentialHelpers).toEqual(["containers-auth.json"]);
  });
});

describe("registries.conf", () => {
  const conf = `
    credential-helpers = ["secretservice", "containers-auth.json"]
    [[registry]]
    prefix = "example.com/foo"
    location = "internal.test/bar"
    insecure = true
    [[registry.mirror]]
    location = "any.test/m"
    [[registry.mirror]]
    location = "tags.test:5000"
    insecure = true
    pull-from-mirror = "tag-only"
    [[registry.mirror]]
    location = "digests.test"
    pull-from-mirror = "digest-only"
    [[registry]]
    location = "docker.io"
    [[registry.mirror]]
    location = "mirror.test"
  `;
  const file = "etc/containers/registries.conf";

  test("mirrors come in order, by what names them", async () => {
    const config = await load({ [file]: conf });
    expect(ways(config.route(parseReference("example.com/foo/a:1")))).toEqual([
      "any.test/m/a",
      "tags.test:5000/a",
      "internal.test/bar/a",
    ]);
    for (const reference of [`example.com/foo/a@${digest}`, `example.com/foo/a:1@${digest}`])
      expect(ways(config.route(parseReference(reference)))).toEqual([
        "any.test/m/a",
        "digests.test/a",
        "internal.test/bar/a",
      ]);
    expect(ways(config.route(parseReference("example.com/other")))).toEqual(["example.com/other"]);
    expect(ways(config.route(parseReference("alpine")))).toEqual([
      "mirror.test/library/alpine",
      "registry-1.docker.io/library/alpine",
    ]);
  });

  test("what is moved is written to under its own name", async () => {
    const config = await load({ [file]: conf });
    expect(config.route(parseReference("example.com/foo/a")).writeTo).toMatchObject({
      registry: "example.com",
      repository: "foo/a",
    });
    expect(config.route(parseReference("alpine")).writeTo).toBeUndefined();
  });

  test("insecure is each endpoint's own, and --tls-verify goes before it", async () => {
    const insecure = { plainHttp: "fallback", verifyTls: false };
    const secure = { plainHttp: "never", verifyTls: true };
    const reference = parseReference("example.com/foo/a:1");
    expect((await load({ [file]: conf })).route(reference)).toMatchObject({
      mirrors: [secure, insecure],
      primary: insecure,
    });
    expect((await load({ [file]: conf }, { verifyTls: true })).route(reference)).toMatchObject({
      mirrors: [secure, secure],
      primary: secure,
    });
  });

  test("--plain-http is about the registry that is named, not about mirrors", async () => {
    const { mirrors, primary } = (await load({ [file]: conf }, { plainHttp: true })).route(parseReference("alpine"));
    expect(mirrors).toMatchObject([{ plainHttp: "never" }]);
    expect(primary).toMatchObject({ plainHttp: "only" });
  });

  test("a blocked registry is refused, with the prefix that blocks it", async () => {
    const config = await load({ [file]: block("bad.test") });
    expect(() => config.route(parseReference("bad.test/a:1"))).toThrow(
      'Refuse to use bad.test/a:1: registries.conf blocks "bad.test"',
    );
  });

  test("helpers for credentials are handed on", async () => {
    expect((await load({ [file]: conf })).credentialHelpers).toEqual(["secretservice", "containers-auth.json"]);
  });

  test("the name of the file is in what is wrong with it", async () => {
    await expect(load({ [file]: "[[registry]]" })).rejects.toMatchObject({
      code: "CONFIG",
      message: expect.stringMatching(/^Cannot use ".*registries\.conf": a registry has neither prefix nor location$/),
    });
  });
});

describe("files of registries.conf", () => {
  const files = {
    "etc/containers/registries.conf": block("system.test"),
    "etc/containers/registries.conf.d/b.conf": '[[registry]]\nlocation = "dropped.test"\n',
    "etc/containers/registries.conf.d/a.conf": block("dropped.test") + block("a.test"),
    "etc/containers/registries.conf.d/ignored.txt": block("ignored.test"),
    "home/.config/containers/registries.conf.d/u.conf": block("user-drop.test"),
    "named.conf": block("named.test"),
  };
  test("the system's go before the user's additions, in order of name", async () => {
    expect(await blocked(files)).toEqual(["system", "a", "user-drop"]);
  });

  test("the user's takes the place of all of the system's", async () => {
    const own = { ...files, "home/.config/containers/registries.conf": block("user.test") };
    expect(await blocked(own)).toEqual(["user", "user-drop"]);
  });

  test.each(["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"])("%s names the main one", async (variable) => {
    expect(await blocked(files, { env: { [variable]: "ROOT/named.conf" } })).toEqual(["a", "user-drop", "named"]);
  });

  test("CONTAINERS_REGISTRIES_CONF_OVERRIDE names the last one", async () => {
    const env = { CONTAINERS_REGISTRIES_CONF_OVERRIDE: "ROOT/named.conf" };
    expect(await blocked(files, { env })).toEqual(["system", "a", "user-drop", "named"]);
  });

  test("one that is named must be there", async () => {
    await expect(load({}, { registriesConf: "/nowhere/registries.conf" })).rejects.toMatchObject({
      code: "CONFIG",
      message: 'Cannot read "/nowhere/registries.conf": there is no such file',
    });
  });
});

test("proxies come from the same environment", async () => {
  const config = await load({}, { env: { HTTPS_PROXY: "http://p.test:3128" } });
  expect(config.proxyFor(new URL("https://quay.io/v2/"))?.host).toBe("p.test:3128");
});
