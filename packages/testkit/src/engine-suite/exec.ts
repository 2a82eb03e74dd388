import { expect, test } from "vitest";
import { type Bench, eventually, newName, outputOf } from "./bench.ts";
import { processesWith } from "./traces.ts";

/** Programs beside the container's own. */
export function exec(bench: () => Bench): void {
  test("its streams come apart, and its exit code comes back", async () => {
    await using container = await bench().idle();

    expect(await bench().exec(container, ["sh", "-c", "echo out; echo err >&2; exit 9"])).toMatchObject({
      stdout: "out\n",
      stderr: "err\n",
      code: 9,
    });
  });

  test("it reads what it is given, to its end", async () => {
    await using container = await bench().idle();
    const process = await container.exec({ command: ["wc", "-c"], interactive: true }, { stdio: "pipe" });
    process.stdin?.end(Buffer.alloc(1_000_000));

    expect((await outputOf(process)).stdout.trim()).toBe("1000000");
  });

  test("its output is whole", async () => {
    await using container = await bench().idle();

    const { stdout } = await bench().exec(container, ["seq", "1", "200000"]);

    expect(stdout.split("\n")).toHaveLength(200_001);
    expect(stdout.endsWith("\n199999\n200000\n")).toBe(true);
  });

  test("it is the container's user, in its folder, with its environment", async () => {
    await using container = await bench().idle({ user: "app", workdir: "/srv", env: ["OWN=1"] });

    const { stdout } = await bench().exec(container, ["sh", "-c", 'id; pwd; echo "$OWN $FROM_IMAGE $HOME"']);

    expect(stdout.split("\n")).toEqual([
      "uid=1000(app) gid=1000(app) groups=50(staff),1000(app)",
      "/srv",
      "1 yes /home/app",
      "",
    ]);
  });

  test("user, folder and environment of its own go over the container's", async () => {
    await using container = await bench().idle({ env: ["OWN=1", "OTHER=2"] });

    const { stdout } = await bench().exec(container, ["sh", "-c", 'id -u; id -g; pwd; echo "$OWN $OTHER $MORE"'], {
      user: "1001:50",
      workdir: "/tmp",
      env: ["OWN=x", "MORE=a b=c"],
    });

    expect(stdout).toBe("1001\n50\n/tmp\nx 2 a b=c\n");
  });

  test("it is isolated as the container is", async () => {
    await using container = await bench().idle();
    const inside = await bench().lookInto(container);
    const { stdout } = await bench().exec(container, ["cat", "/proc/1/status"]);

    const first = Object.fromEntries(stdout.split("\n").map((line) => line.split(":\t")));
    for (const key of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"])
      expect(inside.status[key], key).toBe(String(first[key]).trim());
    const { namespaces, user } = await container.isolation();
    for (const [kind, { inode }] of Object.entries(namespaces)) expect(inside.namespaces[kind], kind).toBe(inode);
    expect(user).toMatchObject({ uid: 0, gid: 0 });
    expect(inside.lines("cgroup")).toEqual(
      (await bench().exec(container, ["cat", "/proc/1/cgroup"])).stdout.trimEnd().split("\n"),
    );
  });

  test("who is not root has no capability in effect", async () => {
    await using container = await bench().idle();

    const { stdout } = await bench().exec(container, ["grep", "CapEff", "/proc/self/status"], { user: "app" });

    expect(stdout).toBe("CapEff:\t0000000000000000\n");
  });

  test("what is not there, and what cannot be executed, are told apart", async () => {
    await using container = await bench().idle();

    await expect(container.exec({ command: ["missing"] }, { stdio: "pipe" })).rejects.toMatchObject({
      code: "COMMAND_NOT_FOUND",
    });
    await expect(container.exec({ command: ["/etc/passwd"] }, { stdio: "pipe" })).rejects.toMatchObject({
      code: "COMMAND_NOT_EXECUTABLE",
    });
  });

  test("a folder that is not there is not taken for a program that is not", async () => {
    await using container = await bench().idle();

    await expect(bench().exec(container, ["pwd"], { workdir: "/missing" })).rejects.toMatchObject({ code: "ENGINE" });
  });

  test("a user who is not in the image is refused", async () => {
    await using container = await bench().idle();

    await expect(container.exec({ command: ["id"], user: "nobody" })).rejects.toMatchObject({ code: "USER" });
    await expect(container.exec({ command: ["id"], user: "4294967296" })).rejects.toMatchObject({ code: "USER" });
  });

  test("a container that does not run has no programs", async () => {
    await using container = await bench().shell("true");
    await expect(container.exec({ command: ["true"] })).rejects.toMatchObject({ code: "STATE" });

    await bench().toEnd(container);
    await expect(container.exec({ command: ["true"] })).rejects.toMatchObject({ code: "STATE" });
  });

  test("a signal ends it, and the container's own program goes on", async () => {
    await using container = await bench().idle();
    const process = await container.exec({ command: ["sleep", "60"] }, { stdio: "pipe" });

    await process.kill("SIGTERM");

    expect(await process.exit).toMatchObject({ code: 143 });
    expect(await container.info()).toMatchObject({ status: "running" });
  });

  test("it ends with its container", async () => {
    const mark = `MARK=${newName()}`;
    await using container = await bench().idle();
    const process = await container.exec({ command: ["sleep", "60"], env: [mark] }, { stdio: "pipe" });
    await eventually("it runs", async () => processesWith(mark).length === 1);

    await container.kill("SIGKILL");

    expect(await process.exit).toMatchObject({ code: 137 });
    expect(processesWith(mark)).toEqual([]);
  });

  test("its output is not in the container's log", async () => {
    await using container = await bench().idle();
    await bench().exec(container, ["echo", "aside"]);
    await container.stop();

    const lines: string[] = [];
    for await (const { text } of container.logs()) lines.push(Buffer.from(text).toString());
    expect(lines).toEqual(["ready"]);
  });

  test("eight at once each do their own", async () => {
    await using container = await bench().idle();

    const ended = await Promise.all(
      Array.from({ length: 8 }, (_, i) => bench().exec(container, ["sh", "-c", `echo ${i}; exit ${i}`])),
    );

    expect(ended.map(({ stdout, code }) => `${stdout.trim()} ${code}`)).toEqual(ended.map((_, i) => `${i} ${i}`));
  });
}
