import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { cgroupOf, cgroupsOf } from "./cgroups.ts";

test.runIf(process.platform === "linux")(
  "the cgroups of a program that has ended before anybody looked are where it was put",
  async () => {
    const { pid } = spawnSync("true");

    expect(await cgroupsOf("abc", pid)).toMatchObject({ path: cgroupOf("abc") });
  },
);
