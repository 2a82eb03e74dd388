import { existsSync } from "node:fs";
import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryFolder } from "@lading/testkit";
import { expect, test, vi } from "vitest";
import { testPlan } from "../spec/run-bundle.suite.ts";
import { type ContainerRecord, ContainerStore, createdState } from "./container-store.ts";

const somePlan = testPlan({ command: ["true"] });
const image = { id: `sha256:${"a".repeat(64)}`, name: "localhost/app:1" } as const;

function made(store: ContainerStore, name?: string): Promise<ContainerRecord> {
  return store.create({ engine: "runc", image, plan: { ...somePlan, name } });
}

test("a container is found by name, by ID, and by a prefix of the ID that no other has", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const record = await made(store, "web");
  // The newest comes first, by the millisecond.
  await delay(2);
  const other = await made(store);

  expect(store.find("web")).toEqual(record);
  expect(store.find(record.id)).toEqual(record);
  expect(store.find(other.id.slice(0, 12))).toEqual(other);
  expect(store.list().map(({ id }) => id)).toEqual([other.id, record.id]);
  expect(() => store.find("absent")).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
});

test("a prefix of two IDs is ambiguous", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  for (const last of ["1", "2"])
    await store.create({ engine: "podman", image, plan: somePlan, id: `${"b".repeat(63)}${last}` });

  expect(() => store.find("bbbb")).toThrow(expect.objectContaining({ code: "AMBIGUOUS" }));
});

test("of several that want a name at once, one gets it, and the others leave nothing", async () => {
  await using folder = await temporaryFolder();
  const stores = Array.from({ length: 8 }, () => new ContainerStore(folder.path));

  const results = await Promise.allSettled(stores.map((store) => made(store, "web")));

  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const result of results)
    if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "NAME_TAKEN" });
  expect(await readdir(join(folder.path, "containers"))).toHaveLength(1);
});

test("what is prepared goes with the container when that fails", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const plan = { ...somePlan, name: "web" };

  await expect(
    store.create({ engine: "runc", image, plan }, async ({ id }) => {
      await writeFile(join(store.folder(id), "half"), "");
      throw new Error("no room");
    }),
  ).rejects.toThrow("no room");

  expect(store.list()).toEqual([]);
  expect(await readdir(join(folder.path, "containers"))).toEqual([]);
  await made(store, "web");
});

test("who loses a made-up name to somebody quicker gets another, and prepares no second time", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const prepared: string[] = [];

  const record = await store.create({ engine: "runc", image, plan: somePlan }, async ({ name }) => {
    prepared.push(name);
    await made(store, name);
  });

  expect(prepared).toHaveLength(1);
  expect(record.name).not.toBe(prepared[0]);
  expect(store.find(record.name)).toEqual(record);
});

test("what a killed process left half made is nothing, and its name is free", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  // Killed in `create`, before the name; and a folder that somebody deleted by hand.
  await mkdir(join(store.folder("c".repeat(64))), { recursive: true });
  await writeFile(join(store.folder("c".repeat(64)), "record.json"), '{"id":"cc');
  await mkdir(join(folder.path, "names"));
  await symlink("d".repeat(64), join(folder.path, "names/web"));

  expect(store.list()).toEqual([]);
  expect(() => store.find("web")).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  expect(() => store.find("c".repeat(64))).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  const record = await made(store, "web");
  expect(store.find("web")).toEqual(record);
  expect(await readdir(join(folder.path, "names"))).toEqual(["web"]);
});

test("a removed container gives its name back, and may be removed twice", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const record = await made(store, "web");
  await store.remove(record);
  const next = await made(store, "web");

  await store.remove(record);

  expect(store.list()).toEqual([next]);
  await rm(store.folder(next.id), { recursive: true });
  expect(store.list()).toEqual([]);
});

test("state is what was written last, and that of a new container before", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const { id } = await made(store);

  expect(store.state(id)).toEqual(createdState);
  store.writeState(id, { ...createdState, status: "exited", restarts: 3 });
  expect(store.state(id)).toMatchObject({ status: "exited", restarts: 3 });
});

function later(minutes: number): void {
  vi.setSystemTime(Date.now() + minutes * 60_000);
}

test("how a container ended is kept for ten minutes, and for twice that at most", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const exit = { code: 3, oomKilled: false, finishedAt: new Date().toISOString() };
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    store.keepExit("first", exit);
    expect(store.keptExit("first")).toEqual(exit);
    later(9.9);
    store.keepExit("second", exit);
    expect(store.keptExit("first")).toEqual(exit);
    later(20);
    store.keepExit("third", exit);
    expect(["first", "second", "third"].map((id) => store.keptExit(id)?.code)).toEqual([undefined, undefined, 3]);
  } finally {
    vi.useRealTimers();
  }
});

test.each(["", "-a", "a/b", "../a", "a b", "ü", "a".repeat(256)])("%j is no name", async (name) => {
  await using folder = await temporaryFolder();
  await expect(made(new ContainerStore(folder.path), name)).rejects.toMatchObject({ code: "SPEC" });
  expect(await readdir(folder.path)).toEqual([]);
});

test.runIf(existsSync("/proc/self"))("a state folder that cannot be made is an error, and tried once", async () => {
  await expect(made(new ContainerStore("/proc/nope/state"))).rejects.toMatchObject({ code: "ENOENT" });
});
