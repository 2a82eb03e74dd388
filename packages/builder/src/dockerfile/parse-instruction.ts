import { parseStopSignal } from "../config/ports-and-signals.ts";
import { nearest } from "../nearest.ts";
import { blame, type DockerfileError } from "./dockerfile-error.ts";
import { checkWord, expandWord } from "./expand-word.ts";
import { parseHeredocMark } from "./heredocs.ts";
import { type FlagKind, type Flags, InstructionText } from "./instruction-text.ts";
import {
  checkChecksum,
  checkChoice,
  checkDuration,
  checkPlatform,
  chmodRule,
  exposedPorts,
  parseRetries,
  splitOwner,
} from "./instruction-values.ts";
import type {
  ArgInstruction,
  Assignment,
  CommandForm,
  CopyInstruction,
  FromInstruction,
  HealthcheckInstruction,
  Instruction,
  RunInstruction,
  Word,
} from "./syntax.ts";
import { type Piece, splitAtBlanks, splitOutsideQuotes } from "./words.ts";

/** Reads one instruction by the grammar of its keyword. Throws DockerfileError. */
export function parseInstruction(source: InstructionText): Instruction {
  const grammar = grammars.get(source.name);
  if (grammar === undefined) throw unknownInstruction(source);
  return grammar.read(source, source.flags(grammar.flags ?? {}), placed(source));
}

interface Grammar {
  readonly flags?: Readonly<Record<string, FlagKind>>;
  read(source: InstructionText, flags: Flags, common: Placed): Instruction;
}

type Placed = Pick<Instruction, "line" | "column" | "endLine" | "text">;

function placed(source: InstructionText): Placed {
  return { ...source.line.position(source.keyword.offset), endLine: source.line.endLine, text: source.text };
}

const transferFlags = { chown: "one", chmod: "one", link: "bool", exclude: "many" } as const;

const grammars: ReadonlyMap<string, Grammar> = new Map<Instruction["keyword"], Grammar>([
  [
    "ADD",
    {
      flags: { ...transferFlags, checksum: "one", "keep-git-dir": "bool", unpack: "bool" },
      read: (source, flags, common) => ({
        ...common,
        keyword: "ADD",
        ...parseTransfer(source, flags),
        checksum: checked(source, flags.one("checksum"), (text) => text === "" || checkChecksum(text)),
        keepGitDir: flags.bool("keep-git-dir"),
        unpack: flags.bool("unpack"),
      }),
    },
  ],
  ["ARG", { read: (source, _, common) => ({ ...common, keyword: "ARG", args: parseArgs(source) }) }],
  ["CMD", { read: (source, _, common) => ({ ...common, keyword: "CMD", command: parseCommand(source, source.rest) }) }],
  [
    "COPY",
    {
      flags: { ...transferFlags, from: "one", parents: "bool" },
      read: (source, flags, common) => ({
        ...common,
        keyword: "COPY",
        ...parseTransfer(source, flags),
        from: flags.one("from"),
        parents: flags.bool("parents") ?? false,
      }),
    },
  ],
  [
    "ENTRYPOINT",
    { read: (source, _, common) => ({ ...common, keyword: "ENTRYPOINT", command: parseCommand(source, source.rest) }) },
  ],
  ["ENV", { read: (source, _, common) => ({ ...common, keyword: "ENV", ...parsePairs(source) }) }],
  ["EXPOSE", { read: (source, _, common) => ({ ...common, keyword: "EXPOSE", values: parsePorts(source) }) }],
  [
    "FROM",
    {
      flags: { platform: "one" },
      read: (source, flags, common) => ({ ...common, keyword: "FROM", ...parseFrom(source, flags) }),
    },
  ],
  [
    "HEALTHCHECK",
    {
      flags: { interval: "one", timeout: "one", "start-period": "one", "start-interval": "one", retries: "one" },
      read: (source, flags, common) => ({ ...common, keyword: "HEALTHCHECK", ...parseHealthcheck(source, flags) }),
    },
  ],
  ["LABEL", { read: (source, _, common) => ({ ...common, keyword: "LABEL", ...parsePairs(source) }) }],
  [
    "MAINTAINER",
    { read: (source, _, common) => ({ ...common, keyword: "MAINTAINER", value: source.line.word(argument(source)) }) },
  ],
  ["ONBUILD", { read: (source, _, common) => ({ ...common, keyword: "ONBUILD", trigger: parseTrigger(source) }) }],
  [
    "RUN",
    {
      flags: { mount: "many", network: "one", security: "one" },
      read: (source, flags, common) => ({ ...common, keyword: "RUN", ...parseRun(source, flags) }),
    },
  ],
  ["SHELL", { read: (source, _, common) => ({ ...common, keyword: "SHELL", argv: parseShell(source) }) }],
  [
    "STOPSIGNAL",
    { read: (source, _, common) => ({ ...common, keyword: "STOPSIGNAL", value: only(source, parseStopSignal) }) },
  ],
  ["USER", { read: (source, _, common) => ({ ...common, keyword: "USER", value: only(source) }) }],
  ["VOLUME", { read: (source, _, common) => ({ ...common, keyword: "VOLUME", values: parseVolumes(source) }) }],
  ["WORKDIR", { read: (source, _, common) => ({ ...common, keyword: "WORKDIR", value: only(source) }) }],
]);

