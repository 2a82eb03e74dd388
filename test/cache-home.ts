import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives the tests a cache of their own, empty like that of a new machine; returns what removes it. */
export default async function cacheHome(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "lading-test-cache-"));
  process.env["XDG_CACHE_HOME"] = folder;
  delete process.env["LADING_CACHE_DIR"];
  return () => rm(folder, { recursive: true, force: true });
}
