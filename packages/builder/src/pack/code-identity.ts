import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** What lists and plans files: another version may do so otherwise. Undefined when it cannot be told. */
// As it was loaded: what is put in its place while this process runs is not what runs.
export const codeIdentity = identifyCode(import.meta.filename);

/** Another one for other code than that which `filename`, a module of this folder or a bundle of it, is part of. */
export function identifyCode(filename: string): string | undefined {
  const built = /^(.*)[\\/]builder[\\/](src|dist)[\\/]pack[\\/][\w-]+\.[jt]s$/.exec(filename);
  // What is installed is replaced as a whole, and a bundle too: one file stands for all.
  const isCheckout = built !== null && !/[\\/]node_modules[\\/]/.test(filename);
  const folders = isCheckout ? ["builder", "oci"].map((name) => join(built[1] ?? "", name, built[2] ?? "")) : [];
  try {
    const hash = createHash("sha256");
    for (const path of [filename, ...folders.flatMap(filesIn)]) {
      const { ino, ctimeMs } = statSync(path);
      hash.update(`${path}\0${ino}\0${ctimeMs}\0`);
    }
    return hash.digest("hex");
  } catch {
    return undefined;
  }
}

function filesIn(folder: string): readonly string[] {
  const names = readdirSync(folder, { encoding: "utf8", recursive: true });
  return names.toSorted().map((name) => join(folder, name));
}
