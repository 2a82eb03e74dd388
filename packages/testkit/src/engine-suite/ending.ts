import type { Container } from "@lading/runner";
import { expect, test } from "vitest";
import { type Bench, bytesOf, eventually, newName, watched } from "./bench.ts";
import { gone, processesWith, tracesOf } from "./traces.ts";

/** stop, kill and remove. */
export function ending(bench: () => Bench): void {
  const waiting = "echo ready; while :; do sleep 0.05; done";

  test("stop sends the stop signal, and the program ends as it likes", async () => {
    await using container = await bench().shell(`trap 'echo bye; exit 5' TERM; ${waiting}`);
    const { rest } = await ready(container);
    const traces = await tracesOf(container);

    await container.stop();

    expect(await container.info()).toMatchObject({ status: "exited", exit: { code: 5, oomKilled: false } });
    expect(await rest()).toBe("bye\n");
    await gone(traces);
  });

  test("the stop signal is the plan's", async () => {
    await using container = await bench().shell(`trap 'exit 11' USR1; trap 'exit 12' TERM; ${waiting}`, {
      stopSignal: "SIGUSR1",
    });
    await ready(container);

    await container.stop();

    expect(await container.wait()).toMatchObject({ code: 11 });
  });

  test("a program that does not heed it is killed when its time is over", async () => {
    await using container = await bench().shell(`trap '' TERM; ${waiting}`);
    await ready(container);
    const begun = performance.now();

    await container.stop({ grace: 700 });

    expect(performance.now() - begun).toBeGreaterThanOrEqual(650);
    expect(await container.wait()).toMatchObject({ code: 137, oomKilled: false });
  });

  test("without a grace of its own, stop takes the plan's", async () => {
    await using container = await bench().shell(`trap '' TERM; ${waiting}`, { stopTimeout: 300 });
    await ready(container);
    const begun = performance.now();

    await container.stop();

    // What it would be without.
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(await container.wait()).toMatchObject({ code: 137 });
  });

  test("a program that heeds it is not waited for any longer", async () => {
    await using container = await bench().idle();
    const begun = performance.now();

    await container.stop({ grace: 60_000 });

    expect(performance.now() - begun).toBeLessThan(60_000);
  });

  test("no grace kills at once", async () => {
    await using container = await bench().shell(`trap '' TERM; ${waiting}`);
    await ready(container);

    await container.stop({ grace: 0 });

    expect(await container.wait()).toMatchObject({ code: 137 });
  });

  test("to stop what does not run is no error", async () => {
    await using container = await bench().shell("exit 3");
    await container.stop();
    expect(await container.info()).toMatchObject({ status: "created" });

    await bench().toEnd(container);
    await container.stop();
    expect(await container.info()).toMatchObject({ status: "exited", exit: { code: 3 } });
  });

  test.each(["SIGKILL", "KILL", "9"])("kill sends %s, and the exit code tells it", async (signal) => {
    await using container = await bench().idle();

    await container.kill(signal);

    expect(await container.wait()).toMatchObject({ code: 137, oomKilled: false });
  });

  test("kill without a signal is SIGKILL", async () => {
    await using container = await bench().shell(`trap '' TERM; ${waiting}`);
    await ready(container);

    await container.kill();

    expect(await container.wait()).toMatchObject({ code: 137 });
  });

  test("a signal that ends the program gives 128 and its number", async () => {
    await bench().unlessRefused(async () => {
      // In the host's numbers the program is no process 1, which would not heed a signal without a handler.
      await using container = await bench().create({ command: ["sleep", "60"], pid: "host" });
      await container.start(watched);

      await container.kill("SIGTERM");

      expect(await container.wait()).toMatchObject({ code: 143, oomKilled: false });
    });
  });

  test("a signal that the program handles does not end it", async () => {
    await using container = await bench().shell(`trap 'echo heard' HUP; ${waiting}`);
    await ready(container);

    await container.kill("HUP");

    const lines = async (): Promise<readonly string[]> =>
      await Array.fromAsync(container.logs(), ({ text }) => Buffer.from(text).toString());
    await eventually("it was heard", async () => (await lines()).length === 2);
    expect(await lines()).toEqual(["ready", "heard"]);
    expect(await container.info()).toMatchObject({ status: "running" });
  });

  test("what does not run cannot be killed", async () => {
    await using container = await bench().shell("true");
    await expect(container.kill()).rejects.toMatchObject({ code: "STATE" });

    await bench().toEnd(container);
    await expect(container.kill("SIGTERM")).rejects.toMatchObject({ code: "STATE" });
  });

  test("all processes of a container end with its program", async () => {
    const mark = `MARK=${newName()}`;
    await using container = await bench().shell("sleep 60 & sleep 61 & sleep 0.2; exit 1", { env: [mark] });

    await bench().toEnd(container);

    expect(processesWith(mark)).toEqual([]);
  });

  test("in the host's numbers too, all processes of a container end with its program", async () => {
    const mark = `MARK=${newName()}`;
    await bench().unlessRefused(async () => {
      await using container = await bench().shell("sleep 60 & sleep 61 & sleep 0.2; exit 1", {
        env: [mark],
        pid: "host",
      });

      await bench().toEnd(container);
    });

    expect(processesWith(mark)).toEqual([]);
  });

  test("what runs is not removed, unless it is forced", async () => {
    const mark = `MARK=${newName()}`;
    const container = await bench().shell("sleep 60", { env: [mark] });
    await container.start(watched);
    const traces = await tracesOf(container);

    await expect(container.remove()).rejects.toMatchObject({ code: "STATE" });
    expect(await container.info()).toMatchObject({ status: "running" });

    await container.remove({ force: true });
    expect(processesWith(mark)).toEqual([]);
    await expect(bench().engine.get(container.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await gone(traces);
  });

  test("what is gone says NOT_FOUND to everything", async () => {
    const container = await bench().shell("true");
    await container.remove();

    await expect(container.info()).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(container.start()).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(container.remove()).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("to force what is gone away is no error, nor is it to dispose of that", async () => {
    const container = await bench().shell("true");
    await container.remove();

    await container.remove({ force: true });
    await container[Symbol.asyncDispose]();
  });
}

/** Starts a container and waits until it has said "ready"; what it says after that. */
async function ready(container: Container): Promise<{ readonly rest: () => Promise<string> }> {
  const { stdout } = await container.start({ stdio: "pipe" });
  const output = stdout[Symbol.asyncIterator]();
  let seen = "";
  while (!seen.includes("ready\n")) {
    const { value, done } = await output.next();
    if (done === true) throw new Error(`Waited in vain: ${seen}`);
    seen += Buffer.from(value).toString();
  }
  const said = seen.slice(seen.indexOf("ready\n") + "ready\n".length);
  return { rest: async () => said + (await bytesOf({ [Symbol.asyncIterator]: () => output })).toString() };
}
