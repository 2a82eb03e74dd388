import { StepFailed, type StepRunner } from "@lading/builder";
import { needsNetwork } from "./offline.ts";
import { RuncSteps, type RuncStepsOptions } from "@lading/runner";

/** Runs the steps of a build with runc or crun. Disposing of it takes away what they left. Throws as `RuncSteps`. */
export function openStepRunner(options: RuncStepsOptions = {}): StepRunner & AsyncDisposable {
  const steps = new RuncSteps(options);
  return {
    async run(step, runOptions) {
      if (step.network !== "none") needsNetwork(`run ${shown(step.argv)} with --network=${step.network}`);
      const end = await steps.run(step, runOptions);
      if (end.exitCode === 0) return end;
      await end[Symbol.asyncDispose]();
      throw new StepFailed(`Cannot run ${shown(step.argv)}: it ended with code ${end.exitCode}`, end.exitCode);
    },
    [Symbol.asyncDispose]: () => steps[Symbol.asyncDispose](),
  };
}

const mostShown = 200; // characters

function shown(argv: readonly string[]): string {
  const text = argv.join(" ").replaceAll(/\s+/g, " ");
  return JSON.stringify(text.length > mostShown ? `${text.slice(0, mostShown)}…` : text);
}
