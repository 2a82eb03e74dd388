import { TrustError } from "../errors.ts";

/** One block of a PEM file. */
export interface PemBlock {
  /** What is between BEGIN and the dashes: "PUBLIC KEY". */
  readonly label: string;
  readonly body: Uint8Array;
  /** The block as it stood, with its lines. */
  readonly text: string;
}

const limit = 1024 * 1024;
// Nothing after BEGIN is gone through twice: a file of nothing but BEGINs is read in one go.
const block = /-----BEGIN ([A-Z0-9 ]{1,64})-----\s*\n((?:(?!-----)[^])*)-----END \1-----/g;

/** The blocks of a PEM file, in their order; what is between them is no part of it. Throws TrustError KEY when there are none. */
export function parsePem(text: string, what: string): readonly PemBlock[] {
  if (text.length > limit) throw new TrustError("KEY", `Cannot read ${what}: it is longer than ${limit} characters`);
  const blocks = [...text.matchAll(block)].map(([found, label = "", lines = ""]): PemBlock => {
    // A blank line ends the headers of RFC 1421, where there are any.
    const data = lines.includes(":") ? lines.slice(lines.search(/\r?\n\r?\n/)) : lines;
    return { label, body: Buffer.from(data, "base64"), text: `${found}\n` };
  });
  if (blocks.length === 0) throw new TrustError("KEY", `Cannot read ${what}: it is no PEM file`);
  return blocks;
}
