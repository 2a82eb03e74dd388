import type { ContainerConfig, History, ImageConfig, Platform } from "@lading/oci";
import type { Base } from "../base/base.ts";
import type { LayerPlan } from "../entry.ts";
import { layOn, type Lower } from "../plan/lower.ts";
import type { Scope } from "./scope.ts";
import { historyOf, StageConfig } from "./stage-config.ts";
import type { Stage, Stages } from "./stages.ts";

/** What more layers and another config can be laid on: a base, or what a Dockerfile has made of one. */
export interface Foundation {
  readonly platform: Platform;
  /** Absent FROM scratch. */
  readonly base: Base | undefined;
  /** Layers on the base, so far. */
  readonly layers: readonly LayerPlan[];
  readonly lower: Lower;
  /** With the history of all its layers; `rootfs` is the base's and says nothing of those on it. */
  readonly config: Omit<ImageConfig, "rootfs">;
}

/** What a stage begins with, and what it comes to. */
export interface StageResult extends Foundation {
  readonly scope: Scope;
  /** Whether `lower` has the files of the base as well: those of one in a registry are only looked at when they must be. */
  readonly known: boolean;
}

/** Where an instruction stands. */
export interface At {
  readonly stages: Stages;
  readonly stage: Stage;
  /** What is built for, whatever the stage's own platform is. */
  readonly target: Platform;
  readonly work: StageWork;
}

/** The files of a base in a registry have to be looked at after all: the stage is begun again with them. */
export class BaseIsNeeded extends Error {}

/** A stage while its instructions are gone through. */
export class StageWork {
  readonly scope: Scope;
  readonly config: StageConfig;
  readonly platform: Platform;
  readonly base: Base | undefined;
  readonly known: boolean;
  readonly layers: LayerPlan[];
  lower: Lower;
  readonly #image: Omit<ImageConfig, "rootfs">;
  readonly #history: History[];

  constructor(start: StageResult) {
    this.scope = start.scope;
    this.config = new StageConfig(start.config.config ?? {});
    this.platform = start.platform;
    this.base = start.base;
    this.known = start.known;
    this.layers = [...start.layers];
    this.lower = start.lower;
    this.#image = start.config;
    this.#history = [...(start.config.history ?? [])];
  }

  /** Writes an instruction into the history, with its layer if it made one. */
  note(text: string, created: string, plan: LayerPlan | undefined): void {
    const hasLayer = plan !== undefined && (plan.entries.length > 0 || plan.unknown === true);
    this.#history.push(historyOf(text, created, hasLayer));
    if (plan === undefined || !hasLayer) return;
    this.layers.push(plan);
    this.lower = layOn(this.lower, plan);
  }

  finish(): StageResult {
    const { platform, base, known, layers, lower, scope } = this;
    const { author } = this.config;
    const container: ContainerConfig = this.config.finish(scope);
    const config = {
      ...this.#image,
      ...(author === undefined ? {} : { author }),
      config: container,
      history: this.#history,
    };
    return { platform, base, known, layers, lower, config, scope };
  }
}
