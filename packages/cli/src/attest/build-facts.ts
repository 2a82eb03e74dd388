import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { digestAlgorithm, digestHex, formatPlatform, type Options, type Platform } from "@lading/oci";
import type { BuildFacts, BuildMaterial } from "@lading/trust";
import type { Options as CommandOption } from "yargs";
import { specOptions } from "../config/spec-flags.ts";
import { frontEndOptions } from "../front-ends/front-ends.ts";
import type { Flags } from "../flags.ts";
import { lockName } from "../lock/lock-name.ts";
import { version } from "../version.ts";
import { gitSource } from "./git-source.ts";
import type { UsedBase } from "./used-bases.ts";

/** What a build was asked for, and what it used. */
export interface BuildToTell {
  readonly flags: Flags;
  /** Absolute. */
  readonly context: string;
  /** The files that described it, absolute; the first is the one that was found. */
  readonly files: readonly string[];
  /** What it writes to, absolute. */
  readonly outputs: readonly string[];
  readonly platforms: readonly Platform[];
  readonly bases: readonly UsedBase[];
  /** Seconds; stands for both times, so that the same build is told in the same words. */
  readonly sourceDateEpoch: number | undefined;
  readonly started: Date;
}

const home = "https://www.npmjs.com/package/lading";

/** What there is to say of a build for its provenance. */
export async function buildFacts(build: BuildToTell, options: Options = {}): Promise<BuildFacts> {
  const {
    flags,
    context,
    files: [file, ...named],
    outputs,
    platforms,
    bases,
    sourceDateEpoch,
    started,
  } = build;
  const epoch = sourceDateEpoch === undefined ? undefined : new Date(sourceDateEpoch * 1000);
  const [source, ...files] = await Promise.all([
    gitSource(context, { ...options, outputs }),
    ...[...(file === undefined ? [] : [file]), ...named, ...lockfiles.map((name) => join(context, name))].map(
      async (path) => await fileMaterial(path, context),
    ),
  ]);
  return {
    buildType: `${home}#build-v1`,
    parameters: {
      ...(file === undefined ? {} : { description: shownPath(file, context) }),
      platforms: platforms.map(formatPlatform),
      flags: chosenFlags(flags),
    },
    materials: [
      ...bases.map(baseMaterial).toSorted((a, b) => (String(a.uri) < String(b.uri) ? -1 : 1)),
      ...(source === undefined ? [] : [source]),
      ...files.filter((one) => one !== undefined),
    ],
    builder: { id: home, version: { lading: version } },
    invocationId: epoch === undefined ? invocationId(process.env) : undefined,
    started: epoch ?? started,
    finished: epoch ?? new Date(),
  };
}

const lockfiles = [lockName, "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"];

async function fileMaterial(path: string, context: string): Promise<BuildMaterial | undefined> {
  // What came through a pipe is gone.
  const isFile = (await stat(path).catch(() => undefined))?.isFile() === true;
  const bytes = isFile ? await readFile(path).catch(() => undefined) : undefined;
  if (bytes === undefined) return undefined;
  return { name: shownPath(path, context), digest: { sha256: createHash("sha256").update(bytes).digest("hex") } };
}

/** From the context; of what lies elsewhere the name alone, since paths of a machine are nobody's business. */
function shownPath(path: string, context: string): string {
  const from = relative(context, path);
  return from.startsWith("..") ? basename(path) : from;
}

function baseMaterial({ place, located: { descriptor, name } }: UsedBase): BuildMaterial {
  const { digest } = descriptor;
  const [, repository = "", tag] = /^([^@]*?)(?::([\w][\w.-]*))?(?:@.*)?$/.exec(name ?? "") ?? [];
  const last = repository.slice(repository.lastIndexOf("/") + 1);
  const qualifiers = [
    ...(repository.includes("/") ? [`repository_url=${encodeURIComponent(repository)}`] : []),
    ...(tag === undefined ? [] : [`tag=${encodeURIComponent(tag)}`]),
  ];
  return {
    uri: `pkg:oci/${encodeURIComponent(last === "" ? "image" : last.toLowerCase())}@${digest}${qualifiers.length === 0 ? "" : `?${qualifiers.join("&")}`}`,
    digest: { [digestAlgorithm(digest)]: digestHex(digest) },
    annotations: { place },
  };
}

/** Flags that say what the image becomes, as they were given; of values that look secret the names alone. */
function chosenFlags(flags: Flags): Readonly<Record<string, unknown>> {
  const told: Readonly<Record<string, CommandOption>> = { ...specOptions, ...frontEndOptions };
  const chosen: Record<string, unknown> = {};
  for (const [name, { type, array }] of Object.entries(told)) {
    if (hidden.has(name)) continue;
    const values = flags.list(name);
    if (values.length === 0) continue;
    if (type === "boolean") chosen[name] = flags.on(name);
    else chosen[name] = array === true ? values.map(withoutSecret) : values.map(withoutSecret).at(-1);
  }
  return chosen;
}

// Where secrets and agents lie is a matter of the machine.
const hidden = new Set(["secret", "ssh"]);

// BuildKit's rule for names of secrets (linter/ruleset.go, SecretsUsedInArgOrEnv).
const secretName = /(?:^|_)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;

function withoutSecret(text: string): string {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(equals, 0));
  return secretName.test(name) && !/(?:^|_)pub(?:_|$)/i.test(name) ? name : text;
}

/** What a CI calls the run. */
function invocationId(env: NodeJS.ProcessEnv): string | undefined {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_RUN_ATTEMPT, CI_JOB_URL, BUILD_URL } = env;
  if (GITHUB_SERVER_URL !== undefined && GITHUB_REPOSITORY !== undefined && GITHUB_RUN_ID !== undefined)
    return `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}/attempts/${GITHUB_RUN_ATTEMPT ?? "1"}`;
  return CI_JOB_URL ?? BUILD_URL;
}
