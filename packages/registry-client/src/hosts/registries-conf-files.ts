import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RegistryError } from "../errors.ts";
import { type HostConfigPlaces, placesOf } from "./places.ts";
import { mergeRegistriesConf, parseRegistriesConf, type RegistriesConf } from "./registries-conf.ts";

/**
 * Reads registries.conf as podman does. The main file is the one named by `registriesConf`,
 * CONTAINERS_REGISTRIES_CONF or (of old) REGISTRIES_CONFIG_PATH, which must exist; else the user's,
 * else the system's. Over it go `registries.conf.d/*.conf` of the system, in order of name, then those
 * of the user; the system's are left out where the user's main file is in use. Last comes the file
 * that CONTAINERS_REGISTRIES_CONF_OVERRIDE names. Throws RegistryError CONFIG.
 */
export async function loadRegistriesConf(
  options: HostConfigPlaces & { readonly registriesConf?: string } = {},
): Promise<RegistriesConf> {
  const { env, home, systemFolders } = placesOf(options);
  const user = join(home, ".config/containers");
  const named = [options.registriesConf, env["CONTAINERS_REGISTRIES_CONF"], env["REGISTRIES_CONFIG_PATH"]];
  const given = named.find((path) => path !== undefined && path !== "");

  const parts: RegistriesConf[] = [];
  const folders = [join(systemFolders.containers, "registries.conf.d"), join(user, "registries.conf.d")];
  if (given !== undefined) parts.push(await readNamed(given, false));
  else {
    const own = await read(join(user, "registries.conf"), false);
    if (own !== undefined) folders.shift();
    const main = own ?? (await read(join(systemFolders.containers, "registries.conf"), false));
    if (main !== undefined) parts.push(main);
  }
  for (const folder of folders) {
    for (const name of await list(folder)) {
      const part = await read(join(folder, name), true);
      if (part !== undefined) parts.push(part);
    }
  }
  const override = env["CONTAINERS_REGISTRIES_CONF_OVERRIDE"];
  if (override !== undefined && override !== "") parts.push(await readNamed(override, true));
  return parts.reduce(mergeRegistriesConf, { registries: [] });
}

async function readNamed(path: string, dropIn: boolean): Promise<RegistriesConf> {
  const conf = await read(path, dropIn);
  if (conf === undefined)
    throw new RegistryError("CONFIG", `Cannot read ${JSON.stringify(path)}: there is no such file`);
  return conf;
}

async function read(path: string, dropIn: boolean): Promise<RegistriesConf | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new RegistryError("CONFIG", `Cannot read ${JSON.stringify(path)}: ${reasonOf(error)}`, { cause: error });
  }
  try {
    return parseRegistriesConf(text, dropIn);
  } catch (error) {
    throw new RegistryError("CONFIG", `Cannot use ${JSON.stringify(path)}: ${reasonOf(error)}`, { cause: error });
  }
}

async function list(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() || !entry.name.endsWith(".conf") ? [] : entry.name)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw new RegistryError("CONFIG", `Cannot list ${JSON.stringify(folder)}: ${reasonOf(error)}`, { cause: error });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
