import { expect, test } from "vitest";
import { type Bench, eventually, newName } from "./bench.ts";
import { gone, leftOf, processesWith, tracesOf, tracesOfId } from "./traces.ts";

/** From `create` to `remove`. */
export function life(bench: () => Bench): void {
  test("says what it is", async () => {
    const { engine, info } = bench();

    expect(info).toMatchObject({
      name: engine.name,
      version: expect.stringMatching(/^\d+\.\d+/),
      runtime: { name: expect.stringMatching(/^(?:runc|crun)$/), version: expect.stringMatching(/^\d+\.\d+/) },
    });
    expect(info.endpoint).not.toBe("");
    expect(info.networks).toContain("none");
    expect(info.userNamespaces).toContain("host");
  });

  test("create makes no process", async () => {
    const mark = `MARK=${newName()}`;
    await using container = await bench().shell("sleep 60", { env: [mark] });

    expect(await container.info()).toMatchObject({
      id: container.id,
      name: container.name,
      engine: bench().engine.name,
      image: { id: bench().image.id, name: "localhost/lading/probe:1" },
      args: ["sh", "-c", "sleep 60"],
      status: "created",
      startedAt: undefined,
      exit: undefined,
      pid: undefined,
      restarts: 0,
    });
    expect(processesWith(mark)).toEqual([]);
  });

  test("start begins the program, and its info says so", async () => {
    const mark = `MARK=${newName()}`;
    const before = Date.now();
    await using container = await bench().create({ command: ["sleep", "60"], env: [mark] });
    await container.start();

    const info = await container.info();

    expect(info).toMatchObject({ status: "running", exit: undefined });
    expect(processesWith(mark)).toContain(info.pid);
    expect(Date.parse(info.created)).toBeGreaterThanOrEqual(before - 1000);
    expect(Date.parse(info.startedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(info.created));
    expect(Date.parse(info.startedAt ?? "")).toBeLessThanOrEqual(Date.now() + 1000);
  });

  test("a program that runs is not started again", async () => {
    await using container = await bench().idle();

    await expect(container.start()).rejects.toMatchObject({ code: "STATE" });
    expect(await container.info()).toMatchObject({ status: "running" });
  });

  test.each([0, 1, 7, 42, 255])("exit code %i comes back", async (code) => {
    const ended = await bench().sh(`exit ${code}`);

    expect(ended).toMatchObject({ code, oomKilled: false });
    expect(Math.abs(Date.parse(ended.finishedAt) - Date.now())).toBeLessThan(30_000);
  });

  test("a program that is not there, and one that cannot be executed, are told apart and leave nothing", async () => {
    for (const [command, code] of [
      [["missing"], "COMMAND_NOT_FOUND"],
      [["/missing/too"], "COMMAND_NOT_FOUND"],
      [["/etc/passwd"], "COMMAND_NOT_EXECUTABLE"],
      [["/srv/data"], "COMMAND_NOT_EXECUTABLE"],
    ] as const) {
      const container = await bench().create({ command });
      await expect(container.start({ stdio: "pipe" }), command[0]).rejects.toMatchObject({ code });
      const info = await container.info();
      expect(info.pid).toBeUndefined();
      expect(info.status).not.toBe("running");
      await container.remove();
      expect(leftOf(tracesOfId(container.id))).toEqual([]);
    }
  });

  test("a container starts again after its end, with the files that it wrote", async () => {
    await using container = await bench().shell("echo x >> /tmp/runs; wc -l < /tmp/runs");

    expect((await bench().toEnd(container)).stdout.trim()).toBe("1");
    expect((await bench().toEnd(container)).stdout.trim()).toBe("2");
    expect(await container.info()).toMatchObject({ status: "exited", exit: { code: 0 }, restarts: 0 });
  });

  test("wait says how the program ended, before its end and at once after it", async () => {
    await using container = await bench().shell("sleep 0.3; exit 9");
    await container.start();

    const [first, second] = await Promise.all([container.wait(), container.wait()]);

    expect(first).toMatchObject({ code: 9, oomKilled: false });
    expect(second).toEqual(first);
    expect(await container.wait()).toEqual(first);
    expect(await container.info()).toMatchObject({ status: "exited", exit: first, pid: undefined });
  });

  test("when wait resolves nothing is left of its sandbox: no mount, no network, no cgroup, no process", async () => {
    const network = bench().info.networks.includes("bridge") ? "bridge" : "none";
    await using container = await bench().shell("read x", { network, interactive: true });
    const process = await container.start({ stdio: "pipe" });
    const traces = await tracesOf(container);
    expect(leftOf(traces)).not.toEqual([]);

    process.stdin?.end("go\n");
    await container.wait();

    expect(leftOf(traces)).toEqual([]);
    await gone(traces);
  });

  test("what remains until remove are its files, its log and how it ended", async () => {
    const container = await bench().shell("echo kept > /tmp/file; echo said; exit 3");
    await bench().toEnd(container);

    expect(await container.info()).toMatchObject({ status: "exited", exit: { code: 3 } });
    expect(await container.wait()).toMatchObject({ code: 3 });
    const lines: string[] = [];
    for await (const { text } of container.logs()) lines.push(Buffer.from(text).toString());
    expect(lines).toEqual(["said"]);

    await container.remove();
    await expect(bench().engine.get(container.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await bench().engine.list()).map(({ id }) => id)).not.toContain(container.id);
  });

  test("a container with autoRemove goes by itself, and its name is free again", async () => {
    const name = newName();
    const container = await bench().shell("exit 4", { autoRemove: true, name });

    const { exit } = await container.start({ stdio: "pipe" });

    expect(await exit).toMatchObject({ code: 4 });
    await eventually("the container is gone", async () =>
      bench()
        .engine.get(name)
        .then(
          () => false,
          () => true,
        ),
    );
    const next = await bench().shell("true", { name });
    await next.remove();
  });

  test("what an engine does not have, a plan for it does not ask of it, and create refuses", async () => {
    const { info, engine, image } = bench();
    if (info.timeNamespaces) return;
    const plan = bench().plan({ command: ["true"] });

    await expect(
      engine.create({ ...plan, namespaces: { ...plan.namespaces, time: "private" } }, image, { imageName: "x" }),
    ).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  test("an AbortSignal ends a wait with its reason, and the program runs on", async () => {
    await using container = await bench().idle();
    const reason = new Error("enough");
    const abort = new AbortController();
    setTimeout(() => abort.abort(reason), 50);

    await expect(container.wait({ signal: abort.signal })).rejects.toBe(reason);
    await expect(container.wait({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await container.info()).toMatchObject({ status: "running" });
  });

  test("a start that is aborted before it begins makes no process", async () => {
    const mark = `MARK=${newName()}`;
    await using container = await bench().shell("sleep 60", { env: [mark] });
    const reason = new Error("enough");

    await expect(container.start({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(processesWith(mark)).toEqual([]);
  });

  test("a container ends when its scope does", async () => {
    const mark = `MARK=${newName()}`;
    const ids: string[] = [];
    {
      await using container = await bench().create({ command: ["sleep", "60"], env: [mark] });
      await container.start();
      expect(processesWith(mark)).not.toEqual([]);
      ids.push(container.id);
    }
    expect(processesWith(mark)).toEqual([]);
    for (const id of ids) await expect(bench().engine.get(id)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("ten containers at once each do their own", async () => {
    const ended = await Promise.all(Array.from({ length: 10 }, (_, i) => bench().sh(`echo ${i}; exit ${i}`)));

    expect(ended.map(({ stdout, code }) => `${stdout.trim()} ${code}`)).toEqual(ended.map((_, i) => `${i} ${i}`));
  });
}
