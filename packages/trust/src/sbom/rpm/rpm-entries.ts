import { Unreadable } from "../catalog.ts";
import { type DatabaseEntry, isPlain } from "../distribution-packages.ts";
import { RpmHeader, rpmTags } from "./rpm-header.ts";

/** A package of rpm. Its `version` is "2:5.1.8-6.el9", or, without an epoch, the same as `release`. */
export interface RpmEntry extends DatabaseEntry {
  /** "5.1.8-6.el9". */
  readonly release: string;
  readonly epoch: string | undefined;
  /** The source package's file: "bash-5.1.8-6.el9.src.rpm". */
  readonly upstream: string | undefined;
}

/** Bytes of memory for the names that a database's packages provide and need: ten times what large ones take. */
const roomForNames = 64 * 1024 * 1024;

/** The packages that these headers describe. Throws Unreadable, and RangeError for a header that is damaged. */
export function rpmEntries(blobs: Iterable<Buffer>): readonly RpmEntry[] {
  const found: { readonly header: RpmHeader; readonly entry: RpmEntry }[] = [];
  const room = { left: roomForNames };
  for (const blob of blobs) {
    const header = new RpmHeader(blob);
    const entry = entryOf(header, room);
    if (entry !== undefined) found.push({ header, entry });
  }
  // A package may need a file, which whoever has it provides.
  const wanted = new Set(found.flatMap(({ entry }) => entry.needs.flat().filter((name) => name.startsWith("/"))));
  const wantedNames = new Set(Array.from(wanted, (path) => path.slice(path.lastIndexOf("/") + 1)));
  return found.map(({ header, entry }) => {
    const files = [...filesOf(header, wantedNames)].filter((path) => wanted.has(path));
    return files.length === 0 ? entry : providing(entry, files);
  });
}

function providing(entry: RpmEntry, more: readonly string[]): RpmEntry {
  return { ...entry, provides: [...entry.provides, ...more] };
}

/** About how much memory an entry takes, in bytes. */
export function heldBy({ provides, needs }: RpmEntry): number {
  return [...provides, ...needs.flat()].reduce((sum, name) => sum + sizeOf(name), 256);
}

function sizeOf(name: string): number {
  return name.length + 32;
}

function entryOf(header: RpmHeader, room: { left: number }): RpmEntry | undefined {
  const name = header.text(rpmTags.name) ?? "";
  // Keys to verify packages with are kept as if they were some.
  if (name === "gpg-pubkey") return undefined;
  const release = `${header.text(rpmTags.version) ?? ""}-${header.text(rpmTags.release) ?? ""}`;
  const architecture = header.text(rpmTags.architecture) ?? "";
  if (![name, release, architecture].every(isPlain)) return undefined;
  const [epoch] = header.numbers(rpmTags.epoch);
  const source = header.text(rpmTags.sourceRpm);
  return {
    name,
    version: epoch === undefined ? release : `${epoch}:${release}`,
    architecture,
    licence: header.text(rpmTags.licence)?.slice(0, 256),
    supplier: header.text(rpmTags.vendor)?.trim().slice(0, 256) || undefined,
    provides: namesOf(header, rpmTags.provides, room).filter((provided) => provided !== name),
    // "(a if b)" is an expression, and no name.
    needs: namesOf(header, rpmTags.requires, room)
      .filter((needed) => !needed.startsWith("("))
      .map((needed) => [needed]),
    release,
    epoch: epoch?.toString(),
    upstream: source !== undefined && isPlain(source) ? source : undefined,
  };
}

/** A list has a name once for each bound on its version. */
function namesOf(header: RpmHeader, tag: number, room: { left: number }): readonly string[] {
  const names = new Set<string>();
  for (const name of header.texts(tag)) {
    if (names.has(name)) continue;
    room.left -= sizeOf(name);
    if (room.left < 0) throw new Unreadable(`its packages need and provide more than ${roomForNames} bytes`);
    names.add(name);
  }
  return [...names];
}

/** The paths of a package's files that have one of these names. */
function* filesOf(header: RpmHeader, names: ReadonlySet<string>): Generator<string> {
  if (names.size === 0) return;
  const directories = [...header.texts(rpmTags.directories)];
  const directoryOf = [...header.numbers(rpmTags.directoryOf)];
  let at = 0;
  for (const name of header.texts(rpmTags.baseNames)) {
    if (names.has(name)) yield `${directories[directoryOf[at] ?? -1] ?? ""}${name}`;
    at++;
  }
}
