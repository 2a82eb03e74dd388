import { isTag, Limiter } from "@lading/oci";
import { choosePlatforms } from "./choose-platforms.ts";
import { type CopyEntry, loadCopyList, tagFilter } from "./config/copy-list.ts";
import { checkDestination, parseDestination } from "./destination.ts";
import { digestOf, writeImageTo } from "./write-image.ts";
import { explain, messages } from "./explain.ts";
import type { Flags } from "./flags.ts";
import { isRemote, locate, parsePlaceArgument } from "./locate.ts";
import { createProgress, type Progress } from "./progress/progress.ts";
import { formatCount } from "./progress/quantity.ts";
import { printable, styleFor } from "./progress/terminal.ts";
import { attempting, type Registries, repositoryOf } from "./registries.ts";
import { UsageError } from "./usage.ts";

/** What a list is copied with. */
export interface CopyListOptions {
  readonly flags: Flags;
  readonly registries: Registries;
  readonly signal: AbortSignal;
}

/** One image of a list. */
interface Job {
  readonly entry: CopyEntry;
  readonly source: string;
  readonly target: string;
}

type Outcome = "copied" | "up to date" | "would copy" | "failed";

interface Result {
  readonly source: string;
  readonly target: string;
  readonly outcome: Outcome;
  readonly digest?: string;
  readonly error?: string;
}

// Most of a mirror is there already, and costs two HEADs an image.
const atOnce = 3;

/**
 * Copies the images of a list that are not at their target yet, by what HEAD says of both. One that
 * fails does not stop the others. A line for each on stdout; returns the exit code.
 */
export async function copyList(path: string, options: CopyListOptions): Promise<number> {
  const { flags, signal, registries } = options;
  const entries = await loadCopyList(path);
  const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet") });
  registries.onEvent = (event) => progress.event(event);
  const results: Result[] = [];
  const failures: string[] = [];
  const finished = (result: Result, error?: unknown): void => {
    results.push(result);
    if (error !== undefined) failures.push(explain(error, styleFor(process.stderr), { verbose: flags.on("verbose") }));
  };
  try {
    const limiter = new Limiter(atOnce);
    for (const entry of entries) {
      const jobs = await jobsOf(entry, options).catch((error: unknown) => {
        signal.throwIfAborted();
        finished({ source: entry.source, target: entry.target, outcome: "failed", error: messageOf(error) }, error);
        return [];
      });
      const running = jobs.map((job) =>
        limiter.run(async () => {
          try {
            signal.throwIfAborted();
            finished(await copyJob(job, options, progress));
          } catch (error) {
            signal.throwIfAborted();
            const { source, target } = job;
            finished({ source, target, outcome: "failed", error: messageOf(error) }, error);
          }
        }),
      );
      const settled = await Promise.allSettled(running);
      const aborted = settled.find((one) => one.status === "rejected");
      if (aborted !== undefined) throw aborted.reason;
    }
  } finally {
    progress.end();
  }
  for (const result of results)
    process.stdout.write(flags.on("json") ? `${JSON.stringify(result)}\n` : `${lineOf(result)}\n`);
  for (const text of failures) process.stderr.write(text);
  if (!flags.on("quiet")) process.stderr.write(`${summaryOf(results)}\n`);
  return failures.length > 0 ? 1 : 0;
}

/** The single images of an entry: one, or one for each tag that it asks for. */
async function jobsOf(entry: CopyEntry, { registries, signal }: CopyListOptions): Promise<readonly Job[]> {
  const { source, target, tags, exclude } = entry;
  const from = parsePlaceArgument(source);
  const to = parsePlaceArgument(target);
  if (tags === undefined) {
    if (from.transport !== "registry" || to.transport !== "registry") return [{ entry, source, target }];
    const { tag, digest } = from.reference;
    if (tag === undefined && digest === undefined)
      throw new UsageError(`Cannot copy "${source}": it says no tag`, {
        hint: 'Name one (nginx:1.27), or choose several with tags: ["1.27", "1.*-alpine"]; "*" is all of them',
      });
    // As the source calls it, unless the target has a name of its own.
    const named = to.reference.tag !== undefined || to.reference.digest !== undefined || tag === undefined;
    return [{ entry, source, target: named ? target : `${target}:${tag}` }];
  }
  if (from.transport !== "registry") throw new UsageError(`Cannot choose tags of "${source}": it is no registry`);
  if (to.transport === "registry" && (to.reference.tag !== undefined || to.reference.digest !== undefined))
    throw new UsageError(`Cannot copy several tags to "${target}": it names one image`);
  const filter = tagFilter(tags, exclude);
  const chosen = new Set(filter.exact);
  if (filter.hasPatterns)
    for await (const tag of (await registries.repository(repositoryOf(from.reference))).tags({ signal }))
      // Some registries list names that are no tags: of signatures in the making, for instance.
      if (isTag(tag) && filter.matches(tag)) chosen.add(tag);
  if (chosen.size === 0) throw new UsageError(`Cannot copy "${source}": no tag of it matches ${tags.join(", ")}`);
  return [...chosen].map((tag) => ({ entry, source: `${source}:${tag}`, target: `${target}:${tag}` }));
}

async function copyJob(
  { entry, source, target }: Job,
  { flags, registries, signal }: CopyListOptions,
  progress: Progress,
): Promise<Result> {
  const destination = await parseDestination(target);
  await checkDestination(destination);
  const located = await locate(source, registries, { signal });
  const content = await choosePlatforms(located, entry.platforms ?? "all", { signal });
  const { digest } = content.descriptor;
  if (destination.kind === "registry") {
    const repository = await registries.repository(destination.reference);
    const names = destination.tags.length > 0 ? destination.tags : [digest];
    const there = await attempting(`Cannot look at ${target}`, () =>
      Promise.all(names.map(async (name) => await digestOf(repository, name, { signal }))),
    );
    if (there.every((found) => found === digest)) return { source, target, outcome: "up to date", digest };
  }
  if (flags.on("dry-run")) return { source, target, outcome: "would copy", digest };
  const written = await writeImageTo(destination, content, located.names, {
    signal,
    registries,
    remote: isRemote(source) || destination.kind === "registry",
    referrers: entry.referrers ?? true,
    onEvent: (event) => progress.event(event),
  });
  return { source, target, outcome: written.unchanged ? "up to date" : "copied", digest };
}

function lineOf({ source, target, outcome, digest = "" }: Result): string {
  return `${outcome.padEnd(10)}  ${printable(source)} -> ${printable(target)}  ${digest}`.trimEnd();
}

function summaryOf(results: readonly Result[]): string {
  const outcomes: readonly Outcome[] = ["copied", "would copy", "up to date", "failed"];
  const counts = outcomes.flatMap((outcome) => {
    const count = results.filter((result) => result.outcome === outcome).length;
    return count === 0 ? [] : `${count} ${outcome}`;
  });
  return `${formatCount(results.length, "image")}: ${counts.join(", ")}`;
}

// In one line what is told in several on stderr.
function messageOf(error: unknown): string {
  return messages(error).join(": ");
}
