import { expect, test } from "vitest";
import type { LayerEntry, LayerPlan } from "../entry.ts";
import { packLayer } from "./pack.ts";
import { literal, packOptions } from "./pack.suite.ts";

const meta = { mode: 0o755, uid: 0, gid: 0, mtime: 1 };
const before: LayerEntry[] = [
  literal("content", "one"),
  { ...meta, type: "directory", path: "kind" },
  { ...meta, type: "symlink", path: "link", linkname: "here" },
  literal("mode", ""),
  literal("owner", ""),
  literal("removed", ""),
  literal("same", ""),
  literal("time", ""),
];

function plan(entries: readonly LayerEntry[]): LayerPlan {
  return { name: "app", entries };
}

test("an explanation names each difference by the most telling of its kinds", async () => {
  const options = await packOptions({ identity: "app" });
  const first = await packLayer(plan(before), options);
  const after: LayerEntry[] = [
    literal("added", ""),
    { ...literal("content", "two"), mode: 0o600 },
    { ...meta, type: "fifo", path: "kind" },
    { ...meta, type: "symlink", path: "link", linkname: "there" },
    { ...literal("mode", ""), mode: 0o600 },
    { ...literal("owner", ""), gid: 1 },
    literal("same", ""),
    { ...literal("time", ""), mtime: 2 },
  ];

  const second = await packLayer(plan(after), options);

  expect(first.explanation).toEqual({ reason: "first build", changes: [], more: 0 });
  expect(second.explanation).toEqual({
    reason: "changed",
    changes: [
      { path: "added", what: "added" },
      { path: "content", what: "content" },
      { path: "kind", what: "kind" },
      { path: "link", what: "content" },
      { path: "mode", what: "mode" },
      { path: "owner", what: "owner" },
      { path: "time", what: "time" },
      { path: "removed", what: "removed" },
    ],
    more: 0,
  });
});

test("ten differences are named, the others counted", async () => {
  const options = await packOptions({ identity: "app" });
  await packLayer(plan([]), options);

  const { explanation } = await packLayer(
    plan(Array.from({ length: 25 }, (_, i) => literal(`${10 + i}`, ""))),
    options,
  );

  expect(explanation?.changes).toHaveLength(10);
  expect(explanation?.more).toBe(15);
});

test("layers with other identities, and other compressions, are not compared", async () => {
  const options = await packOptions({ identity: "app" });
  await packLayer(plan(before), options);

  const other = await packLayer(plan([]), { ...options, identity: "lib" });
  const zstd = await packLayer(
    plan(before),
    await packOptions({ cache: options.cache, identity: "app", compression: "zstd" }),
  );

  expect(other.explanation?.reason).toBe("first build");
  expect(zstd.explanation?.reason).toBe("first build");
});
