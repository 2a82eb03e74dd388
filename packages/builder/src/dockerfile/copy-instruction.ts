import { BuildError } from "../errors.ts";
import { nothing } from "../plan/lower.ts";
import { blaming } from "./dockerfile-error.ts";
import type { Evaluation } from "./evaluation.ts";
import { layEntries, lookAtBase } from "./lay-entries.ts";
import { readTransfer } from "./read-transfer.ts";
import type { Expand } from "./stage-config.ts";
import type { At } from "./stage-work.ts";
import type { AddInstruction, CopyInstruction, Dockerfile } from "./syntax.ts";
import { destinationEntry, listTransfer } from "./transfer.ts";

/** COPY and ADD. Throws DockerfileError, BaseIsNeeded. */
export async function copyFiles(
  evaluation: Evaluation,
  file: Dockerfile,
  instruction: CopyInstruction | AddInstruction,
  expand: Expand,
  at: At,
): Promise<void> {
  const { work } = at;
  const { request, created, sources } = evaluation;
  const { fetch, secrets } = evaluation.dockerfile;
  const { cacheDir, sourceDateEpoch: latest, signal } = request;
  const timestamp = latest ?? 1;
  const { lookup } = work.scope;
  const from = instruction.keyword === "COPY" ? instruction.from : undefined;
  // One that comes to nothing was not given.
  const name = from === undefined ? "" : expand.word(from);
  const files = from === undefined || name === "" ? sources.context : await sources.named(file, from, name, at);
  const isKnown = !(await hasUnknown(evaluation, name, at));
  await blaming(file, instruction, async () => {
    const parts = await readTransfer(instruction, { file, expand, lookup, fetch, secrets, timestamp, signal });
    const transfer = { ...parts, files, workdir: work.config.workdir, timestamp, latest, cacheDir };
    // Whether it names a folder that is there decides where files go.
    if (!transfer.destination.endsWith("/")) lookAtBase([destinationEntry(transfer)], at);
    try {
      const lower = instruction.link ? nothing : work.lower;
      const listed = await listTransfer(transfer, lower, { signal });
      await layEntries(evaluation, instruction, listed, at, instruction.link);
    } catch (error) {
      // What a program is yet to make may be what is missing.
      if (isKnown || !(error instanceof BuildError)) throw error;
      work.note(instruction.text, created, { name: instruction.text, entries: [], unknown: true });
    }
  });
}

/** Whether what is copied, or what it is laid on, depends on programs that a plan does not run. */
async function hasUnknown({ packing, sources }: Evaluation, name: string, at: At): Promise<boolean> {
  if (packing !== undefined) return false;
  const source = name === "" ? sources.context : await sources.find(name, at);
  const layers = "layers" in source ? source.layers : [];
  return [...at.work.layers, ...layers].some(({ unknown }) => unknown === true);
}
