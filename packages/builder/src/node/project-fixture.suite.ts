import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@lading/testkit";

/** A folder with files, JSON where a value is no text; { link } is a symlink. */
export async function project(
  files: Readonly<Record<string, string | Buffer | { readonly link: string } | Readonly<Record<string, unknown>>>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    if (typeof content === "string" || Buffer.isBuffer(content)) await writeFile(path, content);
    else if (typeof content["link"] === "string") await symlink(content["link"], path);
    else await writeFile(path, JSON.stringify(content));
  }
  return folder;
}
