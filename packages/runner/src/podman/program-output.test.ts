import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { passOn } from "./program-output.ts";

const lost = "unixpacket @->/proc/self/fd/14/attach";

test.each([`Error: write ${lost}: write: broken pipe\n`, `Error: read ${lost}: read: connection reset by peer\n`])(
  "%j is podman's word for input that nobody read, and not the program's",
  async (said) => {
    const connection = Readable.from([frame("mine\n"), frame(said)]);
    const { stderr } = passOn({ connection, head: new Uint8Array() }, "pipe", false);
    expect((await buffer(Readable.from(stderr))).toString()).toBe("mine\n");
  },
);

function frame(text: string): Buffer {
  return Buffer.concat([Buffer.of(2, 0, 0, 0, 0, 0, 0, text.length), Buffer.from(text)]);
}
