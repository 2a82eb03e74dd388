import { rm } from "node:fs/promises";
import { copy, type Digest, parseReference } from "@lading/oci";
import { RegistryClient } from "@lading/registry-client";
import { randomImage, startRegistry } from "@lading/testkit";
import { expect, test } from "vitest";
import { workspace } from "./workspace.ts";

type Registry = Awaited<ReturnType<typeof startRegistry>>;

/** Puts a random image for this machine into a registry, as `base:1`. */
async function putBase(registry: Registry): Promise<Digest> {
  const image = await randomImage({ layers: 1 });
  await using client = await RegistryClient.open();
  const repository = client.repository(parseReference(`${registry.host}/base`));
  await copy(image.source, repository, image.descriptor);
  await repository.tag(image.descriptor, "1");
  return image.descriptor.digest;
}

const describing = (base: string) => ({
  "lading.yaml": `name: app\nfrom: ${base}\nlayers: [{ add: [{ src: site, dest: /srv }] }]\n`,
  "site/index.html": "hello\n",
});

test("a locked base is used whatever its tag names now, until --update takes what it names", async () => {
  await using registry = await startRegistry();
  const place = `${registry.host}/base:1`;
  await using work = await workspace(describing(place));
  const build = async (...flags: string[]) => await work.lading(["build", "-q", "-o", "oci:out", ...flags]);
  const before = await putBase(registry);

  expect(await build("--locked")).toMatchObject({ status: 2, stderr: expect.stringContaining("Run `lading lock`") });
  const locked = await work.lading(["lock"]);
  expect(locked).toMatchObject({ status: 0, stdout: `${work.path}/lading.lock\n` });
  expect(locked.stderr).toContain(`added ${place}: ${before}`);
  const first = await build("--locked");
  expect(first).toMatchObject({ status: 0, stderr: "" });

  const after = await putBase(registry);
  expect(await build("--locked")).toEqual(first);
  expect(await build()).toEqual(first);
  expect((await work.lading(["lock"])).stderr).toContain(`kept ${place}: ${before}`);
  const check = await work.lading(["lock", "--check", "--json"]);
  expect({ ...check, stdout: JSON.parse(check.stdout) as unknown }).toMatchObject({
    status: 1,
    stdout: { changed: true, images: [{ place, state: "moved", before, digest: after }] },
  });
  expect(await build()).toEqual(first);

  expect((await work.lading(["lock", "--update"])).stderr).toContain(`moved ${place}: ${before} is ${after} now`);
  const second = await build("--locked");
  expect(second.status).toBe(0);
  expect(second.stdout).not.toBe(first.stdout);
  expect(await work.lading(["lock", "--check"])).toMatchObject({ status: 0 });
});

test("a build is the same with and without a lock", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(describing(`${registry.host}/base:1`));
  await putBase(registry);

  const unlocked = await work.lading(["build", "-q", "-o", "oci:out"]);
  await work.lading(["lock", "-q"]);
  expect(await work.lading(["build", "-q", "-o", "oci:out"])).toEqual(unlocked);
  expect(await work.lading(["build", "-q", "-o", "oci:out", "--offline"])).toMatchObject({ stdout: unlocked.stdout });
});

test("a base in a file that is another now is refused, locked or strictly locked", async () => {
  await using work = await workspace({
    ...describing("oci:base"),
    "base.yaml": "from: scratch\nlayers: [{ add: [{ content: a, dest: /a }] }]\n",
  });
  const makeBase = async () => await work.lading(["build", "-q", "-f", "base.yaml", "-o", "oci:base"]);
  await makeBase();
  await work.lading(["lock", "-q"]);
  await work.write({ "base.yaml": "from: scratch\nlayers: [{ add: [{ content: b, dest: /b }] }]\n" });
  await rm(`${work.path}/base`, { recursive: true });
  await makeBase();

  const refused = await work.lading(["build", "-o", "oci:out"]);
  expect(refused).toMatchObject({ status: 1, stdout: "" });
  expect(refused.stderr).toContain('Cannot use base "oci:base": it is sha256:');
  expect(refused.stderr).toContain("hint: Run `lading lock --update` if that is meant\n");
});

test("--locked refuses a base that the lock lacks, and a lock that is damaged is shown", async () => {
  await using work = await workspace({
    ...describing("oci:base"),
    "lading.lock": '{ "version": 1, "images": {} }\n',
  });
  await work.lading(["build", "-q", "--add", "site:/", "-f", "lading.yaml", "--from", "scratch", "-o", "oci:base"]);

  expect(await work.lading(["build", "--locked", "-o", "oci:out"])).toMatchObject({
    status: 1,
    stderr:
      'error: Cannot use base "oci:base" with --locked: lading.lock does not have it\nhint: Run `lading lock` to add it\n',
  });
  await work.write({ "lading.lock": '{ "version": 1, "images": { "oci:base": { "digest": "sha256:1" } } }\n' });
  const damaged = await work.lading(["build", "-o", "oci:out"]);
  expect(damaged).toMatchObject({ status: 2 });
  expect(damaged.stderr).toContain("--> lading.lock:1:");
  expect(await work.lading(["lock", "--update", "--check"])).toMatchObject({ status: 2 });
});

test("images of a Dockerfile are locked for each platform that their names depend on", async () => {
  await using registry = await startRegistry();
  const digest = await putBase(registry);
  const base = `${registry.host}/base`;
  await using work = await workspace({
    Dockerfile: `FROM scratch AS of-amd64\nFROM ${base}:1 AS of-arm64\nFROM of-$TARGETARCH\n`,
  });
  const locked = await work.lading(["lock", "-q", "--platform", "linux/amd64,linux/arm64"]);
  expect(locked).toMatchObject({ status: 0, stderr: "" });
  expect(JSON.parse(await work.read("lading.lock"))).toMatchObject({ images: { [`${base}:1`]: { digest } } });
});

test("a description without a base locks nothing, and what is no longer used goes", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(describing(`${registry.host}/base:1`));
  await putBase(registry);
  await work.lading(["lock", "-q"]);
  await work.write(describing("scratch"));

  expect((await work.lading(["lock"])).stderr).toContain(`removed ${registry.host}/base:1: `);
  expect(JSON.parse(await work.read("lading.lock"))).toEqual({ version: 1, images: {} });
});
