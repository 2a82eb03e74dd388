import { rpmTags } from "./rpm-header.ts";

/** What a test's package says; "architecture" is noarch and "release" 1, if nothing else is said. */
export type RpmFixture = Partial<
  Readonly<Record<keyof typeof rpmTags, string | number | readonly string[] | readonly number[]>>
>;

const int32 = 4;
const string = 6;
const binary = 7;
const list = 8;
const i18n = 9;

/** A header as rpm has it in its databases; `licence` by language, and `extra` as what was added when it was installed. */
export function rpmHeader(fixture: RpmFixture, extra: RpmFixture = {}): Buffer {
  const entries: (readonly [tag: number, type: number, offset: number, count: number])[] = [];
  const data: Buffer[] = [];
  const add = (tag: number, type: number, bytes: Buffer, count: number): void => {
    const before = data.reduce((sum, one) => sum + one.byteLength, 0);
    // Numbers are aligned.
    const padding = type === int32 ? (4 - (before % 4)) % 4 : 0;
    data.push(Buffer.alloc(padding), bytes);
    entries.push([tag, type, before + padding, count]);
  };
  const fields = [...Object.entries({ architecture: "noarch", release: "1", ...fixture }), ...Object.entries(extra)];
  // What everything that came in the package's file is marked with.
  add(63, binary, Buffer.alloc(16), 16);
  for (const [name, value] of fields) {
    const tag = tagOf(name);
    if (typeof value === "string") add(tag, name === "licence" ? i18n : string, Buffer.from(`${value}\0`), 1);
    else {
      const values: readonly (string | number)[] = typeof value === "number" ? [value] : value;
      const numbers = values.filter((one) => typeof one === "number");
      if (numbers.length > 0) add(tag, int32, Buffer.concat(numbers.map((one) => number(one))), numbers.length);
      else add(tag, list, Buffer.from(values.map((one) => `${one}\0`).join("")), values.length);
    }
  }
  const content = Buffer.concat(data);
  const index = entries.map((entry) => Buffer.concat(entry.map((one) => number(one))));
  return Buffer.concat([number(entries.length), number(content.byteLength), ...index, content]);
}

/** A database of rpm's own kind; undefined is a slot that is free. */
export function ndbDatabase(headers: readonly (Buffer | undefined)[]): Buffer {
  const slots = Buffer.alloc(4096);
  slots.write("RpmP");
  slots.writeUInt32LE(1, 12);
  for (let slot = 32; slot < slots.byteLength; slot += 16) slots.write("Slot", slot);
  const blobs: Buffer[] = [];
  let block = slots.byteLength / 16;
  for (const [at, header] of headers.entries()) {
    if (header === undefined) continue;
    const blob = Buffer.alloc(Math.ceil((16 + header.byteLength + 12) / 16) * 16);
    blob.write("BlbS");
    blob.writeUInt32LE(at + 1, 4);
    blob.writeUInt32LE(header.byteLength, 12);
    header.copy(blob, 16);
    blobs.push(blob);
    slots.writeUInt32LE(at + 1, 32 + 16 * at + 4);
    slots.writeUInt32LE(block, 32 + 16 * at + 8);
    slots.writeUInt32LE(blob.byteLength / 16, 32 + 16 * at + 12);
    block += blob.byteLength / 16;
  }
  return Buffer.concat([slots, ...blobs]);
}

function tagOf(name: string): number {
  return new Map<string, number>(Object.entries(rpmTags)).get(name) ?? 0;
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
