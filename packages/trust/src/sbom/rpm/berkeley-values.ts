import { Unreadable } from "../catalog.ts";

/*
 * As much of Berkeley DB's file format as it takes to go through a hash database (its sources, dbinc/db_page.h). rpm wrote
 * its packages into one up to RHEL 8.
 */

const hashMagic = 0x061561;
const hashPages = new Set([2, 13]); // unsorted, as RHEL 5 has them, and sorted
const overflowPage = 7;
const pageHeader = 26;

/** Kinds of items on a page: in place, or in a chain of pages. */
const inPlace = 1;
const offPage = 3;

/** The values of all keys, in the order of the pages. Throws Unreadable, and RangeError for a file that is damaged. */
export function* berkeleyValues(file: Buffer): Generator<Buffer> {
  // Whoever wrote it had numbers in the order of his processor.
  const little = file.readUInt32LE(12) === hashMagic;
  if (!little && file.readUInt32BE(12) !== hashMagic) throw new Unreadable("it is no hash database of Berkeley DB");
  const short = (page: Buffer, at: number): number => (little ? page.readUInt16LE(at) : page.readUInt16BE(at));
  const long = (page: Buffer, at: number): number => (little ? page.readUInt32LE(at) : page.readUInt32BE(at));
  const pageSize = long(file, 20);
  if (pageSize < 512 || pageSize > 65_536) throw new Unreadable(`its pages of ${pageSize} bytes are none`);
  // Both would make the headers of pages longer; rpm asks for neither.
  if (file.readUInt8(24) !== 0 || (file.readUInt8(26) & 1) !== 0)
    throw new Unreadable("it is encrypted or has checksums");
  const pageAt = (number: number): Buffer => file.subarray(number * pageSize, (number + 1) * pageSize);
  // Every page has one place in one chain, and no two values overlap. With these, no file takes more work than it is long.
  const used = new Set<number>();
  let room = file.byteLength;
  const fits = (value: Buffer): Buffer => {
    room -= value.byteLength;
    if (room < 0) throw new Unreadable("its values are longer than the file");
    return value;
  };

  function chain(first: number, length: number): Buffer {
    const parts: Buffer[] = [];
    let left = length;
    for (let number = first; left > 0;) {
      const page = pageAt(number);
      if (used.has(number) || page.readUInt8(25) !== overflowPage)
        throw new Unreadable(`page ${number} is none of a chain, or used twice`);
      used.add(number);
      const part = page.subarray(pageHeader, pageHeader + Math.min(left, short(page, 22)));
      if (part.byteLength === 0) throw new Unreadable(`page ${number} is empty`);
      parts.push(part);
      left -= part.byteLength;
      number = long(page, 16);
    }
    return Buffer.concat(parts);
  }

  for (let number = 1; number * pageSize < file.byteLength; number++) {
    const page = pageAt(number);
    if (!hashPages.has(page.readUInt8(25))) continue;
    const items = short(page, 20);
    // Items go from the end of the page to its front: a key, its value, a key, its value.
    for (let item = 1; item < items; item += 2) {
      const start = short(page, pageHeader + 2 * item);
      const kind = page.readUInt8(start);
      if (kind === inPlace) yield fits(page.subarray(start + 1, short(page, pageHeader + 2 * (item - 1))));
      else if (kind === offPage) yield chain(long(page, start + 4), long(page, start + 8));
      else throw new Unreadable(`page ${number} has an item of kind ${kind}`);
    }
  }
}
