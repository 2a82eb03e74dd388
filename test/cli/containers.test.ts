import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { attempt, run } from "../interop/command.ts";
import { ladingCommand } from "../interop/lading.ts";
import { commandEngines } from "./command-engines.ts";
import { type ContainerBox, containerBox } from "./container-box.ts";

const infoSchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  engine: z.string(),
  ports: z.array(z.object({ hostPort: z.number(), containerPort: z.number() })),
});
// Other processes have work as well.
const patience = { timeout: 20_000 };
const none = ["--network", "none"];

describe.each(commandEngines)("$name", ({ name: engine, start }) => {
  let started: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => void (started = await start()));
  afterAll(async () => await started[Symbol.asyncDispose]());
  const box = async () => await containerBox(started.env);

  test("build --load gives an engine the image under its names, once, and copy does so from a file", async () => {
    await using here = await box();
    const built = async () => JSON.parse((await here.lading(["build", "--load", engine, "--json"])).stdout) as unknown;

    expect(await built()).toMatchObject({ outputs: [{ place: engine, unchanged: false }] });
    expect(await built()).toMatchObject({ outputs: [{ place: engine, unchanged: true }] });
    expect(
      await here.lading(["run", "--rm", "--pull", "never", "--network", "none", "acme/box:1", "echo", "hi"]),
    ).toEqual({
      status: 0,
      stdout: "hi\n",
      stderr: "",
    });
    expect(await here.work.names()).not.toContain("box.tar");
    if (engine === "runc") return;
    expect((await here.lading(["copy", here.image, `${engine}:acme/other:2`])).status).toBe(0);
    expect((await here.lading(["images"])).stdout).toMatch(/^docker\.io\/acme\/other +2 /m);
    expect((await here.lading(["rmi", "acme/other:2"])).status).toBe(0);
  });

  test("build --watch --load gives an engine each edit, and takes the image before away", async () => {
    await using here = await box();
    const edited = join(here.work.path, "root/etc/edited");
    const unnamed = async (): Promise<readonly string[]> =>
      z
        .array(z.object({ id: z.string(), names: z.array(z.string()) }))
        .parse(JSON.parse((await here.lading(["images", "--json"])).stdout))
        .flatMap(({ id, names }) => (names.length === 0 ? [id] : []));
    expect((await here.lading(["build", "-q", "--load", engine])).status).toBe(0);
    const before = await unnamed();
    const watch = here.begin(["build", "--watch", "--load", engine]);
    await watch.wrote("sha256:");
    const shown = async (): Promise<string> =>
      (await here.lading(["run", "--rm", "--pull", "never", ...none, "acme/box:1", "cat", "/etc/edited"])).stdout;
    for (const text of ["1", "2", "3"]) {
      await writeFile(edited, text);
      await expect.poll(shown, patience).toBe(text);
    }
    process.kill(watch.pid, "SIGINT");
    expect(await watch.outcome).toMatchObject({ status: 130 });

    expect(await unnamed()).toEqual(before);
    if (engine === "runc") expect(await readdir(join(here.work.path, "state/trees"))).toHaveLength(1);
    expect((await here.lading(["rmi", "acme/box:1"])).status).toBe(0);
  });

  test("run gives the program's output and exit code, and with --rm leaves nothing", async () => {
    await using here = await box();

    const outcome = await here.run(["--rm", "-e", "A=1"], ["sh", "-c", "echo $A $0; echo err >&2; exit 7", "--json"]);

    expect(outcome).toEqual({ status: 7, stdout: "1 --json\n", stderr: "err\n" });
    expect((await here.lading(["ps", "-aq"])).stdout).toBe("");
    expect(await readFile("/proc/self/mounts", "utf8")).not.toContain(here.work.path);
  });

  test("a container is run in the background, looked at, stopped, started again and removed", async () => {
    await using here = await box();
    const script = 'trap "exit 0" TERM; echo begun; echo oops >&2; while :; do sleep 0.1; done';

    const { status, stdout } = await here.run(["-d", "--name", "web", "--label", "app=web"], ["sh", "-c", script]);
    expect(status).toBe(0);
    const id = stdout.trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);

    const listed = await here.lading(["ps"]);
    expect(listed.stdout).toMatch(/^CONTAINER ID {2}IMAGE {2}/);
    expect(listed.stdout).toContain(id.slice(0, 12));
    expect(listed.stdout).toMatch(/acme\/box:1.*Up .*web$/m);
    expect((await here.lading(["ps", "-q", "--no-trunc", "--filter", "label=app=web"])).stdout).toBe(`${id}\n`);
    expect((await here.lading(["ps", "-q", "--filter", "label=app=db"])).stdout).toBe("");

    // Its output is written by somebody else.
    await expect.poll(async () => (await here.lading(["logs", "web"])).stdout, patience).toBe("begun\n");
    expect(await here.lading(["logs", "web"])).toEqual({ status: 0, stdout: "begun\n", stderr: "oops\n" });
    expect((await here.lading(["logs", "-t", "--tail", "2", id.slice(0, 8)])).stderr).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z oops\n$/,
    );

    expect(await here.lading(["exec", "-e", "A=1", "-w", "/tmp", "web", "sh", "-c", "echo $A $PWD; exit 3"])).toEqual({
      status: 3,
      stdout: "1 /tmp\n",
      stderr: "",
    });

    expect(await here.lading(["stop", "web"])).toEqual({ status: 0, stdout: "web\n", stderr: "" });
    expect((await here.lading(["ps"])).stdout).not.toContain("web");
    expect((await here.lading(["ps", "-a"])).stdout).toMatch(/Exited \(0\) .*web$/m);
    expect(await here.lading(["wait", "web"])).toMatchObject({ status: 0, stdout: "0\n" });

    // The second time it runs already, which is as it should be.
    for (let time = 0; time < 2; time++)
      expect(await here.lading(["start", "web"])).toMatchObject({ status: 0, stdout: "web\n" });
    expect(await here.lading(["rm", "web"])).toMatchObject({ status: 1, stdout: "" });
    expect(await here.lading(["rm", "-f", "web"])).toMatchObject({ status: 0, stdout: "web\n" });
    expect((await here.lading(["ps", "-aq"])).stdout).toBe("");
  });

  test("what a command writes is not lost when it ends at once", async () => {
    await using here = await box();
    await here.run(["-d", "--name", "web"], ["sleep", "100"]);

    for (let round = 0; round < 8; round++)
      expect((await here.lading(["exec", "web", "echo", "written"])).stdout).toBe("written\n");
  });

  test("one container that is not there does not keep the others from being stopped", async () => {
    await using here = await box();
    for (const name of ["a", "b"]) await here.run(["-d", "--name", name], ["sleep", "100"]);

    const stopped = await here.lading(["stop", "-t", "0", "a", "missing", "b"]);

    expect(stopped).toMatchObject({ status: 1, stdout: "a\nb\n" });
    expect(stopped.stderr).toContain('Cannot find container "missing"');
    expect((await here.lading(["ps", "-q"])).stdout).toBe("");
  });

  test("kill sends a signal by name or number, and ps tells of it", async () => {
    await using here = await box();
    await here.run(["-d", "--name", "job"], ["sh", "-c", 'trap "exit 9" USR1; while :; do sleep 0.1; done']);

    // As process 1 it would not notice the signal before its handler is there.
    await expect
      .poll(async () => {
        await here.lading(["kill", "-s", "USR1", "job"]);
        return (await here.lading(["ps", "-a"])).stdout;
      }, patience)
      .toMatch(/Exited \(9\)/);
    expect((await here.lading(["kill", "-s10", "job"])).stderr).toContain("job");
  });

  test("documents are JSON", async () => {
    await using here = await box();
    const made = await here.run(["-d", "--json", "--name", "web", "--cap-drop", "ALL"], ["sleep", "100"]);

    const document = z
      .object({
        ...infoSchema.shape,
        isolation: z.object({ capabilities: z.object({ bounding: z.array(z.string()) }) }),
      })
      .parse(JSON.parse(made.stdout));
    expect(document).toMatchObject({ name: "web", engine, status: "running" });
    expect(document.isolation.capabilities.bounding).toEqual([]);

    const [listed] = z.array(infoSchema).parse(JSON.parse((await here.lading(["ps", "--json"])).stdout));
    expect(listed).toMatchObject({ id: document.id, status: "running" });
    const inspected = z
      .object({ ...infoSchema.shape, plan: z.object({ args: z.array(z.string()) }), isolation: z.object({}) })
      .parse(JSON.parse((await here.lading(["inspect", "--json", "web"])).stdout));
    expect(inspected).toMatchObject({ id: document.id, plan: { args: ["sleep", "100"] } });
    const line: unknown = JSON.parse((await here.lading(["stats", "--no-stream", "--json"])).stdout);
    expect(line).toMatchObject({ id: document.id, name: "web", stats: { pids: 1 } });
    const removed: unknown = JSON.parse((await here.lading(["rm", "-f", "--json", "web", "x"])).stdout);
    expect(removed).toEqual([
      { name: "web", result: "web" },
      { name: "x", result: "x" },
    ]);
  });

  test("inspect tells how isolated a container is, as the kernel has it", async () => {
    await using here = await box();
    await here.run(["-d", "--name", "tight", "--profile", "strict", "--memory", "64m"], ["sleep", "100"]);

    const { stdout } = await here.lading(["inspect", "tight"]);

    expect(stdout).toMatch(/^ {2}capabilities +none$/m);
    expect(stdout).toMatch(/^ {2}no new privileges +yes$/m);
    expect(stdout).toMatch(/^ {2}root +read-only$/m);
    expect(stdout).toMatch(/^ {2}memory +67\.1 MB$/m);
    expect((await here.lading(["inspect", "--type", "image", "oci-archive:image.tar"])).stdout).toContain("acme/box:1");
  });

  test("Ctrl-C ends a program that has no handler for it, and leaves nothing", async () => {
    await using here = await box();
    const running = here.begin(["run", "--rm", ...none, here.image, "sh", "-c", "echo begun; exec sleep 100"]);
    await running.wrote("begun");

    process.kill(running.pid, "SIGINT");

    expect(await running.outcome).toMatchObject({ status: 130, stderr: "" });
    expect((await here.lading(["ps", "-aq"])).stdout).toBe("");
    expect(await readFile("/proc/self/mounts", "utf8")).not.toContain(here.work.path);
  });

  test("signals reach a program that has handlers for them, and its exit code is kept", async () => {
    await using here = await box();
    const script = 'trap "echo hup" HUP; trap "exit 5" TERM; echo begun; while :; do sleep 0.05; done';
    const running = here.begin(["run", "--rm", ...none, here.image, "sh", "-c", script]);
    await running.wrote("begun");

    process.kill(running.pid, "SIGHUP");
    await running.wrote("hup");
    process.kill(running.pid, "SIGTERM");

    expect(await running.outcome).toMatchObject({ status: 5, stdout: "begun\nhup\n" });
  });

  test("with a terminal the program has this one, in its size", async () => {
    await using here = await box();
    const run = `${ladingCommand} run --rm -q -it --network none ${here.image}`;

    expect(await inTerminal(here, `${run} sh -c 'stty size; tty; exit 4'`)).toEqual({
      status: 4,
      // A terminal echoes the end of its input before.
      stdout: expect.stringContaining("33 77\n/dev/pts/0\n"),
    });
  });

  test("a command in a container has this terminal as well, in its size", async () => {
    await using here = await box();
    await here.run(["-d", "--name", "web"], ["sleep", "100"]);

    expect(await inTerminal(here, `${ladingCommand} exec -it web sh -c 'stty size; exit 4'`)).toEqual({
      status: 4,
      stdout: expect.stringContaining("33 77\n"),
    });
  });

  test("whoever does not read on ends the program, and nothing of it is left", async () => {
    await using here = await box();
    const run = `${ladingCommand} run --rm -q --network none ${here.image} sh -c 'while :; do echo y; done'`;

    const { stdout } = await attempt("sh", ["-c", `${run} | head -n 1`], { cwd: here.work.path, env: here.env });

    expect(stdout).toBe("y\n");
    // `head` ends before.
    await expect.poll(async () => (await here.lading(["ps", "-aq"])).stdout, patience).toBe("");
  });

  test("-t without a terminal here gives it one, and its output", async () => {
    await using here = await box();

    expect(await here.run(["--rm", "-t"], ["tty"])).toEqual({ status: 0, stdout: "/dev/pts/0\r\n", stderr: "" });
  });

  test("standard input is the program's with -i, and empty without", async () => {
    await using here = await box();
    const options = { cwd: here.work.path, input: Buffer.from("hello\n") };
    const { env } = here;

    const given = await attempt(ladingCommand, ["run", "--rm", "-i", ...none, here.image, "cat"], { ...options, env });
    const without = await attempt(ladingCommand, ["run", "--rm", ...none, here.image, "cat"], { ...options, env });

    expect(given.stdout).toBe("hello\n");
    expect(without.stdout).toBe("");
  });

  test("a folder is built and run in one go", async () => {
    await using here = await box();

    expect(await here.lading(["run", "--rm", "-q", ...none, ".", "echo", "built"])).toEqual({
      status: 0,
      stdout: "built\n",
      stderr: "",
    });
    expect((await here.lading(["images"])).stdout).toMatch(/^docker\.io\/acme\/box +1 /m);
  });

  test("an image that only has a tag in its layout gets no name by it", async () => {
    await using here = await box();
    await here.lading(["copy", "-q", here.image, "oci:layout:1"]);

    const ran = await here.lading(["run", "--rm", ...none, "oci:layout:1", "echo", "hi"]);

    expect(ran).toEqual({ status: 0, stdout: "hi\n", stderr: "" });
    expect((await here.lading(["images"])).stdout).not.toMatch(/^(?:docker\.io\/library\/)?1 /m);
  });

  test("an image that is there needs no registry, and can be taken away", async () => {
    await using here = await box();
    await here.run(["--rm"], ["true"]);

    expect(await here.lading(["run", "--rm", ...none, "--pull", "never", "acme/box:1", "echo", "there"])).toMatchObject(
      {
        status: 0,
        stdout: "there\n",
      },
    );
    const [id = ""] = (await here.lading(["images", "-q"])).stdout.split("\n");
    expect(await here.lading(["run", "--rm", ...none, "--pull", "never", id, "echo", "by id"])).toMatchObject({
      stdout: "by id\n",
    });

    const removed = await here.lading(["rmi", "acme/box:1"]);
    expect(removed).toMatchObject({ stderr: "", status: 0, stdout: "acme/box:1\n" });
    expect((await here.lading(["images", "-q"])).stdout).toBe("");
  });

  test("files are copied in and out, of a container that runs and of one that does not", async () => {
    await using here = await box();
    await here.work.write({ "site/index": "hello" });
    await here.run(["-d", "--name", "web"], ["sleep", "100"]);

    expect(await here.lading(["cp", "site/.", "web:/srv"])).toMatchObject({ status: 0 });
    expect((await here.lading(["exec", "web", "cat", "/srv/index"])).stdout).toBe("hello");
    await here.lading(["stop", "-t", "0", "web"]);
    expect(await here.lading(["cp", "web:/srv/index", "out"])).toMatchObject({ status: 0 });

    expect(await here.work.read("out")).toBe("hello");
  });

  test("volumes, files of this machine and file systems in memory are mounted as it was said", async () => {
    await using here = await box();
    await mkdir(join(here.work.path, "data"));
    await writeFile(join(here.work.path, "data/note"), "here\n");
    const flags = ["--rm", "-v", "./data:/data:ro", "-v", "kept:/kept", "--tmpfs", "/mem:size=64k"];

    const first = await here.run(flags, ["sh", "-c", "cat /data/note; echo x > /kept/x; touch /mem/y; touch /data/z"]);
    const second = await here.run(flags, ["sh", "-c", "cat /kept/x; ls /mem"]);

    expect(first.stdout).toBe("here\n");
    expect(first.stderr).toContain("Read-only file system");
    expect(second.stdout).toBe("x\n");
    expect(existsSync(join(here.work.path, "data/z"))).toBe(false);
  });

  test("a --cidfile holds the ID, and is never written over", async () => {
    await using here = await box();

    const { stdout } = await here.run(["-d", "--cidfile", "id"], ["sleep", "100"]);

    expect(`${await here.work.read("id")}\n`).toBe(stdout);
    expect(await here.run(["-d", "--cidfile", "id"], ["sleep", "100"])).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('Cannot use --cidfile "id": it is there already'),
    });
  });
});

