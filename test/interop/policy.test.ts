import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copy, LayoutStore, OciArchiveSink } from "@lading/oci";
import { randomImage, startRegistry, temporaryFolder, type TestRegistry } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attempt, installed, run } from "./command.ts";
import { ladingCommand } from "./lading.ts";

/*
 * containers-policy.json(5), with skopeo as the judge: what it copies under a policy we do, and what
 * it does not copy we do not.
 */

const accept = [{ type: "insecureAcceptAnything" }];
const reject = [{ type: "reject" }];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let registry: TestRegistry;
let digest: string;
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  registry = await startRegistry();
  const { source, descriptor } = await randomImage();
  digest = descriptor.digest;
  const names = ["acme/app:1", "acme/app:2", "acme/open:1"];
  await copy(source, registry.store, descriptor);
  for (const name of names) await registry.store.tag(descriptor, name);
  const password = { env: { COSIGN_PASSWORD: "" } };
  for (const key of ["ours", "others"]) await run(ladingCommand, ["keygen", "--output-key-prefix", at(key)], password);
  const sign = ["sign", "--key", at("ours.key"), "--form", "tag", "--tls-verify=false"];
  for (const name of ["app", "open"]) {
    const named = ["--sign-container-identity", `${registry.host}/acme/app:1`, `${registry.host}/acme/${name}:1`];
    await run(ladingCommand, [...sign, ...named], password);
  }
  const bare = await randomImage();
  await copy(bare.source, registry.store, bare.descriptor);
  await registry.store.tag(bare.descriptor, "acme/bare:1");
  await mkdir(at("images"));
  const layout = await LayoutStore.create(at("images/layout"));
  await copy(source, layout, descriptor);
  await layout.tag(descriptor, "1");
  await symlink("images", at("link"));
  await using sink = await OciArchiveSink.create(at("images/app.tar"));
  await copy(source, sink, descriptor);
  await sink.tag(descriptor, "1");
  await sink.finish();
  await mkdir(at("registries.d"));
  await writeFile(at("registries.d/all.yaml"), "default-docker:\n  use-sigstore-attachments: true\n");
}, 60_000);

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

let count = 0;

