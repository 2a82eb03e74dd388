import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder, writeCredentialHelper } from "@lading/testkit";
import { expect, test } from "vitest";
import type { Credential } from "../auth/credential.ts";
import { defaultKeychain } from "./keychain.ts";

/** A home with these files; the runtime folder of podman is `run` in it. */
async function startHome(files: Readonly<Record<string, unknown>>): Promise<
  {
    readonly path: string;
    readonly places: { readonly env: Record<string, string>; readonly home: string };
  } & AsyncDisposable
> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await writeFile(join(folder.path, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  const places = { env: { XDG_RUNTIME_DIR: join(folder.path, "run"), PATH: folder.path }, home: folder.path };
  return { path: folder.path, places, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** `auths` of one registry, by the name of its user. */
function auths(key: string, user: string): { auths: Record<string, { auth: string }> } {
  return { auths: { [key]: { auth: Buffer.from(`${user}:secret-of-${user}`).toString("base64") } } };
}

function user(username: string): Credential {
  return { type: "password", username, password: `secret-of-${username}` };
}

test("files are looked at in podman's order, and each is read once", async () => {
  const order = ["run/containers/auth.json", ".config/containers/auth.json", ".docker/config.json", ".dockercfg"];
  await using home = await startHome(
    Object.fromEntries(
      order.map((name) => {
        const content = auths("quay.example", name);
        return [name, name === ".dockercfg" ? content.auths : content];
      }),
    ),
  );
  const first = defaultKeychain(home.places);
  expect((await first.find("quay.example", "a"))?.credential).toEqual(user("run/containers/auth.json"));
  for (const name of order) {
    const found = await defaultKeychain(home.places).find("quay.example", "a/b");
    expect(found).toEqual({ credential: user(name), from: `auths "quay.example" of ${join(home.path, name)}` });
    await rm(join(home.path, name));
  }
  expect(await defaultKeychain(home.places).find("quay.example", "a/b")).toBeUndefined();
  expect((await first.find("quay.example", "b"))?.credential).toEqual(user("run/containers/auth.json"));
});

test("what is given for a registry goes to that registry alone", async () => {
  await using home = await startHome({ ".docker/config.json": auths("other.example", "file") });
  const keychain = defaultKeychain({ ...home.places, given: { registry: "quay.example", credential: user("given") } });
  expect(await keychain.find("quay.example", "a")).toEqual({ credential: user("given"), from: "the command line" });
  expect((await keychain.find("other.example", "a"))?.credential).toEqual(user("file"));
  expect(await keychain.find("evil-quay.example", "a")).toBeUndefined();
});

test("a file that is named is the only one, and must be there", async () => {
  await using home = await startHome({
    "named.json": auths("a.example", "named"),
    ".docker/config.json": auths("b.example", "docker"),
  });
  const env = {
    ...home.places.env,
    REGISTRY_AUTH_FILE: join(home.path, "named.json"),
    DOCKER_AUTH_CONFIG: JSON.stringify(auths("b.example", "variable")),
  };
  const keychain = defaultKeychain({ ...home.places, env });
  expect((await keychain.find("a.example", "x"))?.credential).toEqual(user("named"));
  expect(await keychain.find("b.example", "x")).toBeUndefined();
  const missing = defaultKeychain({ ...home.places, env, authFile: join(home.path, "none.json") });
  await expect(missing.find("a.example", "x")).rejects.toThrow("of --authfile: there is no such file");
});

test("DOCKER_AUTH_CONFIG goes before the files; when it cannot be read that is said and they are used", async () => {
  await using home = await startHome({ ".docker/config.json": auths("a.example", "docker") });
  const find = async (text: string, warnings: string[] = []): Promise<Credential | undefined> => {
    const env = { ...home.places.env, DOCKER_AUTH_CONFIG: text };
    const keychain = defaultKeychain({ ...home.places, env, onWarning: (warning) => warnings.push(warning) });
    return (await keychain.find("a.example", "x"))?.credential;
  };
  expect(await find(JSON.stringify(auths("a.example", "variable")))).toEqual(user("variable"));
  expect(await find(JSON.stringify(auths("b.example", "variable")))).toEqual(user("docker"));
  const warnings: string[] = [];
  expect(await find('{"auths": "hunter2', warnings)).toEqual(user("docker"));
  expect(warnings).toEqual(['Cannot read credentials from "DOCKER_AUTH_CONFIG": it is not JSON; it is passed over']);
});

test.each(["evil-gcr.io", "gcr.io.evil", "evil.gcr.io", "gcr.io:443", "gcr.i", "io"])(
  "credentials of gcr.io are not those of %s",
  async (registry) => {
    await using home = await startHome({
      ".docker/config.json": { ...auths("gcr.io", "a"), credHelpers: { "https://gcr.io": "none" } },
    });
    expect(await defaultKeychain(home.places).find(registry, "gcr.io")).toBeUndefined();
  },
);

test("part of a folder's name is not the folder", async () => {
  await using home = await startHome({ ".docker/config.json": auths("quay.example/acme", "acme") });
  const keychain = defaultKeychain(home.places);
  expect((await keychain.find("quay.example", "acme/app"))?.credential).toEqual(user("acme"));
  expect((await keychain.find("quay.example", "acme"))?.credential).toEqual(user("acme"));
  expect(await keychain.find("quay.example", "acme-evil/app")).toBeUndefined();
  expect(await keychain.find("quay.example", "evil/acme")).toBeUndefined();
});

test.each([
  "docker.io",
  "index.docker.io",
  "registry-1.docker.io",
  "https://index.docker.io/v1/",
  "https://index.docker.io/v1",
])("%s is Docker Hub's", async (key) => {
  await using home = await startHome({ ".docker/config.json": auths(key, "hub") });
  expect((await defaultKeychain(home.places).find("docker.io", "library/alpine"))?.credential).toEqual(user("hub"));
  expect(await defaultKeychain(home.places).find("hub.docker.io", "library/alpine")).toBeUndefined();
});

test("the tokens of a login through the browser are not Docker Hub's credentials", async () => {
  await using home = await startHome({ ".docker/config.json": auths("https://index.docker.io/v1/access-token", "x") });
  expect(await defaultKeychain(home.places).find("docker.io", "library/alpine")).toBeUndefined();
});

test("a registry's own helper goes before the store, and the store before auths", async () => {
  await using home = await startHome({
    ".docker/config.json": {
      ...auths("own.example", "auths"),
      auths: {
        ...auths("own.example", "auths").auths,
        ...auths("plain.example", "auths").auths,
        ...auths("left.example", "auths").auths,
      },
      credHelpers: { "own.example": "own", "plain.example": "" },
      credsStore: "store",
    },
  });
  const own = await writeCredentialHelper(home.path, "own", {
    "own.example": { Username: "own", Secret: "secret-of-own" },
  });
  await writeCredentialHelper(home.path, "store", {
    "own.example": { Username: "store", Secret: "secret-of-store" },
    "stored.example": { Username: "store", Secret: "secret-of-store" },
    "https://index.docker.io/v1/": { Username: "hub", Secret: "secret-of-hub" },
  });
  const keychain = defaultKeychain(home.places);
  const config = join(home.path, ".docker/config.json");

  expect(await keychain.find("own.example", "a")).toEqual({
    credential: user("own"),
    from: `credHelpers "own.example" (docker-credential-own) of ${config}`,
  });
  expect(await keychain.find("stored.example", "a")).toEqual({
    credential: user("store"),
    from: `credsStore (docker-credential-store) of ${config}`,
  });
  expect((await keychain.find("docker.io", "library/a"))?.credential).toEqual(user("hub"));
  expect((await keychain.find("plain.example", "a"))?.credential).toEqual(user("auths"));
  expect((await keychain.find("left.example", "a"))?.credential).toEqual(user("auths"));
  await Promise.all(["b", "c"].map(async (repository) => await keychain.find("own.example", repository)));
  expect(await own.calls()).toEqual(["get own.example"]);
});

test("helpers of registries.conf are asked in their order, the files where they stand in it", async () => {
  await using home = await startHome({ ".docker/config.json": auths("a.example", "file") });
  await writeCredentialHelper(home.path, "conf", {
    "a.example": { Username: "conf", Secret: "secret-of-conf" },
    "b.example": { Username: "<token>", Secret: "refresh" },
  });
  const find = async (credentialHelpers: readonly string[], registry: string): Promise<Credential | undefined> =>
    (await defaultKeychain({ ...home.places, credentialHelpers }).find(registry, "x"))?.credential;
  expect(await find(["conf", "containers-auth.json"], "a.example")).toEqual(user("conf"));
  expect(await find(["containers-auth.json", "conf"], "a.example")).toEqual(user("file"));
  expect(await find(["containers-auth.json", "conf"], "b.example")).toEqual({ type: "identity", token: "refresh" });
});

test.each([
  { entry: { auth: "c2VjcmV0!!" }, says: 'its "auth" is not Base64' },
  { entry: { auth: Buffer.from("hunter2").toString("base64") }, says: 'its "auth" has no colon' },
  { entry: { auth: Buffer.from([0xff, 0x3a, 0x61]).toString("base64") }, says: 'its "auth" is not Base64' },
  { entry: "hunter2", says: "the entry is not an object" },
])("an entry that cannot be used names file and key, when it is needed: $says", async ({ entry, says }) => {
  await using home = await startHome({
    ".docker/config.json": { auths: { "bad.example": entry, ...auths("good.example", "good").auths } },
  });
  const keychain = defaultKeychain(home.places);
  expect((await keychain.find("good.example", "a"))?.credential).toEqual(user("good"));
  const error: unknown = await keychain.find("bad.example", "a").catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "CREDENTIALS", message: expect.stringContaining(says) });
  expect(String(error)).toContain(`"bad.example" of "${join(home.path, ".docker/config.json")}"`);
  expect(String(error)).not.toContain("hunter2");
});

test.each(["hunter2", '{"auths": {"a": "hunter2}', "[]", '{"auths": ["hunter2"]}', '{"credsStore": {"hunter2": 1}}'])(
  "a file that is not one of credentials is refused without quoting it: %s",
  async (content) => {
    await using home = await startHome({ ".docker/config.json": content });
    const error: unknown = await defaultKeychain(home.places)
      .find("a.example", "a")
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "CREDENTIALS", message: expect.stringContaining(".docker/config.json") });
    expect(String(error)).not.toContain("hunter2");
  },
);

