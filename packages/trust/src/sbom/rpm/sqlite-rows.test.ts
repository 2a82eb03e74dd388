import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { temporaryFolder } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { Unreadable } from "../catalog.ts";
import { sqliteRows } from "./sqlite-rows.ts";

/* SQLite itself, which Node has, writes what is read here. */

async function databaseOf(pageSize: number, fill: (database: DatabaseSync) => void): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "db");
  const database = new DatabaseSync(file);
  try {
    database.exec(
      `PRAGMA page_size = ${pageSize}; CREATE TABLE "Other" (a); CREATE TABLE "T" (id INTEGER PRIMARY KEY, v)`,
    );
    fill(database);
  } finally {
    database.close();
  }
  return readFileSync(file);
}

/** Values of every kind, and blobs of lengths around each place where a page is full. */
function valuesFor(pageSize: number): readonly (bigint | string | Uint8Array | null)[] {
  const lengths = [0, 1, 35, 100, 400, 500, 4000, 5000, 70_000];
  for (let near = pageSize - 60; near < pageSize + 4; near += pageSize === 65_536 ? 9 : 1) lengths.push(near);
  return [
    null,
    ...[0, 1, -1, 127, -128, 32_767, -8_388_608, 2 ** 31 - 1, -(2 ** 47), 2 ** 52].map(BigInt),
    "text",
    ...lengths.map((length, at) => new Uint8Array(length).fill(at)),
  ];
}

describe.each([512, 1024, 4096, 65_536])("in pages of %i bytes", (pageSize) => {
  test("rows are as they were inserted, without those that were deleted", async () => {
    const values = [...valuesFor(pageSize), ...valuesFor(pageSize)];
    const file = await databaseOf(pageSize, (database) => {
      const insert = database.prepare(`INSERT INTO "T" (v) VALUES (?)`);
      database.exec("BEGIN");
      for (const value of values) insert.run(value);
      database.exec(`DELETE FROM "T" WHERE id % 7 = 3; COMMIT`);
    });

    const rows = [...sqliteRows(file, "T")];

    const expected = values.filter((_, at) => (at + 1) % 7 !== 3);
    expect(rows.map(([, value]) => shown(value))).toEqual(expected.map((value) => shown(value)));
  });
});

function shown(value: bigint | number | string | Uint8Array | null | undefined): string {
  if (typeof value === "object" && value !== null) return createHash("sha256").update(value).digest("hex");
  return typeof value === "string" ? shown(Buffer.from(value)) : String(value ?? "NULL");
}

test("a table that is not there, and a file that is no database, are said to be so", async () => {
  const file = await databaseOf(4096, () => undefined);

  expect([...sqliteRows(file, "Other")]).toEqual([]);
  expect(() => [...sqliteRows(file, "Packages")]).toThrow(new Unreadable("it has no table Packages"));
  expect(() => [...sqliteRows(Buffer.alloc(4096), "T")]).toThrow(new Unreadable("it is no SQLite database"));
});

test("a damaged database ends with an error, however it is damaged, and takes no more work than it is long", async () => {
  const file = await databaseOf(512, (database) => {
    const insert = database.prepare(`INSERT INTO "T" (v) VALUES (?)`);
    for (let row = 0; row < 12; row++) insert.run(new Uint8Array(300 + 40 * row).fill(row));
  });
  let refused = 0;
  // Of each page the beginning, where all that leads on is, and little of the rest.
  for (let at = 16; at < file.byteLength; at++)
    for (const value of at % 512 < 14 || at % 71 === 0 ? [0x00, 0xff] : []) {
      const damaged = Buffer.from(file);
      damaged[at] = value;
      let bytes = 0;
      try {
        for (const [, blob] of sqliteRows(damaged, "T")) bytes += Buffer.isBuffer(blob) ? blob.byteLength : 0;
      } catch (error) {
        refused++;
        expect(error instanceof Unreadable || error instanceof RangeError, String(error)).toBe(true);
      }
      expect(bytes).toBeLessThanOrEqual(file.byteLength);
    }
  expect(refused).toBeGreaterThan(50);
  for (const end of [50, 100, 511, 5000]) expect(() => [...sqliteRows(file.subarray(0, end), "T")]).toThrow();
});
