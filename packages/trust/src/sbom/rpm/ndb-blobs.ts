import { Unreadable } from "../catalog.ts";

/*
 * The database that rpm has of its own, which SUSE uses (rpm's sources, lib/backend/ndb/rpmpkg.c): pages of slots, each of
 * which says where a package's blob is.
 */

const pageSize = 4096;
const slotSize = 16;
const blockSize = 16;
const blobHeader = 16;

/** The blobs of all packages, in the order of their slots. Throws Unreadable, and RangeError for a file that is damaged. */
export function* ndbBlobs(file: Buffer): Generator<Buffer> {
  if (!hasMark(file, 0, "RpmP")) throw new Unreadable("it is no database of rpm's own kind");
  const version = file.readUInt32LE(4);
  if (version !== 0) throw new Unreadable(`its version ${version} is not known`);
  const end = file.readUInt32LE(12) * pageSize;
  let left = file.byteLength;
  // The header has the room of two slots.
  for (let slot = 2 * slotSize; slot < end; slot += slotSize) {
    if (!hasMark(file, slot, "Slot")) throw new Unreadable("it has no slot where one must be");
    const number = file.readUInt32LE(slot + 4);
    if (number === 0) continue;
    const blob = file.readUInt32LE(slot + 8) * blockSize;
    const length = file.readUInt32LE(blob + 12);
    // Blobs do not overlap: all of them together are no longer than the file.
    left -= length;
    if (!hasMark(file, blob, "BlbS") || file.readUInt32LE(blob + 4) !== number || left < 0)
      throw new Unreadable(`the blob of package ${number} is not where it must be`);
    yield file.subarray(blob + blobHeader, blob + blobHeader + length);
  }
}

function hasMark(file: Buffer, at: number, mark: string): boolean {
  return file.toString("latin1", at, at + mark.length) === mark;
}
