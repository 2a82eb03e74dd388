import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "./command.ts";
import { lading } from "./lading.ts";

/** An image with the Java that is installed here and the libraries that it needs, as an OCI layout. */
export async function javaBase(folder: string): Promise<string> {
  const java = await realpath((await run("which", ["java"])).trim());
  const home = dirname(dirname(java));
  const programs = [
    java,
    join(home, "lib/server/libjvm.so"),
    join(home, "lib/libjava.so"),
    join(home, "lib/libnio.so"),
  ];
  const libraries = new Set<string>();
  for (const [path] of (await run("ldd", programs)).matchAll(/\/\S+(?= \()/g))
    if (!path.startsWith(home)) libraries.add(path);
  const added = [`${home}/bin`, `${home}/conf`, `${home}/lib`].map((path) => `${path.slice(1)}:${path}`);
  for (const path of libraries) added.push(`${(await realpath(path)).slice(1)}:${path}`);
  // Debian keeps configuration in /etc, and symlinks to it.
  const [etc] = /^\/etc\/[^/]+/.exec(await realpath(join(home, "conf/security/java.security"))) ?? [];
  if (etc !== undefined) added.push(`${etc.slice(1)}:${etc}`);
  const place = `oci:${join(folder, "base")}:java`;
  const flags = ["--env", `PATH=${home}/bin`, "--compression", "none", "-q", "-o", place];
  await lading(["build", "/", ...added.flatMap((one) => ["--add", one]), ...flags]);
  return place;
}
