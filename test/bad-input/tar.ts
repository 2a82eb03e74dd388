export interface Member {
  readonly name: string;
  /** Default: "0", a file. */
  readonly type?: string;
  readonly content?: string;
  /** What the header says instead of the content's length. */
  readonly size?: number;
}

/** One member of a tar, written by hand so that it may be wrong. */
export function member({ name, type = "0", content = "", size = Buffer.byteLength(content) }: Member): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\x000000000\x000000000\x00", 100);
  header.write(`${size.toString(8).padStart(11, "0")}\x0000000000000\x00`, 124);
  header.write(`        ${type}`, 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\x00 `, 148);
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
  body.write(content);
  return Buffer.concat([header, body]);
}

/** A tar of members, with its end. */
export function tarOf(...members: readonly Buffer[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}
