import { setTimeout } from "node:timers/promises";
import type { Container, ContainerInfo } from "@lading/runner";
import { expect, test } from "vitest";
import { type Bench, eventually, watched } from "./bench.ts";

/** Restart policies, and containers that outlive the process that started them. */
export function restarts(bench: () => Bench): void {
  test("on-failure:2 runs exactly three times", async () => {
    await using container = await bench().shell("echo run; exit 1", { restart: { name: "on-failure", maximum: 2 } });
    await container.start();

    await until(container, ({ status, restarts }) => status === "exited" && restarts === 2);
    await setTimeout(1500);

    expect(await container.info()).toMatchObject({ status: "exited", restarts: 2, exit: { code: 1 } });
    expect(await lines(container)).toEqual(["run", "run", "run"]);
    expect(await container.wait()).toMatchObject({ code: 1 });
  });

  test("on-failure does not begin again what ended well", async () => {
    await using container = await bench().shell("echo run; exit 0", { restart: { name: "on-failure" } });
    await container.start();

    await container.wait();
    await setTimeout(1000);

    expect(await container.info()).toMatchObject({ status: "exited", restarts: 0 });
    expect(await lines(container)).toEqual(["run"]);
  });

  test.each(["always", "unless-stopped"] as const)(
    "%s begins again whatever the end, until it is stopped",
    async (name) => {
      await using container = await bench().shell("echo run; exit 0", { restart: { name } });
      await container.start();

      await until(container, ({ restarts }) => restarts >= 2);
      await container.stop();

      const { restarts } = await container.info();
      await setTimeout(1500);
      expect(await container.info()).toMatchObject({ status: "exited", restarts });
      expect(await lines(container)).toHaveLength(restarts + 1);
    },
  );

  test("what runs and is stopped rests", async () => {
    await using container = await bench().shell("trap 'exit 1' TERM; echo run; while :; do sleep 0.05; done", {
      restart: { name: "always" },
    });
    await container.start();
    await eventually("it runs", async () => (await lines(container)).length === 1);

    await container.stop();
    await setTimeout(1000);

    expect(await container.info()).toMatchObject({ status: "exited", restarts: 0, exit: { code: 1 } });
    expect(await lines(container)).toEqual(["run"]);
  });

  test("each run has the files of those before", async () => {
    await using container = await bench().shell("echo x >> /tmp/runs; [ $(wc -l < /tmp/runs) = 2 ]", {
      restart: { name: "on-failure", maximum: 5 },
    });
    await container.start();

    await until(container, ({ status, exit }) => status === "exited" && exit?.code === 0);

    expect(await container.info()).toMatchObject({ restarts: 1 });
  });

  test("a detached container outlives the process that started it, and is found from another", async () => {
    const plan = bench().plan({
      command: ["sh", "-c", "trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.05; done"],
    });

    const { stdout, stderr, status } = await bench().runElsewhere(
      `
      const container = await engine.create(plan, image, { imageName });
      await container.start({ stdio: "none" });
      console.log(container.id);
      `,
      { plan },
    );

    expect(stderr).toBe("");
    expect(status).toBe(0);
    await using container = await bench().engine.get(stdout.trim());
    await eventually("it is ready", async () => (await lines(container)).includes("ready"));
    expect(await container.info()).toMatchObject({ status: "running" });
    await container.stop();
    expect(await container.wait()).toMatchObject({ code: 4 });
    expect(await lines(container)).toEqual(["ready", "bye"]);
  });

  test("a detached container is restarted though nobody is there any more", async () => {
    const plan = bench().plan({
      command: ["sh", "-c", "echo run; sleep 0.2; exit 1"],
      restart: { name: "on-failure", maximum: 2 },
    });

    const { stdout } = await bench().runElsewhere(
      `
      const container = await engine.create(plan, image, { imageName });
      await container.start({ stdio: "none" });
      console.log(container.id);
      `,
      { plan },
    );

    await using container = await bench().engine.get(stdout.trim());
    await eventually("three runs", async () => (await lines(container)).length === 3);
    await until(container, ({ status, restarts }) => status === "exited" && restarts === 2);
    expect(await lines(container)).toEqual(["run", "run", "run"]);
  });

  test("a container that another process started is waited for, looked into and killed from here", async () => {
    const plan = bench().plan({ command: ["sleep", "60"] });
    const { stdout } = await bench().runElsewhere(
      `
      const container = await engine.create(plan, image, { imageName });
      await container.start({ stdio: "none" });
      console.log(container.id);
      `,
      { plan },
    );
    await using container = await bench().engine.get(stdout.trim());

    expect((await bench().exec(container, ["echo", "here"])).stdout).toBe("here\n");
    const wait = container.wait();
    await container.kill("SIGKILL");

    expect(await wait).toMatchObject({ code: 137 });
  });

  test("when the process that watched over a container is killed, the container is found ended or running, and removed", async () => {
    const plan = bench().plan({ command: ["sleep", "60"] });
    const { stdout } = await bench().runElsewhere(
      `
      const container = await engine.create(plan, image, { imageName });
      await container.start({ stdio: "pipe" });
      console.log(container.id);
      process.kill(process.pid, "SIGKILL");
      `,
      { plan },
    );

    const container = await bench().engine.get(stdout.trim());
    const { status } = await container.info();
    expect(["running", "exited"]).toContain(status);
    // Who is refused does not keep the container from being removed.
    if (status === "running") await expect(container.start(watched)).rejects.toMatchObject({ code: "STATE" });
    await container.remove({ force: true });
    await expect(bench().engine.get(container.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
}

async function until(container: Container, is: (info: ContainerInfo) => boolean): Promise<void> {
  let last: ContainerInfo | undefined;
  try {
    await eventually("its restarts", async () => is((last = await container.info())));
  } catch (cause) {
    throw new Error(`Waited in vain: ${JSON.stringify(last)}`, { cause });
  }
}

async function lines(container: Container): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { text } of container.logs()) found.push(Buffer.from(text).toString());
  return found;
}
