import { type Step, StepFailed, type StepRunner } from "@lading/builder";
import { needsNetwork } from "./offline.ts";
import { RuncSteps, type RuncStepsOptions } from "@lading/runner";

/** Runs the steps of a build with runc or crun. Disposing of it takes away what they left. Throws as `RuncSteps`. */
export function openStepRunner(options: RuncStepsOptions = {}): StepRunner & AsyncDisposable {
  const steps = new RuncSteps(options);
  return {
    isSingleOwner: () => steps.singleOwner,
    async run(step, runOptions) {
      if (step.network !== "none") needsNetwork(`run ${shown(step.argv)} with --network=${step.network}`);
      const end = await steps.run(step, runOptions);
      if (end.exitCode === 0) return end;
      await end[Symbol.asyncDispose]();
      throw new StepFailed(`Cannot run ${shown(step.argv)}: it ended with code ${end.exitCode}`, end.exitCode, {
        hint: lackOf(step, steps.singleOwner),
      });
    },
    [Symbol.asyncDispose]: () => steps[Symbol.asyncDispose](),
  };
}

/** What may have been why. */
function lackOf({ network }: Step, singleOwner: boolean): string | undefined {
  const lacks = [
    ...(network === "none" ? ["a network (--network default or host gives it one)"] : []),
    ...(singleOwner ? ["ids but root's (subuid(5) gives more)"] : []),
  ];
  return lacks.length === 0 ? undefined : `It may have lacked ${lacks.join(", or ")}`;
}

const mostShown = 200; // characters

function shown(argv: readonly string[]): string {
  const text = argv.join(" ").replaceAll(/\s+/g, " ");
  return JSON.stringify(text.length > mostShown ? `${text.slice(0, mostShown)}…` : text);
}