/** Whether skopeo and we copy an image under a policy. */
async function judged(policy: unknown, place: string): Promise<{ readonly skopeo: boolean; readonly lading: boolean }> {
  const file = at(`policy-${++count}.json`);
  await writeFile(file, JSON.stringify(policy));
  const reading = ["--policy", file, "--registries.d", at("registries.d"), "--tmpdir", folder.path];
  const copying = ["copy", "--src-tls-verify=false", "--remove-signatures", place, `dir:${at(`skopeo-${count}`)}`];
  const skopeo = await attempt("skopeo", [...reading, ...copying]);
  const own = place.replace(/^docker:\/\//, "");
  const ended = await attempt(ladingCommand, [
    "copy",
    "--policy",
    file,
    "--tls-verify=false",
    own,
    `oci:${at(`own-${count}`)}`,
  ]);
  if (ended.status !== 0) expect(ended.stderr).toMatch(/forbids it|Cannot read the policy/);
  return { skopeo: skopeo.status === 0, lading: ended.status === 0 };
}

type Case = readonly [name: string, policy: () => unknown, place: () => string, verdict: boolean];

const of = (transport: string, rules: object, otherwise: unknown = reject): unknown => ({
  default: otherwise,
  transports: { [transport]: rules },
});
const app = (): string => `docker://${registry.host}/acme/app:1`;
const layout = (): string => `oci:${at("images/layout")}:1`;
const archive = (): string => `oci-archive:${at("images/app.tar")}:1`;

const scopes: readonly Case[] = [
  ["a name with its tag", () => of("docker", { [`${registry.host}/acme/app:1`]: accept }), app, true],
  ["another tag", () => of("docker", { [`${registry.host}/acme/app:2`]: accept }), app, false],
  ["a repository", () => of("docker", { [`${registry.host}/acme/app`]: accept }), app, true],
  ["a namespace", () => of("docker", { [`${registry.host}/acme`]: accept }), app, true],
  ["a part of a word", () => of("docker", { [`${registry.host}/ac`]: accept }), app, false],
  ["a host with its port", () => of("docker", { [registry.host]: accept }), app, true],
  ["a host without its port", () => of("docker", { "127.0.0.1": accept }), app, false],
  ["a wildcard, which has no port", () => of("docker", { "*.0.0.1": accept }), app, true],
  ["a wildcard with a port", () => of("docker", { [registry.host.replace("127", "*")]: accept }), app, false],
  ["all of a transport", () => of("docker", { "": accept }), app, true],
  ["another transport", () => of("oci", { "": accept }), app, false],
  [
    "a digest",
    () => of("docker", { [`${registry.host}/acme/app@${digest}`]: accept }),
    () => `docker://${registry.host}/acme/app@${digest}`,
    true,
  ],
  ["a digest, for a tag", () => of("docker", { [`${registry.host}/acme/app@${digest}`]: accept }), app, false],
  [
    "the narrowest alone",
    () => of("docker", { [registry.host]: accept, [`${registry.host}/acme/app`]: reject }),
    app,
    false,
  ],
  ["all requirements", () => of("docker", { [registry.host]: [...accept, ...reject] }), app, false],
  ["a layout", () => of("oci", { [at("images/layout")]: accept }), layout, true],
  ["a folder of layouts", () => of("oci", { [at("images")]: accept }), layout, true],
  ["a layout by its tag", () => of("oci", { [`${at("images/layout")}:1`]: accept }), layout, false],
  [
    "where a link leads",
    () => of("oci", { [at("images")]: reject }, accept),
    () => `oci:${at("link/layout")}:1`,
    false,
  ],
  ["a link", () => of("oci", { [at("link")]: accept }), () => `oci:${at("link/layout")}:1`, false],
  ["an archive", () => of("oci-archive", { [at("images/app.tar")]: accept }), archive, true],
  ["a folder of archives", () => of("oci-archive", { [at("images")]: accept }), archive, true],
  ["a folder that is not cleaned", () => of("oci", { [`${at("images")}/../images`]: accept }), layout, false],
  ["the root folder", () => of("oci", { "/": accept }), layout, false],
  ["a docker-archive's path", () => of("docker-archive", { [at("images")]: reject }, accept), app, false],
  ["a transport of somebody else", () => of("atomic", { "": reject }, accept), app, true],
];

const misread: readonly Case[] = [
  ["no default", () => ({ transports: {} }), app, false],
  ["no requirements", () => ({ default: [] }), app, false],
  ["a requirement that nobody knows", () => of("oci", { "": [{ type: "hope" }] }, accept), app, false],
  ["a key too many", () => ({ default: [{ type: "insecureAcceptAnything", really: true }] }), app, false],
  ["a section too many", () => ({ default: accept, transport: {} }), app, false],
];

const signed = (more: object = {}, key = "ours.pub"): unknown =>
  of("docker", { [registry.host]: [{ type: "sigstoreSigned", keyPath: at(key), ...more }] });
const second = (): string => `docker://${registry.host}/acme/app:2`;
const mirrored = (): string => `docker://${registry.host}/acme/open:1`;
const byDigest = (): string => `docker://${registry.host}/acme/app@${digest}`;
const matching = (signedIdentity: object): unknown => signed({ signedIdentity });
const remapping = (prefix: string): unknown =>
  matching({
    type: "remapIdentity",
    prefix: `${registry.host}/${prefix}`,
    signedPrefix: `${registry.host}/acme/app`,
  });

const signatures: readonly Case[] = [
  ["the name that was signed", () => signed(), app, true],
  ["another key", () => signed({}, "others.pub"), app, false],
  ["no signature", () => signed(), () => `docker://${registry.host}/acme/bare:1`, false],
  ["another tag than was signed", () => signed(), second, false],
  ["a digest, of a repository that was signed", () => signed(), byDigest, true],
  ["a digest, where the name must be exact", () => matching({ type: "matchExact" }), byDigest, false],
  ["the exact name", () => matching({ type: "matchExact" }), app, true],
  ["any tag of the repository", () => matching({ type: "matchRepository" }), second, true],
  ["any tag of another repository", () => matching({ type: "matchRepository" }), mirrored, false],
  [
    "a name of the policy's",
    () => matching({ type: "exactReference", dockerReference: `${registry.host}/acme/app:1` }),
    mirrored,
    true,
  ],
  [
    "another name of the policy's",
    () => matching({ type: "exactReference", dockerReference: `${registry.host}/acme/app:2` }),
    mirrored,
    false,
  ],
  [
    "a name of the policy's without a tag",
    () => matching({ type: "exactReference", dockerReference: `${registry.host}/acme/app` }),
    mirrored,
    false,
  ],
  [
    "a repository of the policy's",
    () => matching({ type: "exactRepository", dockerRepository: `${registry.host}/acme/app` }),
    mirrored,
    true,
  ],
  ["a mirror", () => remapping("acme/open"), mirrored, true],
  ["a mirror by a part of a word", () => remapping("acme/op"), mirrored, false],
  ["a mirror by a name with a tag", () => remapping("acme/open:1"), mirrored, false],
  ["two ways to name a key", () => signed({ keyData: "aGVsbG8=" }), app, false],
  ["no key", () => of("docker", { "": [{ type: "sigstoreSigned" }] }), app, false],
];

// Debian leaves sigstore out of its skopeo, which then refuses whatever a policy wants signed.
let knowsSigstore = false;
beforeAll(async () => {
  if (!installed("skopeo")) return;
  await writeFile(at("probe.json"), JSON.stringify(signed()));
  const reading = ["--policy", at("probe.json"), "--registries.d", at("registries.d")];
  const copying = ["copy", "--src-tls-verify=false", "--remove-signatures", app(), `dir:${at("probe")}`];
  knowsSigstore = !(await attempt("skopeo", [...reading, ...copying])).stderr.includes("sigstore disabled");
}, 60_000);

describe.runIf(installed("skopeo"))("signatures, as skopeo has them where it knows any:", () => {
  test.each(signatures)("%s", async (_, policy, place, verdict) => {
    expect(await judged(policy(), place())).toEqual({ skopeo: verdict && knowsSigstore, lading: verdict });
  });
});

describe.runIf(installed("skopeo"))("as skopeo has it:", () => {
  test.each([...scopes, ...misread])("%s", async (_, policy, place, verdict) => {
    expect(await judged(policy(), place())).toEqual({ skopeo: verdict, lading: verdict });
  });
});
