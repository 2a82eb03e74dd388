import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, onTestFinished, test } from "vitest";
import { BuildError } from "../errors.ts";
import { listLayer } from "./list.ts";

const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n";
const certificate = "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n";

/** What stops the build, of these files: undefined when nothing does. */
async function refusal(
  files: Readonly<Record<string, string>>,
  allowSecrets: string[] = [],
): Promise<string | undefined> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    writeFileSync(join(folder.path, name), text);
  }
  try {
    await listLayer({ add: [{ src: ["."], dest: "/app" }] }, { context: folder.path, timestamp: 1, allowSecrets });
    return undefined;
  } catch (error) {
    if (error instanceof BuildError && error.code === "SECRET") return error.message;
    throw error;
  }
}

test.each([
  [".env", "KEY=1", "environment file"],
  ["app/.env.production", "KEY=1", "environment file"],
  [".npmrc", "//registry.npmjs.org/:_authToken=npm_abc\n", "npm token"],
  [".npmrc", "registry=https://x/\n_password = aGVsbG8=\n", "npm token"],
  ["node_modules/x/.npmrc", "//r/:_authToken=npm_abc", "npm token"],
  [".yarnrc.yml", "npmAuthToken: abc\n", "Yarn token"],
  ["server.key", pem, "private key"],
  ["tls.pem", certificate + pem, "private key"],
  ["id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n", "private key"],
  ["signing.key", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n", "private key"],
  ["backup.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "private key"],
  ["store.p12", "\x30\x82", "key store"],
  ["release.keystore", "x", "key store"],
  ["home/.netrc", "machine x login y password z", "logins"],
  [".git-credentials", "https://u:p@github.com", "Git logins"],
  [".aws/credentials", "[default]", "AWS keys"],
  [".docker/config.json", '{"auths":{"r.io":{"auth":"dTpw"}}}', "registry logins"],
  ["kubeconfig", "users:\n- user:\n    token: abc\n", "cluster login"],
  [".kube/config", "    client-key-data: LS0t\n", "cluster login"],
  ["infra/terraform.tfstate", "{}", "Terraform state"],
  [
    "google-service-account.json",
    '{"type":"service_account","private_key": "-----BEGIN PRIVATE KEY-----\\n"}',
    "service account key",
  ],
  [".pypirc", "[pypi]\npassword = abc\n", "PyPI password"],
  ["www/.htpasswd", "u:$apr1$", "password hashes"],
])("%s stops the build", async (name, text, why) => {
  expect(await refusal({ [name]: text })).toBe(`Cannot add what looks like secrets: ${name} (${why})`);
});

test.each([
  [".env.example", "KEY="],
  [".env.production.sample", "KEY="],
  [".env", ""],
  [".environment", "x"],
  [".npmrc", "registry=https://registry.npmjs.org/\n"],
  [".npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n"],
  [".npmrc", "# _authToken=old\n"],
  ["etc/ssl/certs/ca-certificates.pem", certificate],
  ["public.key", "-----BEGIN PUBLIC KEY-----\n"],
  ["node_modules/tls/test/server.key", pem],
  ["node_modules/tls/.env", "KEY=1"],
  ["credentials", "words"],
  ["config.json", '{"auths":{"r.io":{"auth":"dTpw"}}}'],
  [".docker/config.json", '{"credsStore":"desktop"}'],
  ["kubeconfig", "clusters: []\n"],
  ["src/keys.json", '{"a":"b"}'],
  ["src/key.js", pem],
])("%s (%j) does not", async (name, text) => {
  expect(await refusal({ [name]: text })).toBeUndefined();
});

test("all of them are named at once", async () => {
  expect(await refusal({ "a/.env": "K=1", "b.key": pem })).toBe(
    "Cannot add what looks like secrets: a/.env (environment file), b.key (private key)",
  );
});

test("patterns allow them by source or by place in the image", async () => {
  const files = { "a/.env": "K=1", "tls/b.key": pem };
  expect(await refusal(files, [".env"])).toContain("secrets: tls/b.key (");
  expect(await refusal(files, [".env", "tls/*.key"])).toBeUndefined();
  expect(await refusal(files, ["/app/a/.env", "**/*.key"])).toBeUndefined();
  expect(await refusal(files, ["*.env"])).toContain("b.key");
});

test("an excluded secret is none of the layer's", async () => {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  writeFileSync(join(folder.path, ".env"), "KEY=1");
  writeFileSync(join(folder.path, "a"), "");
  const layer = { add: [{ src: ["."], dest: "/", exclude: [".env"] }] };
  expect(await listLayer(layer, { context: folder.path, timestamp: 1 })).toHaveLength(1);
});
