import type { Bytes } from "../content.ts";
import { type Layered, readFiles, readTree, type ReadTreeOptions } from "./layered-files.ts";
import { encodeTarHeader, tarTrailerSize } from "../tar/tar-writer.ts";
import type { Tree } from "./tree.ts";
import type { TreeNode } from "./tree-node.ts";

/**
 * One tar of what a container sees: directories, then files in the order of the layers, then links
 * and devices, so that no entry comes before what it needs. Whiteouts are gone; owners, times and
 * extended attributes are the layers'. Throws as `readTree`.
 *
 * Files do not follow right after their directory: GNU tar then needs --delay-directory-restore to
 * give directories their times, and, unless root, to fill those it may not write to.
 */
export async function* flattenImage(
  image: Layered,
  options: ReadTreeOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const tree = await readTree(image, options);
  yield* gathered(directories(tree));
  for await (const { node, body } of readFiles(image, tree, options)) {
    yield header(node);
    yield* body();
    const over = node.header.size % 512;
    if (over > 0) yield new Uint8Array(512 - over);
  }
  yield* gathered(links(tree));
  yield new Uint8Array(tarTrailerSize);
}

function* directories(tree: Tree): Generator<Uint8Array, void, void> {
  yield header(tree.root);
  for (const node of tree) if (node.header.type === "directory") yield header(node);
}

/** Everything that is neither directory nor file, and the further names of what has several. */
function* links(tree: Tree): Generator<Uint8Array, void, void> {
  const first = new Map<TreeNode["inode"], string>();
  for (const node of tree) {
    const { type } = node.header;
    if (type === "directory") continue;
    const linkname = first.get(node.inode);
    if (linkname !== undefined)
      yield encodeTarHeader({ ...node.header, path: node.path, type: "hardlink", size: 0, linkname });
    else {
      first.set(node.inode, node.path);
      if (type !== "file") yield header(node);
    }
  }
}

function header(node: TreeNode): Uint8Array {
  return encodeTarHeader({ ...node.header, path: node.path });
}

/** Many headers in few chunks. */
async function* gathered(headers: Iterable<Uint8Array>): Bytes {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for (const bytes of headers) {
    waiting.push(bytes);
    length += bytes.byteLength;
    if (length < 1 << 18) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting);
}
