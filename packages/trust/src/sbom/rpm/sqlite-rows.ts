import { Unreadable } from "../catalog.ts";

/*
 * As much of SQLite's file format as it takes to go through a table
 * (https://www.sqlite.org/fileformat2.html, sections 1.3, 1.5, 1.6, 2.1 and 2.6).
 */

/** A row's values by column; undefined for NULL, which an INTEGER PRIMARY KEY is stored as, and for what is no integer, text or blob. */
export type SqliteRow = readonly (number | Buffer | undefined)[];

/** The rows of a table, by row ID. Throws Unreadable, and RangeError for a file that is damaged. */
export function* sqliteRows(file: Buffer, table: string): Generator<SqliteRow> {
  const database = new Database(file);
  for (const [type, name, , root] of database.rows(1))
    if (isText(type, "table") && isText(name, table) && typeof root === "number") {
      yield* database.rows(root);
      return;
    }
  throw new Unreadable(`it has no table ${table}`);
}

function isText(value: SqliteRow[number], text: string): boolean {
  return Buffer.isBuffer(value) && value.toString("latin1") === text;
}

const interiorPage = 0x05;
const leafPage = 0x0d;

class Database {
  readonly #file: Buffer;
  readonly #pageSize: number;
  /** Bytes of a page that are SQLite's. */
  readonly #usable: number;
  // Every page has one place in one tree, and no two rows overlap. With these, no file takes more work than it is long.
  readonly #used = new Set<number>();
  #left: number;

  constructor(file: Buffer) {
    if (file.toString("latin1", 0, 16) !== "SQLite format 3\0") throw new Unreadable("it is no SQLite database");
    const size = file.readUInt16BE(16);
    this.#file = file;
    this.#left = file.byteLength;
    this.#pageSize = size === 1 ? 65_536 : size;
    this.#usable = this.#pageSize - file.readUInt8(20);
    if (this.#usable < 480) throw new Unreadable("its pages are smaller than SQLite has them");
  }

  /** The rows of the table whose tree begins at this page. */
  *rows(root: number): Generator<SqliteRow> {
    const pending = [root];
    for (let number = pending.pop(); number !== undefined; number = pending.pop()) {
      const page = this.#page(number);
      const header = number === 1 ? 100 : 0;
      const kind = page.readUInt8(header);
      const cells = page.readUInt16BE(header + 3);
      if (kind === leafPage)
        for (let cell = 0; cell < cells; cell++) yield this.#row(page, page.readUInt16BE(header + 8 + 2 * cell));
      else if (kind === interiorPage) {
        const children = Array.from({ length: cells }, (_, cell) =>
          page.readUInt32BE(page.readUInt16BE(header + 12 + 2 * cell)),
        );
        pending.push(page.readUInt32BE(header + 8), ...children.toReversed());
      } else throw new Unreadable(`page ${number} is none of a table`);
    }
  }

  #page(number: number): Buffer {
    const start = (number - 1) * this.#pageSize;
    if (number < 1 || start >= this.#file.byteLength || this.#used.has(number))
      throw new Unreadable(`page ${number} is not there, or used twice`);
    this.#used.add(number);
    return this.#file.subarray(start, start + this.#pageSize);
  }

  #row(page: Buffer, cell: number): SqliteRow {
    const [length, afterLength] = varint(page, cell);
    const [, start] = varint(page, afterLength);
    return valuesOf(this.#payload(page, start, length));
  }

  /** A record; what has no room in its page goes on in a chain of others. */
  #payload(page: Buffer, start: number, length: number): Buffer {
    this.#left -= length;
    if (this.#left < 0) throw new Unreadable("its rows are longer than the file");
    const most = this.#usable - 35;
    if (length <= most) return page.subarray(start, start + length);
    const least = Math.floor(((this.#usable - 12) * 32) / 255) - 23;
    const even = least + ((length - least) % (this.#usable - 4));
    const local = even <= most ? even : least;
    const parts = [page.subarray(start, start + local)];
    let next = page.readUInt32BE(start + local);
    for (let left = length - local; left > 0; left -= this.#usable - 4) {
      const overflow = this.#page(next);
      parts.push(overflow.subarray(4, 4 + Math.min(left, this.#usable - 4)));
      next = overflow.readUInt32BE(0);
    }
    return Buffer.concat(parts);
  }
}

/** Sizes of the serial types 0 to 9; from 12 on they are blobs and texts. */
const sizes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

function valuesOf(record: Buffer): SqliteRow {
  const values: (number | Buffer | undefined)[] = [];
  const [headerSize, first] = varint(record, 0);
  let body = headerSize;
  for (let at = first; at < headerSize;) {
    const [type, next] = varint(record, at);
    const size = type < 12 ? (sizes[type] ?? 0) : Math.floor((type - 12) / 2);
    if (body + size > record.byteLength) throw new Unreadable("a row is shorter than it says");
    values.push(valueOf(record, type, body, size));
    body += size;
    at = next;
  }
  return values;
}

function valueOf(record: Buffer, type: number, at: number, size: number): SqliteRow[number] {
  if (type >= 12) return record.subarray(at, at + size);
  if (type >= 1 && type <= 5) return record.readIntBE(at, size);
  if (type === 6) return Number(record.readBigInt64BE(at));
  return type === 8 ? 0 : type === 9 ? 1 : undefined;
}

/** A number of 1 to 9 bytes, and where what follows it begins. Those beyond 2^53 are none that a file can have. */
function varint(bytes: Buffer, at: number): readonly [value: number, next: number] {
  let value = 0;
  for (let next = at; next < at + 8; next++) {
    const byte = bytes.readUInt8(next);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, next + 1];
  }
  return [value * 256 + bytes.readUInt8(at + 8), at + 9];
}