test("tokens of an entry go before its password, and a name and password may stand in the clear", async () => {
  const { auth } = auths("x", "a").auths["x"] ?? { auth: "" };
  await using home = await startHome({
    ".docker/config.json": {
      auths: {
        "identity.example": { auth, identitytoken: "refresh" },
        "bearer.example": { auth, registrytoken: "bearer", identitytoken: "refresh" },
        "clear.example": { username: "a", password: "secret-of-a" },
        "padded.example": { auth: Buffer.from("a:secret-of-a\0\0").toString("base64") },
        "empty.example": {},
      },
    },
  });
  const keychain = defaultKeychain(home.places);
  const find = async (registry: string): Promise<Credential | undefined> =>
    (await keychain.find(registry, ""))?.credential;
  expect(await find("identity.example")).toEqual({ type: "identity", token: "refresh" });
  expect(await find("bearer.example")).toEqual({ type: "bearer", token: "bearer" });
  expect(await find("clear.example")).toEqual(user("a"));
  expect(await find("padded.example")).toEqual(user("a"));
  expect(await find("empty.example")).toBeUndefined();
});

test("the trace says what was looked at and what matched, and no secret", async () => {
  await using home = await startHome({ ".docker/config.json": auths("a.example", "ada") });
  const lines: string[] = [];
  const keychain = defaultKeychain({ ...home.places, onTrace: (line) => lines.push(line) });
  await keychain.find("a.example", "x");
  await keychain.find("b.example", "x");
  const config = join(home.path, ".docker/config.json");
  expect(lines).toEqual([
    `No credentials file ${join(home.path, "run/containers/auth.json")}`,
    `No credentials file ${join(home.path, ".config/containers/auth.json")}`,
    `Credentials for a.example/x: auths "a.example" of ${config}`,
    `No credentials file ${join(home.path, "run/containers/auth.json")}`,
    `No credentials file ${join(home.path, ".config/containers/auth.json")}`,
    `No credentials for b.example in ${config}`,
    `No credentials file ${join(home.path, ".dockercfg")}`,
    "No credentials for b.example/x",
  ]);
});