const keywords = [...grammars.keys()];

function unknownInstruction(source: InstructionText): DockerfileError {
  const meant = nearest(source.name, keywords);
  const hint =
    meant !== undefined
      ? `Did you mean ${meant}?`
      : source.line.position(source.keyword.offset).line > 1
        ? `If it belongs to the line above, end that one with ${source.file.escape}`
        : `Known instructions: ${keywords.join(", ")}`;
  return source.error(source.keyword, `Unknown instruction "${source.keyword.text}"`, hint);
}

/** What an instruction has beside what all have. */
type Own<T> = Omit<T, "keyword" | "line" | "column" | "endLine" | "text">;

function parseFrom(source: InstructionText, flags: Flags): Own<FromInstruction> {
  const [image, as, name, more] = splitAtBlanks(argument(source).text, 0).map((piece) => source.inRest(piece));
  if (image === undefined) throw source.error(undefined, "FROM names no image");
  const platform = checked(source, flags.one("platform"), checkPlatform);
  checked(source, image);
  if (as === undefined) return { image, platform };
  if (as.text.toUpperCase() !== "AS")
    throw source.error(
      as,
      `FROM has "${as.text}" after its image, where only AS may stand`,
      "Write FROM image AS name",
    );
  if (name === undefined) throw source.error(as, "FROM … AS lacks the stage's name");
  if (more !== undefined) throw source.error(more, `FROM has "${more.text}" after the stage's name`);
  if (!/^[a-z][a-z0-9._-]*$/i.test(name.text))
    throw source.error(
      name,
      `Cannot name a stage "${name.text}"`,
      "Begin with a letter, and go on with letters, digits, hyphens, underscores and dots",
    );
  return { image, platform, as: { ...name, text: name.text.toLowerCase() } };
}

function parseArgs(source: InstructionText): ArgInstruction["args"] {
  argument(source);
  return quotedWords(source).map((piece) => {
    const { name, value } = splitPair(source, piece);
    return value === undefined ? { name } : { name, value };
  });
}

function parsePairs(source: InstructionText): { pairs: readonly Assignment[]; legacy?: boolean } {
  const rest = argument(source);
  const [first, ...more] = quotedWords(source);
  if (first !== undefined && !first.text.includes("=")) {
    const match = /^([^\t\v\f\r ]+)[\t\v\f\r ]+/.exec(rest.text);
    if (match === null)
      throw source.error(rest, `${source.name} ${rest.text} lacks its value`, `Write ${source.name} ${rest.text}=…`);
    const [blank, name = ""] = match;
    const value = { text: rest.text.slice(blank.length), offset: rest.offset + blank.length };
    const pair = {
      name: checked(source, source.line.word({ text: name, offset: rest.offset })),
      value: checked(source, source.line.word(value)),
    };
    return { pairs: [pair], legacy: true };
  }
  const pairs = [...(first === undefined ? [] : [first]), ...more].map((piece) => {
    const { name, value } = splitPair(source, piece);
    if (value === undefined)
      throw source.error(piece, `${source.name} has "${piece.text}", which lacks "="`, "Quote a value that has blanks");
    return { name, value };
  });
  return { pairs };
}

/** `name=value`, or a name alone. */
function splitPair(source: InstructionText, piece: Piece): { name: Word; value?: Word } {
  const equals = piece.text.indexOf("=");
  if (equals === 0) throw source.error(piece, `${source.name} has no name before "="`);
  const name = source.line.word({ ...piece, text: equals === -1 ? piece.text : piece.text.slice(0, equals) });
  checked(source, name);
  if (equals === -1) return { name };
  const value = source.line.word({ text: piece.text.slice(equals + 1), offset: piece.offset + equals + 1 });
  return { name, value: checked(source, value) };
}

function parseTransfer(source: InstructionText, flags: Flags): Own<Omit<CopyInstruction, "from" | "parents">> {
  const all = source.listed();
  const destination = all.at(-1);
  if (destination === undefined || all.length < 2)
    throw source.error(
      destination,
      all.length === 0
        ? `${source.name} has neither source nor destination`
        : `${source.name} has one argument, "${destination?.text ?? ""}": it lacks the destination`,
      `Write ${source.name} source… destination`,
    );
  if (parseHeredocMark(destination.text) !== undefined)
    throw source.error(destination, `${source.name} has a heredoc as its destination`);
  const sources = all.slice(0, -1).filter((word) => parseHeredocMark(word.text) === undefined);
  for (const word of [...sources, destination]) checked(source, word);
  return {
    sources,
    heredocs: source.heredocs,
    destination,
    chown: checked(source, flags.one("chown"), splitOwner),
    chmod: checked(source, flags.one("chmod"), (text) => chmodRule(text, "file")),
    link: flags.bool("link") ?? false,
    exclude: flags.many("exclude").map((word) => checked(source, word)),
  };
}

