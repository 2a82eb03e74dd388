import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { writeArchive } from "./archive-file.ts";

async function* chunks(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(size);
}

test.runIf(existsSync("/dev/full"))("a full disk is the reason, and not that its members could not go on", async () => {
  const member = { path: "blobs/sha256/layer", size: 100 * 65_536, open: () => chunks(100, 65_536) };

  await expect(writeArchive("/dev/full", [member])).rejects.toMatchObject({ code: "ENOSPC" });
});

test.runIf(existsSync("/dev/full"))(
  "what a member fails with is the reason, and not that the tar ended early",
  async () => {
    const member = {
      path: "blobs/sha256/layer",
      size: 65_536,
      open: () => {
        throw new Error("the member is not there");
      },
    };

    await expect(writeArchive("/dev/full", [member])).rejects.toThrow("the member is not there");
  },
);