/** Runs a command in a terminal of 33 lines and 77 columns. */
async function inTerminal(
  { work, env }: ContainerBox,
  command: string,
): Promise<{ readonly status: number | null; readonly stdout: string }> {
  const script = ["-qec", `stty rows 33 cols 77; ${command}`, "/dev/null"];
  const { stdout, status } = await attempt("script", script, { cwd: work.path, env });
  return { status, stdout: stdout.replaceAll("\r", "") };
}

test("doctor tells of every engine, and why it is not there", async () => {
  const { stdout } = await attempt(ladingCommand, ["doctor"], { env: { NO_COLOR: "1" } });
  // Debian 12's, as it tells itself.
  if (/^. runc +1\.1\.5/m.test(stdout)) expect(stdout).toContain("CVE-2024-21626: with runc 1.1.5");
  for (const name of ["podman", "containerd", "runc"]) expect(stdout).toMatch(new RegExp(`^[✔–] ${name} `, "m"));
});

test("help of run is in parts, and -h is the hostname there", async () => {
  const { stdout } = await attempt(ladingCommand, ["run", "--help"]);
  for (const part of ["What runs:", "Files:", "Network:", "Isolation:", "Limits:", "Where:"])
    expect(stdout).toContain(`\n${part}\n`);
  expect(stdout).toContain("-h, --hostname");
  expect(await run(ladingCommand, ["--help"])).toMatch(/^Containers:\n {2}lading run /m);
});
