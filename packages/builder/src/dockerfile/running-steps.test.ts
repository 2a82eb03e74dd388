import { digestOf, Limiter } from "@lading/oci";
import { expect, test } from "vitest";
import type { PackedLayer } from "../pack/pack.ts";
import { RunningSteps } from "./running-steps.ts";

const layer: PackedLayer = {
  descriptor: { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: digestOf(""), size: 0 },
  diffId: digestOf(""),
  unpackedSize: 0,
  reuse: "none",
  ms: 0,
};

test("equal steps run once, others at the same time up to the limit", async () => {
  const running = new RunningSteps(new Limiter(2));
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const step = (key: string, alone: readonly string[] = []): Promise<PackedLayer> =>
    running.once(key, alone, async () => {
      begun.push(key);
      await new Promise<void>((resolve) => ends.set(key, resolve));
      return layer;
    });
  const all = [step("a"), step("a"), step("b"), step("c")];
  await turn();
  expect(begun).toEqual(["a", "b"]);
  ends.get("a")?.();
  await turn();
  expect(begun).toEqual(["a", "b", "c"]);
  ends.get("b")?.();
  ends.get("c")?.();
  expect(await Promise.all(all)).toEqual([layer, layer, layer, layer]);
});

test("a step waits, without a place, for what another has alone", async () => {
  const running = new RunningSteps(new Limiter(2));
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const step = (key: string, alone: readonly string[]): Promise<PackedLayer> =>
    running.once(key, alone, async () => {
      begun.push(key);
      await new Promise<void>((resolve) => ends.set(key, resolve));
      return layer;
    });
  const all = [step("a", ["x", "y"]), step("b", ["y", "x"]), step("c", ["z"])];
  await turn();
  expect(begun).toEqual(["a", "c"]);
  ends.get("a")?.();
  await turn();
  expect(begun).toEqual(["a", "c", "b"]);
  ends.get("b")?.();
  ends.get("c")?.();
  await Promise.all(all);
});

/** Lets everything go on that can. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
