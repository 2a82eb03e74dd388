import { execFile } from "node:child_process";
import { relative } from "node:path";
import { promisify } from "node:util";
import type { Options } from "@lading/oci";
import type { BuildMaterial } from "@lading/trust";

const run = promisify(execFile);

export interface GitSourceOptions extends Options {
  /** Absolute paths that a build writes to: they are no changes of what it was made from. */
  readonly outputs?: readonly string[] | undefined;
}

/** The commit that a folder was at, and whether anything in it was changed since; undefined where git knows of none. */
export async function gitSource(
  folder: string,
  { outputs = [], signal }: GitSourceOptions = {},
): Promise<BuildMaterial | undefined> {
  const git = async (...args: readonly string[]): Promise<string | undefined> => {
    try {
      // Nothing of the repository is touched, and nothing that it configures is run.
      const { stdout } = await run("git", ["-c", "core.fsmonitor=false", ...args], {
        cwd: folder,
        env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
        timeout: 10_000,
        maxBuffer: 64 * 1024 * 1024,
        ...(signal === undefined ? {} : { signal }),
      });
      return stdout.trim();
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  };
  const commit = await git("rev-parse", "--verify", "HEAD");
  if (commit === undefined || !/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(commit)) return undefined;
  const outside = outputs
    .map((path) => relative(folder, path))
    .filter((path) => path !== "" && !path.startsWith(".."))
    .map((path) => `:(exclude,literal)${path}`);
  const [remote, branch, prefix, changes] = await Promise.all([
    git("config", "--get", "remote.origin.url"),
    git("symbolic-ref", "--quiet", "HEAD"),
    git("rev-parse", "--show-prefix"),
    git("status", "--porcelain", "--untracked-files=normal", "--", ".", ...outside),
  ]);
  const url = remote === undefined ? undefined : repositoryUrl(remote);
  return {
    ...(url === undefined ? { name: "source" } : { uri: `${url}${branch === undefined ? "" : `@${branch}`}` }),
    digest: { gitCommit: commit },
    annotations: {
      // Whether what was built is what the commit has; nobody could say in a minute's time.
      dirty: changes === undefined ? "unknown" : changes !== "",
      ...(prefix === undefined || prefix === "" ? {} : { folder: prefix.replace(/\/$/, "") }),
    },
  };
}

/** The repository as a URI of SPDX' form, without what could be a password. */
function repositoryUrl(remote: string): string | undefined {
  const scp = /^(?:[\w.-]+@)?([\w.-]+):(?!\/)([\w./~-]+)$/.exec(remote);
  const text = scp === null ? remote : `ssh://${scp[1]}/${scp[2]}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (!["http:", "https:", "ssh:", "git:"].includes(url.protocol)) return undefined;
  url.username = "";
  url.password = "";
  url.search = "";
  url.hash = "";
  return `git+${url.href}`;
}
