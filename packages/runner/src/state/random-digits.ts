import { closeSync, openSync, readSync } from "node:fs";

/**
 * So many random hexadecimal digits, an even number, from the kernel. `node:crypto` asks the same, but takes 5 ms to
 * load, and a container on runc needs nothing else of it.
 */
export function randomDigits(count: number): string {
  const bytes = Buffer.alloc(count / 2);
  const file = openSync("/dev/urandom", "r");
  try {
    readSync(file, bytes);
  } finally {
    closeSync(file);
  }
  return bytes.toString("hex");
}
