import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { run } from "./command.ts";

/*
 * A Debian of this machine's own packages: no registry has to be asked for one.
 */

/** Packs the files of packages and of all that they depend on, with dpkg's knowledge of them; resolves to its `status`. */
export async function packDebian(archive: string, names: readonly string[]): Promise<string> {
  const packages = await withDependencies(names);
  const listed = (await run("dpkg-query", ["--listfiles", ...packages])).split("\n");
  const info = readdirSync("/var/lib/dpkg/info").filter((name) =>
    packages.includes(name.replace(/(?::[^:.]*)?\.[^.]*$/, "")),
  );
  const files = [...listed, ...info.map((name) => `/var/lib/dpkg/info/${name}`)].filter(
    (path) => path.startsWith("/") && path !== "/." && !unread.test(path) && existsSync(path),
  );
  // Where folders have become symlinks, files are listed by either name.
  const folders = ["/bin", "/sbin", "/lib", "/lib64", "/var/lib/dpkg/info/format"].filter(existsSync);
  const paths = new Set([...folders, ...files.map((path) => join(realpathSync(dirname(path)), basename(path)))]);
  const input = Buffer.from(
    Array.from(paths, (path) => path.slice(1))
      .toSorted()
      .join("\0"),
  );
  await run("tar", ["-cf", archive, "-C", "/", "--no-recursion", "--null", "-T", "-"], { input });
  return await run("dpkg-query", ["--status", ...packages]);
}

const unread = /^\/usr\/share\/(?:doc|info|lintian|locale|man|zoneinfo)\//;

/** By dpkg itself; of alternatives those that are here. */
async function withDependencies(names: readonly string[]): Promise<readonly string[]> {
  const text = await run("dpkg-query", ["--show", "--showformat=${Package}\t${Status}\t${Pre-Depends}, ${Depends}\n"]);
  const depends = new Map(
    text.split("\n").flatMap((line): readonly (readonly [string, string])[] => {
      const [name = "", status, needs = ""] = line.split("\t");
      return status === "install ok installed" ? [[name, needs]] : [];
    }),
  );
  const found = new Set<string>();
  const waiting = [...names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const needs = depends.get(name);
    if (needs === undefined || found.has(name)) continue;
    found.add(name);
    waiting.push(...needs.split(/[,|]/).map((one) => one.trim().replace(/[ (:].*$/, "")));
  }
  return [...found].toSorted();
}
