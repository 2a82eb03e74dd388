import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder, writeCredentialHelper } from "@lading/testkit";
import { expect, test } from "vitest";
import type { Credential } from "../auth/credential.ts";
import { defaultKeychain } from "./keychain.ts";
import { removeAllCredentials, removeCredential, storeCredential } from "./store.ts";

interface Home extends AsyncDisposable {
  readonly path: string;
  readonly places: { readonly env: Record<string, string>; readonly home: string };
  read(name: string): Promise<string>;
  write(name: string, content: string): Promise<void>;
}

async function startHome(files: Readonly<Record<string, unknown>> = {}): Promise<Home> {
  const folder = await temporaryFolder();
  const write = async (name: string, content: string): Promise<void> => {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await writeFile(join(folder.path, name), content);
  };
  for (const [name, content] of Object.entries(files))
    await write(name, typeof content === "string" ? content : JSON.stringify(content));
  return {
    path: folder.path,
    places: { env: { XDG_RUNTIME_DIR: join(folder.path, "run"), PATH: folder.path }, home: folder.path },
    read: async (name) => await readFile(join(folder.path, name), "utf8"),
    write,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const config = ".docker/config.json";
const podman = "run/containers/auth.json";
const ada: Credential = { type: "password", username: "ada", password: "lovelace" };
const auth = Buffer.from("ada:lovelace").toString("base64");
const old = { auth: Buffer.from("old:old").toString("base64") };

test("with no file yet Docker's is made, for its owner alone", async () => {
  await using home = await startHome();
  const stored = await storeCredential("quay.example", ada, home.places);
  expect(stored).toEqual({ where: join(home.path, config), plain: true });
  expect(await home.read(config)).toBe(
    `{\n\t"auths": {\n\t\t"quay.example": {\n\t\t\t"auth": "${auth}"\n\t\t}\n\t}\n}\n`,
  );
  expect((await stat(join(home.path, config))).mode & 0o777).toBe(0o600);
  expect((await stat(join(home.path, ".docker"))).mode & 0o777).toBe(0o700);
  expect(await readdir(join(home.path, ".docker"))).toEqual(["config.json"]);
});

test.each([
  { name: "the first file there is", there: [podman, config], goes: podman },
  { name: "the file that has the registry already", there: [podman, config], has: config, goes: config },
])("credentials go to $name, and are found", async ({ there, has, goes }) => {
  await using home = await startHome(
    Object.fromEntries(there.map((name) => [name, { auths: name === has ? { "quay.example": old } : {} }])),
  );
  const { where } = await storeCredential("quay.example", ada, home.places);
  expect(where).toBe(join(home.path, goes));
  expect((await defaultKeychain(home.places).find("quay.example", "a"))?.credential).toEqual(ada);
});

test("a store of Docker's goes before a file in the clear", async () => {
  await using home = await startHome({ [podman]: "{}", [config]: { credsStore: "test" } });
  const helper = await writeCredentialHelper(home.path, "test");
  const stored = await storeCredential("quay.example", ada, home.places);
  expect(stored).toEqual({ where: `docker-credential-test (set in ${join(home.path, config)})`, plain: false });
  expect(await helper.entries()).toEqual({ "quay.example": { Username: "ada", Secret: "lovelace" } });
  expect(JSON.parse(await home.read(config))).toEqual({ credsStore: "test", auths: { "quay.example": {} } });
  expect((await defaultKeychain(home.places).find("quay.example", "a"))?.credential).toEqual(ada);
});

test("a password in the clear is gone once a helper keeps it", async () => {
  await using home = await startHome({
    [config]: { auths: { "quay.example": old }, credHelpers: { "quay.example": "test" } },
  });
  await writeCredentialHelper(home.path, "test");
  await storeCredential("quay.example", ada, home.places);
  expect(await home.read(config)).not.toContain(old.auth);
});

test("everything else in the file stays as it is, to the character", async () => {
  const before = `{ "HttpHeaders": {"X": "y"},\n  "auths": {\n    "other.example": {"auth": "eDp5", "email": "x@example"}\n  },\n  "detachKeys": "ctrl-e,e", "big": 12345678901234567890 }\n`;
  await using home = await startHome({ [config]: before });
  await storeCredential("quay.example", ada, home.places);
  const after = await home.read(config);
  expect(after).toBe(before.replace('"}\n  }', `"},\n    "quay.example": {\n      "auth": "${auth}"\n    }\n  }`));
  await removeCredential("quay.example", home.places);
  expect(await home.read(config)).toBe(before);
});

test("a config.json that is a link stays one, and where it leads is written", async () => {
  await using home = await startHome({ "dotfiles/config.json": "{}" });
  await mkdir(join(home.path, ".docker"));
  await symlink("../dotfiles/config.json", join(home.path, config));
  await symlink("dotfiles/new.json", join(home.path, "link.json"));
  await storeCredential("quay.example", ada, home.places);
  await storeCredential("quay.example", ada, { ...home.places, authFile: join(home.path, "link.json") });
  expect((await lstat(join(home.path, config))).isSymbolicLink()).toBe(true);
  expect((await lstat(join(home.path, "link.json"))).isSymbolicLink()).toBe(true);
  expect(JSON.parse(await home.read("dotfiles/config.json"))).toEqual({ auths: { "quay.example": { auth } } });
  expect(JSON.parse(await home.read("dotfiles/new.json"))).toEqual({ auths: { "quay.example": { auth } } });
});

test.each(["not JSON", "[]", '{"auths": 3}'])("a file that cannot be read is left as it is: %s", async (content) => {
  await using home = await startHome({ [config]: content });
  await expect(storeCredential("quay.example", ada, home.places)).rejects.toMatchObject({ code: "CREDENTIALS" });
  await expect(removeCredential("quay.example", home.places)).rejects.toMatchObject({ code: "CREDENTIALS" });
  expect(await home.read(config)).toBe(content);
});

test.each([
  { file: config, key: "https://index.docker.io/v1/" },
  { file: podman, key: "docker.io" },
])("Docker Hub is $key in $file, and is no longer there under another name", async ({ file, key }) => {
  await using home = await startHome({
    [file]: { auths: { "index.docker.io": old, "https://registry-1.docker.io/v2/": old } },
  });
  await storeCredential("docker.io", ada, home.places);
  expect(JSON.parse(await home.read(file))).toEqual({ auths: { [key]: { auth } } });
  expect((await defaultKeychain(home.places).find("docker.io", "library/a"))?.credential).toEqual(ada);
  expect(await removeCredential("index.docker.io", home.places)).toEqual([join(home.path, file)]);
  expect(JSON.parse(await home.read(file))).toEqual({ auths: {} });
});

test("credentials for a folder of repositories stand beside those of the registry", async () => {
  await using home = await startHome({ [podman]: "{}" });
  const bob: Credential = { type: "password", username: "bob", password: "b:c" };
  await storeCredential("quay.example", ada, home.places);
  await storeCredential("quay.example/acme", bob, home.places);
  const find = async (repository: string): Promise<Credential | undefined> =>
    (await defaultKeychain(home.places).find("quay.example", repository))?.credential;
  expect(await find("acme/app")).toEqual(bob);
  expect(await find("other/app")).toEqual(ada);
  await removeCredential("quay.example", home.places);
  expect(await find("acme/app")).toEqual(bob);
  expect(await find("other/app")).toBeUndefined();
});

test("a helper keeps no credentials for a folder of repositories, and that is said", async () => {
  await using home = await startHome({ [config]: { credsStore: "test" } });
  const helper = await writeCredentialHelper(home.path, "test");
  await expect(storeCredential("quay.example/acme", ada, home.places)).rejects.toThrow("of whole registries only");
  expect(await helper.calls()).toEqual([]);
});

test("identity tokens are kept as docker keeps them", async () => {
  await using home = await startHome();
  const identity: Credential = { type: "identity", token: "refresh" };
  await storeCredential("quay.example", identity, home.places);
  expect(JSON.parse(await home.read(config)).auths["quay.example"]).toMatchObject({ identitytoken: "refresh" });
  expect((await defaultKeychain(home.places).find("quay.example", "a"))?.credential).toEqual(identity);
});

test("removing takes credentials from everywhere they would be found", async () => {
  await using home = await startHome({
    [podman]: { auths: { "quay.example": old, "other.example": old } },
    [config]: { auths: { "https://quay.example/v1/": old }, credHelpers: { "quay.example": "test" } },
    ".dockercfg": { "https://quay.example/v1/": old },
  });
  const helper = await writeCredentialHelper(home.path, "test", { "quay.example": { Username: "a", Secret: "b" } });
  expect(await removeCredential("quay.example", home.places)).toEqual([
    join(home.path, podman),
    `docker-credential-test (set in ${join(home.path, config)})`,
    join(home.path, config),
    join(home.path, ".dockercfg"),
  ]);
  expect(await helper.entries()).toEqual({});
  expect(await defaultKeychain(home.places).find("quay.example", "a")).toBeUndefined();
  expect((await defaultKeychain(home.places).find("other.example", "a"))?.credential).toBeDefined();
  expect(await removeCredential("quay.example", home.places)).toEqual([]);
});

test("removing all leaves no credentials, and the settings of helpers", async () => {
  await using home = await startHome({
    [podman]: { auths: { "quay.example/acme": old, "other.example": old } },
    [config]: { auths: { "a.example": {} }, credHelpers: { "b.example": "test" }, credsStore: "test" },
  });
  const entry = { Username: "a", Secret: "b" };
  const helper = await writeCredentialHelper(home.path, "test", {
    "a.example": entry,
    "b.example": entry,
    "mail.example": entry,
  });
  await removeAllCredentials(home.places);
  expect(JSON.parse(await home.read(podman))).toEqual({ auths: {} });
  expect(JSON.parse(await home.read(config))).toEqual({
    auths: {},
    credHelpers: { "b.example": "test" },
    credsStore: "test",
  });
  // Of a store that other programs share, only what Docker's file lists is a registry.
  expect(await helper.entries()).toEqual({ "mail.example": entry });
});

test("a helper of registries.conf keeps credentials when it is the first", async () => {
  await using home = await startHome();
  const helper = await writeCredentialHelper(home.path, "conf");
  const options = { ...home.places, credentialHelpers: ["conf", "containers-auth.json"] };
  await storeCredential("quay.example", ada, options);
  expect(await helper.entries()).toEqual({ "quay.example": { Username: "ada", Secret: "lovelace" } });
  expect(await removeCredential("quay.example", options)).toEqual(["docker-credential-conf"]);
  expect(await helper.entries()).toEqual({});
});

test.each([
  "",
  "https://",
  "a b",
  "quay.example/App",
  "quay.example/a:1",
  "quay.example/a@sha256:00",
  "-x",
  "a/../b",
  "q\nx",
])("%j is no registry to log in to", async (registry) => {
  await using home = await startHome();
  await expect(storeCredential(registry, ada, home.places)).rejects.toThrow(SyntaxError);
  expect(await readdir(home.path)).toEqual([]);
});
