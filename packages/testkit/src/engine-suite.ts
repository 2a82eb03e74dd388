import { afterAll, beforeAll, describe } from "vitest";
import { Bench, type EngineUnderTest } from "./engine-suite/bench.ts";
import { ending } from "./engine-suite/ending.ts";
import { everyId } from "./engine-suite/every-id.ts";
import { exec } from "./engine-suite/exec.ts";
import { files } from "./engine-suite/files.ts";
import { images } from "./engine-suite/images.ts";
import { isolation } from "./engine-suite/isolation.ts";
import { life } from "./engine-suite/life.ts";
import { limits } from "./engine-suite/limits.ts";
import { logs } from "./engine-suite/logs.ts";
import { mounts } from "./engine-suite/mounts.ts";
import { names } from "./engine-suite/names.ts";
import { namespaces } from "./engine-suite/namespaces.ts";
import { networks } from "./engine-suite/networks.ts";
import { processes } from "./engine-suite/processes.ts";
import { restarts } from "./engine-suite/restarts.ts";
import { streams } from "./engine-suite/streams.ts";
import { terminal } from "./engine-suite/terminal.ts";

const themes = {
  images,
  life,
  streams,
  terminal,
  names,
  logs,
  exec,
  ending,
  restarts,
  files,
  isolation,
  namespaces,
  limits,
  networks,
  mounts,
  processes,
};

/**
 * The contract of `Engine`, to be run against everything that claims to be one. Containers come from
 * the probe image, which takes busybox on PATH. What an engine says it cannot do (`EngineInfo`) it
 * must refuse.
 */
export function engineSuite(name: string, make: () => Promise<EngineUnderTest>): void {
  describe(name, () => {
    let bench: Bench | undefined;
    const ready = (): Bench => {
      if (bench === undefined) throw new Error(`Cannot test ${name}: it was not made`);
      return bench;
    };
    beforeAll(async () => {
      bench = await Bench.of(await make());
    });
    afterAll(() => bench?.[Symbol.asyncDispose]());
    for (const [theme, declare] of Object.entries(themes)) describe.concurrent(theme, () => declare(ready));
    describe("everyId", () => everyId(ready));
  });
}
