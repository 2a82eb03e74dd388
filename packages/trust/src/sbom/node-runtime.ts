import type { Bytes } from "@lading/oci";
import type { Catalog } from "./catalog.ts";
import { purlOf } from "./purl.ts";

/** Node itself, where no distribution's package brought it: the program says its version. */
export const nodeRuntime: Catalog<string> = {
  wants: (path, { size, mode }) => /(?:^|\/)node(?:js)?$/.test(path) && (mode & 0o111) !== 0 && size > 4 * 1024 * 1024,
  limit: () => Infinity,
  scan: versionIn,
  packages: (files, { tree }) =>
    files
      .filter(({ path }) => !(isDistributions(path) && databases.some((one) => tree.resolve(one))))
      .map(({ path, layer, fact: version }) => ({
        type: "generic",
        name: "node",
        version,
        purl: purlOf("generic", { name: "node", version }),
        cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
        path,
        layer,
        licence: "MIT",
        dependencies: [],
      })),
};

const databases = [
  "var/lib/dpkg/status",
  "lib/apk/db/installed",
  "usr/lib/apk/db/installed",
  "var/lib/rpm",
  "usr/lib/sysimage/rpm",
];

/** Where distributions put programs, which list them. */
function isDistributions(path: string): boolean {
  return path.startsWith("usr/bin/") || path.startsWith("bin/");
}

const mark = Buffer.from("node.js/v");
const longest = mark.byteLength + "255.255.255".length + 1;

/** The version that follows the first "node.js/v": what Node calls itself to servers. */
async function versionIn(body: Bytes): Promise<string | undefined> {
  let rest: Uint8Array = Buffer.alloc(0);
  for await (const chunk of body) {
    // The mark may lie across two chunks.
    const seam = Buffer.concat([rest, chunk.subarray(0, longest)]);
    const version = versionAt(seam) ?? versionAt(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (version !== undefined) return version;
    rest = Buffer.concat([rest, chunk.subarray(-longest)]).subarray(-longest);
  }
  return undefined;
}

function versionAt(bytes: Buffer): string | undefined {
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + 1)) {
    const text = bytes.toString("latin1", at + mark.byteLength, at + longest);
    const version = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\D/.exec(text)?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}
