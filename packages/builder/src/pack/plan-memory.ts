import { createHash } from "node:crypto";
import type { LayerPlan } from "../entry.ts";
import { Answers, type LowerNode } from "../plan/lower.ts";
import { countEntries, RememberedPlan, sizeOfFiles } from "../plan/remembered-plan.ts";
import { codeIdentity } from "./code-identity.ts";
import type { CompressedLayer } from "./compress-layer.ts";
import type { LayerCache } from "./layer-cache.ts";
import type { PlanFacts } from "./layer-record.ts";
import type { PackedLayer } from "./pack.ts";

/** A layer whose plan need not be made. */
export interface KnownLayer {
  readonly key: string;
  readonly layer: PackedLayer;
  readonly facts: PlanFacts;
}

/**
 * Plans of earlier builds, by what they were made of: when the description says the same, the files look the same and the
 * layers below are the same, so is the plan, and the layer that was packed of it.
 */
export class PlanMemory {
  readonly #cache: LayerCache;
  readonly #codec: string;
  /** What is to be kept of plans when they are packed. */
  readonly #noted = new Map<LayerPlan, { readonly answers: Answers; readonly records: Noted[] }>();

  constructor(cache: LayerCache, codec: string) {
    this.#cache = cache;
    this.#codec = codec;
  }

  /** Names a layer by all it depends on. Lower-case hex; undefined when nothing is to be remembered. */
  key(below: string, what: string): string | undefined {
    if (codeIdentity === undefined) return undefined;
    return createHash("sha256").update(`${codeIdentity}\0${this.#codec}\0${below}\0${what}`).digest("hex");
  }

  recall(key: string): KnownLayer | undefined {
    const begun = performance.now();
    const known = this.#cache.recallPlan(key);
    if (known === undefined) return undefined;
    const explanation = { reason: "unchanged", changes: [], more: 0 } as const;
    return {
      key,
      facts: known.facts,
      layer: { ...known.layer, reuse: "stat", explanation, ms: performance.now() - begun },
    };
  }

  /** A plan for what is known; `make` gives its entries, should somebody want them after all. */
  planOf(name: string, { key, layer, facts }: KnownLayer, make: () => LayerPlan["entries"]): RememberedPlan {
    const answers = new Answers(new Map(facts.nodes.map(([path, node]) => [path, node ?? undefined])));
    const plan = new RememberedPlan(name, layer, { count: facts.entries, size: facts.size }, make);
    this.note(plan, { ...facts, key, isKept: true }, answers);
    return plan;
  }

  /** Has a plan kept under a key once it is packed. */
  note(plan: LayerPlan, record: Noted, answers = new Answers()): void {
    const noted = this.#noted.get(plan);
    if (noted === undefined) this.#noted.set(plan, { answers, records: [record] });
    else noted.records.push(record);
  }

  /** Where to put what is asked of a plan by the layers above it; undefined when it is not kept. */
  answersOf(plan: LayerPlan): Answers | undefined {
    return this.#noted.get(plan)?.answers;
  }

  /** Keeps what was noted of a plan whose layer is in the cache, unless all of it is kept. What nobody asks for now is not. */
  keep(plan: LayerPlan, layer: CompressedLayer): void {
    const { answers = new Answers(), records = [] } = this.#noted.get(plan) ?? {};
    for (const { key, needsBase, isOnBase, warnings, isKept } of records) {
      if (isKept === true && !answers.isMore) continue;
      this.#cache.rememberPlan(key, layer, {
        entries: countEntries(plan),
        size: sizeOfFiles(plan),
        needsBase,
        isOnBase,
        warnings: [...warnings],
        nodes: Array.from(answers.asked, ([path, node]) => [path, node === undefined ? null : written(node)]),
      });
    }
  }
}

interface Noted {
  readonly key: string;
  readonly needsBase: boolean;
  readonly isOnBase: boolean;
  readonly warnings: readonly string[];
  /** Whether it is kept already, with the answers that were asked for then. */
  readonly isKept?: boolean;
}

function written({ type, mode, uid, gid, linkname }: LowerNode): PlanFacts["nodes"][number][1] {
  return { type, mode, uid, gid, linkname };
}
