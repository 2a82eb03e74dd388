import { createHash } from "node:crypto";
import type { FileContent } from "../entry.ts";
import { BuildError } from "../errors.ts";
import { parseOwner } from "../list/attributes.ts";
import type { Owner } from "../list/listing.ts";
import { blame, blaming, dockerfileError } from "./dockerfile-error.ts";
import type { DockerfileRequest, FetchedFile } from "./dockerfile-request.ts";
import { expandHeredoc, type Lookup } from "./expand-word.ts";
import { checkChecksum, chmodRule, splitOwner } from "./instruction-values.ts";
import { shownUrl } from "./shown-url.ts";
import type { Expand } from "./stage-config.ts";
import type { AddInstruction, CopyInstruction, Dockerfile, Word } from "./syntax.ts";
import type { GivenFile, Transfer } from "./transfer.ts";
import { urlAuthorization } from "./url-authorization.ts";

export interface TransferWords {
  readonly file: Dockerfile;
  readonly expand: Expand;
  readonly lookup: Lookup;
  readonly fetch: DockerfileRequest["fetch"];
  readonly secrets: DockerfileRequest["secrets"];
  /** Seconds: of what has no time. */
  readonly timestamp: number;
  readonly signal: AbortSignal | undefined;
}

/** What COPY or ADD says, beside where it is from and to. */
export type TransferParts = Pick<
  Transfer,
  | "sources"
  | "given"
  | "destination"
  | "owner"
  | "fileMode"
  | "directoryMode"
  | "madeMode"
  | "exclude"
  | "parents"
  | "unpack"
>;

/** Replaces the variables of a COPY or ADD, and fetches its URLs. Throws DockerfileError, BuildError. */
export async function readTransfer(
  instruction: CopyInstruction | AddInstruction,
  words: TransferWords,
): Promise<TransferParts> {
  const { file, lookup, timestamp } = words;
  const add = instruction.keyword === "ADD" ? instruction : undefined;
  const value = <T>(word: Word | undefined, read: (text: string) => T): T | undefined => {
    const text = word === undefined ? "" : words.expand.word(word);
    // What comes to nothing was not given.
    return word === undefined || text === "" ? undefined : blame(file, word, () => read(text));
  };
  const { length: count } = instruction.sources;
  if (add?.checksum !== undefined && count > 1)
    throw dockerfileError(file, add.checksum, `--checksum is for one URL, and there are ${count}`, {
      hint: "Write an ADD for each",
    });
  const checksum = value(add?.checksum, (text) => {
    checkChecksum(text);
    return text;
  });
  const sources: string[] = [];
  const given: GivenFile[] = [];
  for (const word of instruction.sources) {
    const source = required(word, words);
    if (isUrl(source)) given.push(await fetchUrl(source, word, { add, checksum }, words));
    else sources.push(source);
  }
  if (add?.checksum !== undefined && sources.length > 0)
    throw dockerfileError(file, add.checksum, "--checksum is for URLs", {
      hint: "Files of the context are what they are",
    });
  for (const { name, content, expand } of instruction.heredocs) {
    const text = expand ? expandHeredoc(content, lookup) : content;
    given.push(givenFile(name, Buffer.from(text), 0o644, timestamp));
  }
  return {
    sources,
    given,
    destination: words.expand.word(instruction.destination),
    owner: value(instruction.chown, readOwner),
    fileMode: value(instruction.chmod, (text) => chmodRule(text, "file")),
    directoryMode: value(instruction.chmod, (text) => chmodRule(text, "directory")),
    // There is nothing that a symbolic mode could change.
    madeMode: value(instruction.chmod, (text) => (/^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined)),
    exclude: instruction.exclude.map((word) => words.expand.word(word)).filter((pattern) => pattern !== ""),
    parents: instruction.keyword === "COPY" && instruction.parents,
    unpack: add === undefined || add.unpack === false ? "none" : add.unpack === true ? "all" : "archives",
  };
}

function required(word: Word, { file, expand }: TransferWords): string {
  const text = expand.word(word);
  if (text !== "") return text;
  throw dockerfileError(file, word, `"${word.text}" comes to nothing`, {
    hint: "Declare its variables by ARG in this stage, or give them a default",
  });
}

function readOwner(text: string): Owner {
  splitOwner(text);
  return parseOwner(text);
}

function givenFile(name: string, bytes: Uint8Array, mode: number, mtime: number): GivenFile {
  const content = { kind: "literal", bytes } as const;
  const size = bytes.byteLength;
  return { name, node: { type: "file", mode, uid: 0, gid: 0, mtime, size, content, identity: undefined } };
}

function isUrl(source: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^git@/.test(source);
}

async function fetchUrl(
  url: string,
  word: Word,
  { add, checksum }: { readonly add: AddInstruction | undefined; readonly checksum: string | undefined },
  words: TransferWords,
): Promise<GivenFile> {
  const { file, fetch, secrets, timestamp, signal } = words;
  const cannot = (why: string, hint: string): BuildError =>
    dockerfileError(file, word, `Cannot ${add === undefined ? "copy" : "add"} "${shownUrl(url)}": ${why}`, {
      hint,
    });
  if (add === undefined) throw cannot("COPY takes no URL", "Write ADD for what is fetched");
  if (!/^https?:\/\//.test(url) || /\.git(?:[#?]|$)/.test(url))
    throw cannot("it is a git repository", "Clone it before the build, and copy the files from the context");
  if (fetch === undefined) throw cannot("this build fetches nothing", "Put the file into the context");
  if (!URL.canParse(url)) throw cannot("it is no URL", "Write https://host/path");
  const fetched = await blaming(file, word, () =>
    fetch(url, { signal, checksum, authorization: urlAuthorization(url, secrets) }),
  );
  if (checksum !== undefined) await blaming(file, add.checksum ?? word, () => verify(url, fetched, checksum));
  const { digest, size, mtime = timestamp, path } = fetched;
  const content: FileContent = { kind: "member", digest, path: "", open: (options) => fetched.open(options) };
  const node = { type: "file", mode: 0o600, uid: 0, gid: 0, mtime, size, content, identity: undefined } as const;
  return { name: fileNameOf(url), node, archive: path };
}

/** The last part of a URL's path; BuildKit's name where there is none. */
function fileNameOf(url: string): string {
  const { pathname } = new URL(url);
  const last = /[^/]*(?=\/*$)/.exec(pathname)?.[0] ?? "";
  let name = last;
  try {
    name = decodeURIComponent(last);
  } catch {
    // Not meant as UTF-8: it stays as it is written.
  }
  return ["", ".", ".."].includes(name) || /[/\0]/.test(name) ? "__unnamed__" : name;
}

/** Throws BuildError SOURCE_CHANGED. */
async function verify(url: string, file: FetchedFile, checksum: string): Promise<void> {
  const algorithm = checksum.slice(0, checksum.indexOf(":"));
  const actual = algorithm === "sha256" ? file.digest : await checksumOf(file, algorithm);
  if (actual === checksum) return;
  throw new BuildError("SOURCE_CHANGED", `Cannot add "${shownUrl(url)}": its checksum is ${actual}, not ${checksum}`);
}

async function checksumOf(file: FetchedFile, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of file.open()) hash.update(chunk);
  return `${algorithm}:${hash.digest("hex")}`;
}