function parseRun(source: InstructionText, flags: Flags): Own<RunInstruction> {
  return {
    command: parseCommand(source, source.rest),
    heredocs: source.heredocs,
    mounts: flags.many("mount"),
    network: fixed(source, flags.one("network"), (text) => checkChoice("network", text, ["none", "default", "host"])),
    security: fixed(source, flags.one("security"), (text) => checkChoice("security", text, ["sandbox", "insecure"])),
  };
}

function parseCommand(source: InstructionText, piece: Piece): CommandForm {
  const argv = source.strings(piece);
  if (argv !== undefined) return { form: "exec", argv };
  if (piece.text === "")
    throw source.error(
      undefined,
      `${source.name} has no command`,
      source.name === "CMD" || source.name === "ENTRYPOINT" ? `Write ${source.name} [] for none` : undefined,
    );
  return { form: "shell", line: piece.text };
}

function parseShell(source: InstructionText): readonly string[] {
  const argv = source.strings(source.rest);
  if (argv !== undefined && argv.length > 0) return argv;
  throw source.error(
    source.rest.text === "" ? undefined : source.rest,
    argv === undefined ? "SHELL is no JSON array" : "SHELL is empty",
    'Write SHELL ["/bin/sh", "-c"]',
  );
}

function parseHealthcheck(source: InstructionText, flags: Flags): Own<HealthcheckInstruction> {
  const { text, offset } = argument(source, "Write HEALTHCHECK CMD command, or HEALTHCHECK NONE");
  const [kind = ""] = text.split(/\s/, 1);
  const after = text.slice(kind.length).trimStart();
  const rest = { text: after, offset: offset + text.length - after.length };
  const own = {
    interval: fixed(source, flags.one("interval"), (text) => checkDuration("interval", text)),
    timeout: fixed(source, flags.one("timeout"), (text) => checkDuration("timeout", text)),
    startPeriod: fixed(source, flags.one("start-period"), (text) => checkDuration("startPeriod", text)),
    startInterval: fixed(source, flags.one("start-interval"), (text) => checkDuration("startInterval", text)),
    retries: fixed(source, flags.one("retries"), parseRetries),
  };
  if (kind.toUpperCase() === "NONE") {
    if (rest.text !== "") throw source.error(rest, `HEALTHCHECK NONE has "${rest.text}" after it`);
    return own;
  }
  if (kind.toUpperCase() !== "CMD")
    throw source.error({ text: kind, offset }, `HEALTHCHECK is "${kind}": expected CMD or NONE`);
  const command = parseCommand(source, rest);
  if (command.form === "exec" && command.argv.length === 0)
    throw source.error(rest, "HEALTHCHECK CMD has no command", "Write HEALTHCHECK NONE to switch it off");
  return { ...own, command };
}

function parsePorts(source: InstructionText): readonly Word[] {
  argument(source);
  return splitAtBlanks(source.rest.text, 0).map((piece) => {
    const word = source.inRest(piece);
    return checked(source, word, (text) => void (text === "" || exposedPorts(text)));
  });
}

function parseVolumes(source: InstructionText): readonly Word[] {
  const volumes = source.listed();
  if (volumes.length === 0) throw source.error(undefined, "VOLUME has no path");
  return volumes.map(({ text, line, column }) => {
    if (text.trim() === "") throw source.error(undefined, "VOLUME has an empty path");
    return checked(source, { text: text.trim(), line, column });
  });
}

function parseTrigger(source: InstructionText): Instruction {
  const { offset } = argument(source, "Write ONBUILD and an instruction");
  const trigger = new InstructionText(source.file, source.line, source.heredocs, offset);
  if (["ONBUILD", "FROM", "MAINTAINER"].includes(trigger.name))
    throw source.error(trigger.keyword, `ONBUILD cannot keep ${trigger.name} for later`);
  return parseInstruction(trigger);
}

/** What follows the flags. Throws DockerfileError when there is nothing. */
function argument(source: InstructionText, hint?: string): Piece {
  if (source.rest.text === "") throw source.error(undefined, `${source.name} has no argument`, hint);
  return source.rest;
}

function only(source: InstructionText, check?: (text: string) => void): Word {
  return checked(source, source.line.word(argument(source)), check);
}

function quotedWords(source: InstructionText): Piece[] {
  return splitOutsideQuotes(source.line.text, source.rest.offset, source.file.escape);
}

/**
 * The same word, whose quotes and braces are closed. Without variables in it, its value is checked as well; else
 * that is for who expands it.
 */
function checked<T extends Word | undefined>(source: InstructionText, word: T, check?: (text: string) => void): T {
  if (word === undefined) return word;
  const { escape } = source.file;
  blame(source.file, word, () => {
    if (!checkWord(word.text, escape)) check?.(expandWord(word.text, () => undefined, { escape }));
  });
  return word;
}

/** The same word, which has a value that is never expanded. */
function fixed(source: InstructionText, word: Word | undefined, check: (text: string) => void): Word | undefined {
  if (word !== undefined) blame(source.file, word, () => check(word.text));
  return word;
}
