import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { indexLayer, openLayer, parseDigest } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { FactsStore } from "./facts-store.ts";
import { imageFacts, type LayerMemory } from "./image-facts.ts";
import { directory, link, madeImage } from "./made-image.suite.ts";

const passwd = { path: "etc/passwd", body: "root:x:0:0::/root:/bin/sh\n" };
const group = { path: "etc/group", body: "staff:x:50:\n" };
const id = parseDigest(`sha256:${"a".repeat(64)}`);

test("accounts are those of the merged tree", async () => {
  const image = madeImage({}, [passwd, group], [{ ...passwd, body: "app:x:1:1::/:\n" }, { path: "etc/.wh.group" }]);
  expect((await imageFacts(image)).accounts).toEqual({ passwd: "app:x:1:1::/:\n", group: "" });
});

test("each layer is read once, and not again where its index is there but for the accounts", async () => {
  const image = madeImage({}, [passwd, group], [{ path: "other", body: "x" }]);
  const facts = await imageFacts(image);
  expect(image.layers.map(({ reads }) => reads)).toEqual([1, 1]);

  const indexes = await Promise.all(image.layers.map((layer) => indexLayer(openLayer(layer))));
  expect(await imageFacts(image, { indexes })).toEqual(facts);
  expect(image.layers.map(({ reads }) => reads)).toEqual([4, 2]);
});

test("layers that the image before had are not read again for the next one", async () => {
  const old = madeImage({}, [passwd], [{ path: "app", body: "1" }]);
  const changed = madeImage({}, [passwd], [{ path: "app", body: "22", uid: 7 }]);
  const memory: LayerMemory = { layers: new Map() };
  await imageFacts(old, { memory });
  expect(await imageFacts(changed, { memory })).toMatchObject({
    highestOwner: 7,
    accounts: { passwd: passwd.body },
  });
  expect([...old.layers, ...changed.layers].map(({ reads }) => reads)).toEqual([1, 1, 0, 1]);
});

test.each([
  ["a link to them", [{ path: "store/p", body: passwd.body }, link("etc/passwd", "../store/p")]],
  ["a link for the folder", [{ path: "store/etc/passwd", body: passwd.body }, link("etc", "/store/etc")]],
  [
    "a hardlink",
    [
      { path: "p", body: passwd.body },
      { path: "etc/passwd", type: "hardlink", linkname: "p" },
    ],
  ],
] as const)("accounts are found behind %s", async (_what, entries) => {
  expect((await imageFacts(madeImage({}, entries))).accounts.passwd).toBe(passwd.body);
});

test("accounts that are too large for any are not read", async () => {
  const huge = { ...passwd, body: "x".repeat(1024 * 1024 + 1) };
  expect(await imageFacts(madeImage({}, [huge]))).toMatchObject({
    accounts: { passwd: "" },
    hugeAccounts: ["/etc/passwd"],
  });
});

test("the highest owner is that of a file of the merged tree, user or group", async () => {
  const below = [
    { path: "hidden", uid: 9000 },
    { path: "kept", gid: 70 },
  ];
  expect(await imageFacts(madeImage({}, below, [{ path: ".wh.hidden" }]))).toMatchObject({ highestOwner: 70 });
  expect(await imageFacts(madeImage({}, [{ path: "a", uid: 65_534, gid: 5 }]))).toMatchObject({ highestOwner: 65_534 });
  expect(await imageFacts(madeImage({}))).toMatchObject({ highestOwner: 0 });
});

test("an image without anything odd has no oddity, linked folders of its own included", async () => {
  const image = madeImage({}, [
    ...["dev", "proc", "sys", "var"].map((path) => directory(path)),
    { path: "dev/null", type: "char", mode: 0o666, devmajor: 1, devminor: 3 },
    directory("nix/etc"),
    { ...passwd, path: "nix/etc/passwd" },
    link("etc", "nix/etc"),
    directory("var/run"),
    link("run", "var/run"),
  ]);
  expect(await imageFacts(image)).toMatchObject({ oddities: [], linkedAccounts: [] });
});

test("an empty image has no oddity either", async () => {
  expect(await imageFacts(madeImage({}))).toMatchObject({ oddities: [], hasWorkingDir: true, links: new Map() });
});

