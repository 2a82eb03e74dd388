import type { ContainerConfig, History } from "@lading/oci";
import { posix } from "node:path";
import { toHealthcheck } from "../config/healthcheck.ts";
import { parseStopSignal } from "../config/ports-and-signals.ts";
import type { Scope } from "./scope.ts";
import { exposedPorts, parseRetries, splitPort } from "./instruction-values.ts";
import type { CommandForm, HealthcheckInstruction, Instruction, Word } from "./syntax.ts";

/** The config of a stage while its instructions are gone through. */
export class StageConfig {
  #now: ContainerConfig;
  #author: string | undefined;
  #ownCmd = false;

  constructor(base: ContainerConfig) {
    // What it says of images that are built on it is done here, and said by no image that comes of it.
    const { OnBuild: _, ...kept } = base;
    this.#now = kept;
  }

  #set(change: ContainerConfig): void {
    this.#now = { ...this.#now, ...change };
  }

  get workdir(): string {
    return this.#now.WorkingDir ?? "";
  }

  get user(): string {
    return this.#now.User ?? "";
  }

  get author(): string | undefined {
    return this.#author;
  }

  /** The argv of a command; a line is for the stage's shell. */
  argv(command: CommandForm): readonly string[] {
    return command.form === "exec" ? command.argv : [...(this.#now.Shell ?? defaultShell), command.line];
  }

  /**
   * Applies an instruction that changes nothing but the config. `expand` replaces variables. Throws BuildError SPEC for
   * values that are none.
   */
  apply(instruction: ConfigInstruction, expand: Expand, onWarning: (message: string) => void): void {
    const now = this.#now;
    switch (instruction.keyword) {
      case "LABEL":
        this.#set({
          Labels: {
            ...now.Labels,
            ...Object.fromEntries(instruction.pairs.map(({ name, value }) => [expand.word(name), expand.word(value)])),
          },
        });
        return;
      case "CMD":
        this.#set({ Cmd: this.argv(instruction.command) });
        this.#ownCmd = true;
        return;
      case "ENTRYPOINT":
        this.#set({ Entrypoint: this.argv(instruction.command) });
        // Arguments for another program mean nothing to this one.
        if (!this.#ownCmd) {
          const { Cmd: _, ...kept } = this.#now;
          this.#now = kept;
        }
        return;
      case "SHELL":
        this.#set({ Shell: instruction.argv });
        return;
      case "USER":
        this.#set({ User: expand.word(instruction.value) });
        return;
      case "STOPSIGNAL":
        this.#set({ StopSignal: readStopSignal(expand.word(instruction.value)) });
        return;
      case "MAINTAINER":
        // A name may well have an apostrophe.
        this.#author = instruction.value.text;
        return;
      case "EXPOSE": {
        const ports = instruction.values.flatMap((value) => expand.words(value));
        for (const port of ports) {
          const { host } = splitPort(port);
          if (host !== "") onWarning(`EXPOSE ${port}: "${host}" is of the host and is left out; docker run -p says it`);
        }
        const keys = ports.flatMap(exposedPorts);
        this.#set({ ExposedPorts: { ...now.ExposedPorts, ...Object.fromEntries(keys.map((key) => [key, {}])) } });
        return;
      }
      case "VOLUME": {
        const paths = instruction.values.map((value) => expand.word(value));
        this.#set({ Volumes: { ...now.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) } });
        return;
      }
      case "HEALTHCHECK":
        this.#set({
          Healthcheck: healthcheckOf(instruction, expand),
        });
        return;
      case "ONBUILD":
        this.#set({ OnBuild: [...(now.OnBuild ?? []), triggerText(instruction.trigger)] });
        return;
    }
  }

  /** Sets the working directory: a relative one starts at the one so far. Returns it. */
  setWorkdir(path: string): string {
    const workdir = posix.resolve("/", this.workdir, path);
    this.#set({ WorkingDir: workdir });
    return workdir;
  }

  /** The config with the environment of `scope`. */
  finish({ env }: Scope): ContainerConfig {
    return { ...this.#now, ...(env.length === 0 ? {} : { Env: env }) };
  }
}

/** What changes nothing but the config, and needs nothing but its own words. */
type ConfigInstruction = Exclude<
  Instruction,
  { readonly keyword: "FROM" | "ARG" | "ENV" | "WORKDIR" | "COPY" | "ADD" | "RUN" }
>;

/** Replaces the variables of words. */
export interface Expand {
  word(word: Word): string;
  /** The same for EXPOSE, where one may become several. */
  words(word: Word): readonly string[];
}

const defaultShell = ["/bin/sh", "-c"];

/** As it is written. Throws BuildError SPEC for what is no signal. */
function readStopSignal(text: string): string {
  parseStopSignal(text);
  return text.trim();
}

function healthcheckOf(
  { command, interval, timeout, startPeriod, startInterval, retries }: HealthcheckInstruction,
  expand: Expand,
): NonNullable<ContainerConfig["Healthcheck"]> {
  if (command === undefined) return { Test: ["NONE"] };
  const given = Object.entries({ interval, timeout, startPeriod, startInterval }).flatMap(([name, word]) =>
    word === undefined ? [] : [[name, expand.word(word)] as const],
  );
  return toHealthcheck({
    test: command.form === "shell" ? command.line : [...command.argv],
    ...Object.fromEntries(given),
    ...(retries === undefined ? {} : { retries: parseRetries(expand.word(retries)) }),
  });
}

/** An instruction for later, as it is written: with the lines of its heredocs below it. */
function triggerText(trigger: Instruction): string {
  const heredocs = "heredocs" in trigger ? trigger.heredocs : [];
  return [trigger.text, ...heredocs.map(({ content, name }) => content + name)].join("\n");
}

/** An entry of the history for an instruction; `layer` says whether it made one. */
export function historyOf(text: string, created: string, layer: boolean): History {
  return { created, created_by: text, ...(layer ? {} : { empty_layer: true }) };
}
