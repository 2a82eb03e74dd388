import { rm } from "node:fs/promises";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { testPlan } from "../spec/run-bundle.suite.ts";
import { type ContainerRecord, ContainerStore } from "./container-store.ts";
import { idMapsOf, releaseIdMaps } from "./id-maps.ts";

const image = { id: `sha256:${"a".repeat(64)}`, name: "localhost/app:1" } as const;
const plan = testPlan({ command: ["true"], userns: "auto" });

function made(store: ContainerStore, its = plan): Promise<ContainerRecord> {
  return store.create({ engine: "runc", image, plan: its });
}

const range = (slot: number): object => [{ containerId: 0, hostId: 0x7000_0000 + slot * 65_536, size: 65_536 }];

test("auto gives each container the lowest ids that no other has, and keeps to them", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const records = [await made(store), await made(store), await made(store)];

  const maps = records.map((record) => idMapsOf(store, record));

  expect(maps).toEqual([0, 1, 2].map((slot) => ({ uidMap: range(slot), gidMap: range(slot) })));
  expect(records.map((record) => idMapsOf(new ContainerStore(folder.path), record))).toEqual(maps);
});

test("ids that were given back, and those of containers that are gone, are given again", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const [released, gone, kept] = [await made(store), await made(store), await made(store)];
  const [first, second] = [idMapsOf(store, released), idMapsOf(store, gone)];
  idMapsOf(store, kept);

  releaseIdMaps(store, released.id);
  await store.remove(released);
  await rm(store.folder(gone.id), { recursive: true });

  expect(idMapsOf(store, await made(store))).toEqual(first);
  expect(idMapsOf(store, await made(store))).toEqual(second);
});

test("a mapping that the plan has is taken as it is, and the host's ids are none", async () => {
  await using folder = await temporaryFolder();
  const store = new ContainerStore(folder.path);
  const maps = {
    uidMap: [{ containerId: 0, hostId: 200_000, size: 10 }],
    gidMap: [{ containerId: 0, hostId: 300_000, size: 10 }],
  };

  expect(idMapsOf(store, await made(store, testPlan({ command: ["true"], userns: maps })))).toEqual(maps);
  expect(idMapsOf(store, await made(store, testPlan({ command: ["true"], userns: "host" })))).toBeUndefined();
});
