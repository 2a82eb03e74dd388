import { parseOwner } from "../list/attributes.ts";
import type { ListedEntry } from "../list/listing.ts";
import { copyFiles } from "./copy-instruction.ts";
import { blame, blaming } from "./dockerfile-error.ts";
import type { Evaluation } from "./evaluation.ts";
import { expandWord, expandWords } from "./expand-word.ts";
import { layEntries } from "./lay-entries.ts";
import { runInstruction } from "./run-instruction.ts";
import type { Expand } from "./stage-config.ts";
import type { At } from "./stage-work.ts";
import type { Dockerfile, Instruction, Word } from "./syntax.ts";

/** Goes past one instruction of a stage: its variables, its config, its files. Throws DockerfileError, BaseIsNeeded. */
export async function applyInstruction(
  evaluation: Evaluation,
  file: Dockerfile,
  instruction: Instruction,
  at: At,
): Promise<void> {
  const { work, stage } = at;
  const { scope, config } = work;
  const { request, dockerfile, created, warn } = evaluation;
  const options = { escape: file.escape };
  const expand: Expand = {
    word: (word) => blame(file, word, () => expandWord(word.text, scope.lookup, options)),
    words: (word) => blame(file, word, () => expandWords(word.text, scope.lookup, options)),
  };
  request.signal?.throwIfAborted();
  switch (instruction.keyword) {
    case "ARG":
      for (const { name, value } of instruction.args) {
        const given =
          dockerfile.buildArgs?.[name.text] ??
          (value === undefined ? stage.globals.get(name.text) : expand.word(value));
        scope.declare(name.text, given);
      }
      return work.note(instruction.text, created, undefined);
    case "ENV": {
      // All values see the variables as they were before.
      const pairs = instruction.pairs.map(({ name, value }) => [expand.word(name), expand.word(value)] as const);
      for (const [name, value] of pairs) scope.setEnv(name, value);
      return work.note(instruction.text, created, undefined);
    }
    case "WORKDIR": {
      const listed = workdirEntries(
        instruction.value,
        config.setWorkdir(expand.word(instruction.value)),
        evaluation,
        at,
      );
      return await blaming(file, instruction, () => layEntries(evaluation, instruction, listed, at));
    }
    case "COPY":
    case "ADD":
      return await copyFiles(evaluation, file, instruction, expand, at);
    case "RUN":
      return await runInstruction(evaluation, file, instruction, expand, at);
    case "FROM":
      return;
    case "CMD":
    case "ENTRYPOINT":
    case "EXPOSE":
    case "HEALTHCHECK":
    case "LABEL":
    case "MAINTAINER":
    case "ONBUILD":
    case "SHELL":
    case "STOPSIGNAL":
    case "USER":
    case "VOLUME":
      blame(file, instruction, () => config.apply(instruction, expand, (message) => warn(at, message)));
      return work.note(instruction.text, created, undefined);
  }
}

/** The folders that a WORKDIR makes, which belong to the user so far. */
function workdirEntries(written: Word, path: string, { request }: Evaluation, { work }: At): readonly ListedEntry[] {
  const parts = path.split("/").filter((part) => part !== "");
  const owner = work.config.user === "" ? { uid: 0, gid: 0 } : parseOwner(work.config.user);
  return parts.map((_, index) => ({
    path: parts.slice(0, index + 1).join("/"),
    mode: 0o755,
    owner,
    mtime: request.sourceDateEpoch ?? 1,
    origin: `WORKDIR ${written.text}`,
    explicit: true,
    type: "directory",
    asked: { mode: false, owner: false },
  }));
}
