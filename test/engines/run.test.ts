import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Engine, importImage, FactsStore, run } from "@lading/runner";
import { type EngineUnderTest, probeImage } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { engines } from "./engines.ts";

/*
 * `run()` of the API, on every engine: a container as long as its scope, or its process.
 */

describe.each(engines)("$name", ({ start }) => {
  let place: EngineUnderTest;
  let engine: Engine;
  let root: string;
  const name = "localhost/lading/run:1";

  beforeAll(async () => {
    place = await start();
    ({ engine } = place);
    ({ root } = z.object({ root: z.string() }).parse(place.elsewhere.settings));
    const { source, image } = await probeImage();
    await importImage(engine, source, image.descriptor, { name, facts: FactsStore.of(root) });
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("output comes as often as it is asked for, and the end of the scope removes the container", async () => {
    let id: string;
    {
      await using box = await run(
        name,
        { command: ["sh", "-c", "echo out; printf end"], network: "none" },
        { on: engine, root },
      );
      ({ id } = box);
      expect(await box.wait()).toMatchObject({ code: 0 });
      for (let time = 0; time < 2; time++) expect(await Array.fromAsync(box.stdout, String)).toEqual(["out\n", "end"]);
    }
    await expect(engine.get(id)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a container whose program ends before it is ready is told with its last lines", async () => {
    const attempt = run(
      name,
      { command: ["sh", "-c", "echo cannot begin >&2; exit 3"], network: "none" },
      { on: engine, root, ready: { log: "ready" } },
    );

    await expect(attempt).rejects.toMatchObject({ code: "STATE", message: expect.stringContaining("cannot begin") });
    expect(await engine.list()).toEqual([]);
  });

  test("a process that ends takes its containers along", async () => {
    const script = fileURLToPath(new URL("run-and-exit.ts", import.meta.url));
    const given = [JSON.stringify(place.elsewhere.settings), name];

    const { stdout } = spawnSync(process.execPath, ["--conditions=@lading/source", script, ...given], {
      encoding: "utf8",
    });

    const container = await engine.get(stdout.trim());
    await container.wait();
    expect(await container.info()).toMatchObject({ status: "exited" });
    await container.remove();
  });
});
