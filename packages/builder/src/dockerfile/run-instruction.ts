import { formatPlatform } from "@lading/oci";
import { BuildError } from "../errors.ts";
import { type Packing, toLayer } from "../pack/packing.ts";
import { contextMount } from "./context-mount.ts";
import { DiskFiles } from "./disk-files.ts";
import { blaming, dockerfileError } from "./dockerfile-error.ts";
import type { Evaluation } from "./evaluation.ts";
import { type MountSources, prepareMount, type PreparedMount } from "./prepare-mount.ts";
import { commandLine, runStep, type RunWork } from "./run-step.ts";
import type { Expand } from "./stage-config.ts";
import { type At, BaseIsNeeded } from "./stage-work.ts";
import type { Dockerfile, RunInstruction } from "./syntax.ts";

/** RUN; a plan only notes that there is one. Throws DockerfileError, BaseIsNeeded. */
export async function runInstruction(
  evaluation: Evaluation,
  file: Dockerfile,
  instruction: RunInstruction,
  expand: Expand,
  at: At,
): Promise<void> {
  const { work, target } = at;
  const { packing, created, running, contents } = evaluation;
  const { runner, network: usual = "none" } = evaluation.dockerfile;
  const { cacheDir, sourceDateEpoch: latest, signal, noCache = false, onEvent } = evaluation.request;
  const name = instruction.text;
  if (!work.known) throw new BaseIsNeeded();
  if (packing === undefined) return work.note(name, created, { name, entries: [], unknown: true });
  if (runner === undefined)
    throw dockerfileError(file, instruction, `Cannot run "${name}": nothing here runs programs`, {
      hint: "Install runc or crun, or copy what the command makes from an image that has it: COPY --from=IMAGE",
    });
  const sources = mountSources(evaluation, packing, name, at);
  const asked = instruction.network === undefined ? usual : expand.word(instruction.network);
  const ran = await blaming(file, instruction, async () => {
    if (asked !== "none" && asked !== "default" && asked !== "host")
      throw new BuildError("SPEC", `Cannot run with --network=${asked}: expected none, default or host`);
    const mounts: PreparedMount[] = [];
    for (const word of instruction.mounts) {
      const mount = await blaming(file, word, () => prepareMount(expand.word(word), sources));
      if (mount !== undefined) mounts.push(mount);
    }
    const { command, heredocs } = instruction;
    if (command.form === "exec" && command.argv.length === 0) throw new BuildError("SPEC", "RUN has no command");
    if (instruction.security !== undefined && expand.word(instruction.security) !== "sandbox")
      throw new BuildError(
        "SPEC",
        "Cannot run with --security=insecure: a step gets no more of this machine than others",
      );
    const argv = work.config.argv(
      command.form === "exec" ? command : { form: "shell", line: commandLine(command.line, heredocs) },
    );
    const { base, layers, lower, platform } = work;
    const { user, workdir } = work.config;
    const env = work.scope.stepEnv;
    const cwd = workdir === "" ? "/" : workdir;
    const place = { stage: stageName(at), platform: formatPlatform(target) };
    const step: RunWork = {
      name,
      argv,
      base,
      layers,
      lower,
      platform,
      mounts,
      network: asked,
      env,
      cwd,
      user,
      place,
    };
    const options = { packing, runner, running, onEvent, contents, cacheDir, noCache, latest, signal };
    return await runStep(step, options);
  });
  work.note(name, created, ran);
}

/** What the mounts of a step are made of. */
function mountSources(evaluation: Evaluation, packing: Packing, name: string, at: At): MountSources {
  const { secrets, ssh } = evaluation.dockerfile;
  const { sources } = evaluation;
  const { cacheDir, sourceDateEpoch: latest, signal } = evaluation.request;
  return {
    files: async (from, path) => {
      const source = from === undefined ? sources.context : await sources.find(from, at);
      if (source instanceof DiskFiles)
        return await contextMount(source, path, { name, packing, cacheDir, latest, signal });
      const { base, layers } = "found" in source ? { base: source, layers: [] } : source;
      const packed = layers.map(async (plan) => toLayer(await packing.pack(plan), packing.source));
      const files = { base, layers: await Promise.all(packed), path };
      const all = [...(base?.image.layers ?? []), ...files.layers];
      return { ...files, key: all.map(({ diffId }) => diffId) };
    },
    cacheDir,
    workdir: at.work.config.workdir,
    platform: at.work.platform,
    secrets,
    ssh,
  };
}

/** What events call the stage of an instruction: as docker does, and nothing where there is but one. */
function stageName({ stages, stage }: At): string | undefined {
  return stages.all.length === 1 ? undefined : (stage.syntax.from.as?.text ?? `stage-${stage.index}`);
}
