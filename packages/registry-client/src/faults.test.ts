import { copy, MemoryStore, parseManifest, readBlob } from "@lading/oci";
import {
  isAffected,
  randomImage,
  type RegistryFault,
  registryFaults,
  startRegistry,
  type TestRegistry,
  validateImage,
} from "@lading/testkit";
import { expect, test } from "vitest";
import type { Keychain } from "./auth/credential.ts";
import { RegistryClient } from "./client.ts";
import type { HostConfig } from "./hosts/host-config.ts";

const user = { username: "ada", password: "correct horse" };
const keychain: Keychain = {
  find: () => Promise.resolve({ credential: { type: "password", ...user }, from: "the test" }),
};

const check = (username: string, password: string): boolean => username === user.username && password === user.password;

test.each(registryFaults)("$outcome: $name", { timeout: 20_000 }, async (fault) => {
  const broken: unknown[] = [];
  await using registry = await startRegistry({
    onAccess: ({ error }) => error !== undefined && broken.push(error),
    auth: { type: fault.auth ?? "basic", check },
    faults: [{ ...fault, applies: (request) => isAffected(fault, request) }],
  });
  const clock = fakeClock();
  await using client = await RegistryClient.open({
    keychain,
    hostConfig: plainHttp,
    retries: { attempts: 4, delay: 1, ...clock },
    timeouts: { headers: 600, stall: 600 },
  });

  const work = deeds[fault.during](fault, registry, client);
  if (fault.outcome === "survives") await work;
  else {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(codesOf(error)).toContain(fault.code);
  }

  // The faults are those that are told of, and none of the registry's own.
  expect(broken).toEqual([]);
  expect(registry.requests.some((request) => isAffected(fault, request))).toBe(true);
  expect(registry.otherRequests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  expect(clock.waited()).toBeGreaterThanOrEqual(fault.waits ?? 0);
});

const deeds: Readonly<
  Record<
    RegistryFault["during"],
    (fault: RegistryFault, registry: TestRegistry, client: RegistryClient) => Promise<void>
  >
> = {
  async push({ layerSize = 1000 }, registry, client) {
    const image = await randomImage({ layers: 2, size: layerSize });
    const repository = client.repository(`${registry.host}/acme/app`);
    await copy(image.source, repository, image.descriptor);
    await repository.tag(image.descriptor, "1");
    expect(await registry.store.resolve("acme/app:1")).toEqual(image.descriptor);
    await validateImage(registry.store, image.descriptor);
  },
  async pull({ layerSize = 1000 }, registry, client) {
    const image = await filled(registry, "acme/app:1", layerSize);
    const store = new MemoryStore();
    const repository = client.repository(`${registry.host}/acme/app`);
    const descriptor = await repository.resolve("1");
    expect(descriptor).toEqual(image);
    await copy(repository, store, descriptor);
    await validateImage(store, descriptor);
  },
  async mount({ layerSize = 1000 }, registry, client) {
    const image = await filled(registry, "acme/base:1", layerSize);
    const repository = client.repository(`${registry.host}/acme/app`);
    await copy(client.repository(`${registry.host}/acme/base`), repository, image);
    await repository.tag(image, "1");
    await validateImage(registry.store, await registry.store.resolve("acme/app:1"));
  },
  async referrers(_fault, registry, client) {
    const subject = await filled(registry, "acme/app:1", 10);
    const manifest = await readBlob(registry.store.blob(subject));
    const { config, layers } = parseManifest(manifest);
    const document = { schemaVersion: 2, mediaType: subject.mediaType, artifactType: "a/b", config, layers, subject };
    const bytes = Buffer.from(JSON.stringify(document));
    const signature = await registry.store.write(once(bytes), subject.mediaType);
    await registry.store.tag(signature, "acme/app:signature");
    const found = await client.repository(`${registry.host}/acme/app`).referrers(subject);
    expect(found).toEqual([{ ...signature, artifactType: "a/b" }]);
  },
  async tags(_fault, registry, client) {
    const tags = ["1", "2", "3", "4", "5"];
    for (const tag of tags) await filled(registry, `acme/app:${tag}`, 10);
    const listed: string[] = [];
    for await (const tag of client.repository(`${registry.host}/acme/app`).tags()) listed.push(tag);
    expect(listed).toEqual(tags);
  },
};

async function filled({ store }: TestRegistry, name: string, size: number): Promise<Parameters<MemoryStore["tag"]>[0]> {
  const image = await randomImage({ layers: 2, size });
  await copy(image.source, store, image.descriptor);
  await store.tag(image.descriptor, name);
  return image.descriptor;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A clock that waits for nobody, and counts for how long. */
function fakeClock(): { now: () => number; sleep: (milliseconds: number) => Promise<void>; waited: () => number } {
  const start = Date.now();
  let passed = 0;
  return {
    now: () => start + passed,
    waited: () => passed,
    sleep: async (milliseconds) => {
      passed += milliseconds;
      // Others may go on meanwhile.
      await new Promise(setImmediate);
    },
  };
}

function codesOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return [];
  return ["code" in error ? error.code : undefined, ...codesOf(error.cause)];
}

const plainHttp: HostConfig = {
  route: ({ registry, repository }) => ({
    mirrors: [],
    primary: { registry, base: new URL(`http://${registry}/`), repository, plainHttp: "only", verifyTls: true },
  }),
  tls: () => Promise.resolve({}),
  proxyFor: () => undefined,
};
