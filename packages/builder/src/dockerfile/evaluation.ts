import type { Platform } from "@lading/oci";
import type { LayerPlan } from "../entry.ts";
import type { Packing } from "../pack/packing.ts";
import type { BuildRequest } from "../result.ts";
import type { CopySources } from "./copy-sources.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import type { ContentsOfLayers } from "./image-files.ts";
import type { RunningSteps } from "./running-steps.ts";
import type { StageImages } from "./stage-images.ts";
import type { At, StageResult } from "./stage-work.ts";
import type { Stage, Stages } from "./stages.ts";
import type { Instruction } from "./syntax.ts";

/** What the stages of one Dockerfile have in common while they are gone through. */
export interface Evaluation {
  /** Its signal is aborted by the first failure as well. */
  readonly request: BuildRequest;
  readonly dockerfile: DockerfileRequest;
  /** RFC 3339. */
  readonly created: string;
  /** Absent for a plan: then nothing is run. */
  readonly packing: Packing | undefined;
  readonly images: StageImages;
  readonly sources: CopySources;
  readonly contents: ContentsOfLayers;
  readonly running: RunningSteps;
  /** What an instruction has come to so far; for platforms where that is the same, it is one layer. */
  readonly plans: Map<Instruction, LayerPlan[]>;
  /** Is told when all is done, in the order of the file. */
  readonly warn: (at: At, message: string) => void;
  readonly result: ResultOf;
}

/** What a stage comes to for a target; it is gone through once, whoever asks. With `known` the files of its base are wanted too. */
export type ResultOf = (stages: Stages, stage: Stage, target: Platform, known?: boolean) => Promise<StageResult>;
