import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestHex, extractImage, type Image, type Options, readFiles, readTree } from "@lading/oci";
import type { Accounts } from "../image/user.ts";
import { checkImage } from "../image/check-image.ts";

/** An image's files on disk, with what is known of them. */
export interface UnpackedImage {
  /** The folder with the files; never written to again. */
  readonly rootfs: string;
  readonly accounts: Accounts;
}

const accountFiles = ["etc/passwd", "etc/group"] as const;
const largestAccountFile = 1024 * 1024; // bytes

/**
 * The files of `image` below `folder`, unpacked when they are not there yet. They appear by rename,
 * so several processes may ask at once. Throws RunnerError UNSAFE_IMAGE, and as `extractImage`.
 */
export async function unpackedImage(folder: string, image: Image, options: Options = {}): Promise<UnpackedImage> {
  const place = join(folder, digestHex(image.descriptor.digest));
  const at = (name: string): Promise<string> => readFile(join(place, name), "utf8");
  try {
    const [passwd, group] = await Promise.all([at("passwd"), at("group")]);
    return { rootfs: join(place, "rootfs"), accounts: { passwd, group } };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const tree = await readTree(image, options);
  checkImage(image.config.config ?? {}, tree);
  const accounts = { passwd: "", group: "" };
  const wanted = new Map(
    accountFiles.map((path) => [tree.resolve(path)?.inode, path === "etc/passwd" ? "passwd" : "group"] as const),
  );
  for await (const { node, body } of readFiles(image, tree, options)) {
    const name = wanted.get(node.inode);
    if (name === undefined || node.header.size > largestAccountFile) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of body()) chunks.push(chunk);
    accounts[name] = Buffer.concat(chunks).toString("utf8");
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const made = `${place}.${process.pid}`;
  try {
    await mkdir(made, { mode: 0o700 });
    await extractImage(image, join(made, "rootfs"), options);
    await Promise.all(Object.entries(accounts).map(([name, text]) => writeFile(join(made, name), text)));
    await rename(made, place).catch((error: unknown) => {
      // Another process was faster.
      if (!(error instanceof Error && "code" in error && (error.code === "ENOTEMPTY" || error.code === "EEXIST")))
        throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return { rootfs: join(place, "rootfs"), accounts };
}
