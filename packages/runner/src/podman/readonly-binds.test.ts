import { expect, test } from "vitest";
import { refuseMountsBelow } from "./readonly-binds.ts";

const bind = (source: string, readonly: boolean) =>
  ({ type: "bind", source, destination: "/x", readonly, propagation: "rprivate" }) as const;

test("a read-only bind that would leave something writable is refused", async () => {
  // On every machine something is mounted below /dev.
  await expect(refuseMountsBelow([bind("/dev", true)])).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringMatching(/^Cannot mount "\/dev" read-only with podman: "\/dev\/.+" is mounted below it/),
  });
  await refuseMountsBelow([bind("/dev", false), bind("/dev/shm", true), bind("/nowhere", true)]);
});