test.each([
  [[link("dev", "/host")], { path: "/dev", type: "dangling", target: "/host" }],
  [[directory("other"), link("dev", "other")], { path: "/dev", type: "symlink", target: "other" }],
  [[{ path: "proc", body: "x" }], { path: "/proc", type: "file", target: "" }],
  [[{ path: "sys", type: "fifo" }], { path: "/sys", type: "fifo", target: "" }],
  [[link("run", "/tmp/x")], { path: "/run", type: "dangling", target: "/tmp/x" }],
  [[link("etc", "etc")], { path: "/etc", type: "dangling", target: "etc" }],
  [[directory("etc/passwd")], { path: "/etc/passwd", type: "directory", target: "" }],
  [[link("etc/passwd", "/etc/shadow")], { path: "/etc/passwd", type: "dangling", target: "/etc/shadow" }],
  [[directory("etc"), link("etc/group", "/etc")], { path: "/etc/group", type: "symlink", target: "/etc" }],
  [
    [link("dev/null", "/proc/sys/kernel/core_pattern")],
    { path: "/dev/null", type: "dangling", target: "/proc/sys/kernel/core_pattern" },
  ],
] as const)("%j is odd", async (entries, oddity) => {
  expect((await imageFacts(madeImage({}, entries))).oddities).toEqual([oddity]);
});

test("a layer above may make it odd", async () => {
  const image = madeImage({}, [directory("dev"), { path: "dev/x", body: "" }], [link("dev", "/host")]);
  expect((await imageFacts(image)).oddities).toMatchObject([{ path: "/dev" }]);
});

test("links are kept, but for those to files", async () => {
  const image = madeImage({}, [
    { path: "bin/busybox", body: "x" },
    link("bin/sh", "busybox"),
    link("sbin", "bin"),
    link("gone", "/nowhere"),
    link("round", "round"),
    link("__proto__", "/nowhere"),
  ]);
  expect((await imageFacts(image)).links).toEqual(
    new Map([
      ["/__proto__", "/nowhere"],
      ["/gone", "/nowhere"],
      ["/round", "round"],
      ["/sbin", "bin"],
    ]),
  );
});

test.each([
  ["", true],
  ["/app", true],
  ["/link/deep", true],
  ["app/../app", true],
  ["/missing", false],
  ["/file", false],
  ["/gone/x", false],
])("of the working directory %s is known whether it is there: %s", async (WorkingDir, hasWorkingDir) => {
  const entries = [directory("app/deep"), link("link", "app"), link("gone", "/nowhere"), { path: "file", body: "x" }];
  expect(await imageFacts(madeImage({ WorkingDir }, entries))).toMatchObject({ hasWorkingDir });
});

test("volumes are known as the image has them, through links", async () => {
  const entries = [directory("data", 0o1770, 5, 6), link("link", "data"), { path: "file", body: "x" }];
  const config = { Volumes: { "/../link/": {}, "/missing": {}, "/file": {} } };
  expect((await imageFacts(madeImage(config, entries))).volumes).toEqual([
    { path: "/data", mode: 0o1770, uid: 5, gid: 6 },
  ]);
});

test("facts are kept by image ID", async () => {
  await using folder = await temporaryFolder();
  const store = new FactsStore(join(folder.path, "facts"));
  const raw = link("raw\udcff", "/nowhere\udcfe");
  const facts = await imageFacts(
    madeImage({ Volumes: { "/v": {} } }, [passwd, group, raw, link("dev", "/host"), directory("v")]),
  );
  expect(await store.get(id)).toBeUndefined();
  await Promise.all([store.set(id, facts), store.set(id, facts)]);
  expect(await store.get(id)).toEqual(facts);
  expect(await readdir(join(folder.path, "facts"))).toEqual([`${"a".repeat(64)}.json`]);
  await store.delete(id);
  expect(await store.get(id)).toBeUndefined();
});

test.each(["", "{}", "[]", '{"version":0}'])("what is no such file (%j) is nothing", async (text) => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, `${"a".repeat(64)}.json`), text);
  expect(await new FactsStore(folder.path).get(id)).toBeUndefined();
});
