import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandEngines } from "../cli/command-engines.ts";
import { containerBox } from "../cli/container-box.ts";
import { workspace } from "../cli/workspace.ts";
import { attempt as run, isRoot } from "../interop/command.ts";
import { ladingCommand } from "../interop/lading.ts";
import { asNobody, attempt, expectRefusal } from "./attempt.ts";

const image = "oci-archive:image.tar";

test.each([
  [["run"], 'Cannot run "lading run" without all its arguments'],
  [["run", "--nmae", "x", image], "Unknown option --nmae"],
  [["run", "--memory", "64q", image], 'Cannot use --memory "64q": expected bytes'],
  [["run", "--rm", "--restart", "always", image], "Cannot use --rm with --restart always"],
  [["run", "-it", image], "the input device is not a TTY"],
  [["run", "--json", image], "Cannot use --json without --detach"],
  [["run", "--network", "brigde", image], 'Cannot use --network "brigde": expected none, bridge or host'],
  [["run", "-v", "/data", image], "a volume needs a name"],
  [["run", "--platform", "linux/pdp11/x/y", image], "Cannot parse platform"],
  [["run", "-p", "80:80:80:80", image], "Cannot use --publish"],
  [["run", "--pull", "sometimes", image], "expected one of"],
  [["run", "--env-file", "missing", image], 'Cannot use --env-file "missing"'],
  [["run", "-itx", image], "Unknown option -x"],
  [["run", "--name", "../x", image], 'Cannot use --name "../x"'],
  [["exec", "web"], 'Cannot run anything in "web"'],
] as const)("%j is refused with docker's exit code, before any engine is asked", async (args, says) => {
  await using place = await workspace();

  const outcome = await attempt(place, args, { env: { LADING_ROOT: join(place.path, "state") } });

  expect(outcome.status).toBe(125);
  expect(outcome.stdout).toBe("");
  expect(outcome.stderr).toMatch(/^error: \S/);
  expect(outcome.stderr).toContain(says);
});

test.each([
  [["ps", "--filter", "colour=red"], '"colour" is no key, expected name, id'],
  [["ps", "--filter", "status=runing"], '"runing" is no status'],
  [["logs", "--since", "yesterday", "x"], 'Cannot use --since "yesterday": expected a time'],
  [["logs", "--tail", "few", "x"], 'Cannot use --tail "few": expected a whole number'],
  [["kill", "-s", "SIGTREM", "x"], "there is no such signal"],
  [["stop", "-t", "soon", "x"], 'Cannot use --time "soon": expected a whole number'],
  [["kill", "-x", "web"], "Unknown option -x"],
  [["stop"], "Cannot stop anything: no container is named"],
  [["wait"], 'Cannot run "lading wait" without all its arguments'],
  [["cp", "a", "b"], "one side is CONTAINER:PATH"],
  [["port", "x", "http"], 'Cannot use --port "http": expected PORT[/udp]'],
] as const)("%j is wrong usage", async (args, says) => {
  await using place = await workspace();

  expectRefusal(await attempt(place, args, { env: { LADING_ROOT: join(place.path, "state") } }), { status: 2, says });
});

test.each(["logs", "stop", "kill", "wait", "rm", "start", "port", "stats", "exec"])(
  "%s of a container that is not there says so",
  async (command) => {
    await using place = await workspace();
    const args = command === "exec" ? [command, "missing", "true"] : [command, "missing"];

    const outcome = await attempt(place, args, { env: { LADING_ROOT: join(place.path, "state") } });

    expect(outcome.status).toBe(command === "exec" ? 125 : 1);
    expect(outcome.stderr).toContain('Cannot find container "missing"');
  },
);

test.runIf(isRoot)("without any engine every probe says why it failed", async () => {
  const env = { CONTAINER_HOST: "unix:///nowhere/podman", CONTAINERD_ADDRESS: "/nowhere/containerd", HOME: "/nowhere" };
  const [command = "", ...before] = asNobody;

  const { status, stderr } = await run(command, [...before, ladingCommand, "run", "acme/app:1"], { cwd: "/", env });

  expect(status).toBe(125);
  expect(stderr).toContain("Cannot run containers: no engine is here");
  for (const words of ["runc", "/nowhere/podman", "containerd"]) expect(stderr).toContain(words);
});

test("an engine that was asked for and is not here says why", async () => {
  const env = { CONTAINER_HOST: "unix:///nowhere/podman" };

  const { status, stderr } = await run(ladingCommand, ["run", "--engine", "podman", "acme/app:1"], { env });

  expect(status).toBe(125);
  expect(stderr).toContain('CONTAINER_HOST="unix:///nowhere/podman"');
});

describe.each(commandEngines)("$name", ({ start }) => {
  let started: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => void (started = await start()));
  afterAll(async () => await started[Symbol.asyncDispose]());
  const box = async () => await containerBox(started.env);

  test.each([
    ["a bind source that is not there", ["-v", "/missing/here:/x"], '"/missing/here"'],
    ["a user that the image does not have", ["-u", "nobody"], '"nobody"'],
    ["a device that is not there", ["--device", "/dev/missing"], "/dev/missing"],
    ["a container that is not there to join", ["--network", "container:missing"], '"missing"'],
    ["a mount that hands over the machine", ["-v", "/:/host"], "/"],
  ])("%s is told in words", async (_, flags, words) => {
    await using here = await box();

    const { status, stdout, stderr } = await here.run([...flags], ["true"]);

    expect({ status, stdout }).toEqual({ status: 125, stdout: "" });
    expect(stderr).toMatch(/^error: \S/);
    expect(stderr).toContain(words);
    expect((await here.lading(["ps", "-aq"])).stdout).toBe("");
  });

  test("what cannot be started has docker's exit codes, and leaves no container", async () => {
    await using here = await box();

    expect((await here.run([], ["missing"])).status).toBe(127);
    expect((await here.run([], ["/etc/passwd"])).status).toBe(126);
    expect((await here.run(["-d", "--name", "x"], ["missing"])).status).toBe(127);
    expect((await here.lading(["ps", "-aq"])).stdout).toBe("");
  });

  test("a name that is taken is told, and the other container stays as it is", async () => {
    await using here = await box();
    await here.run(["-d", "--name", "web"], ["sleep", "100"]);

    const { status, stderr } = await here.run(["-d", "--name", "web"], ["sleep", "100"]);

    expect(status).toBe(125);
    expect(stderr).toContain('"web"');
    expect((await here.lading(["ps", "-q"])).stdout.trim().split("\n")).toHaveLength(1);
  });

  test("of a name that was nearly written the right one is told", async () => {
    await using here = await box();
    await here.run(["-d", "--name", "webserver"], ["sleep", "100"]);

    expect((await here.lading(["stop", "webservr"])).stderr).toContain("Did you mean webserver?");
  });

  test("a port that is taken is told, and nothing is left", async () => {
    await using here = await box();
    const server = createServer().listen(0, "0.0.0.0");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;

    const { status, stderr } = await here.run(["-d", "-p", `${port}:80`], ["sleep", "100"]);
    server.close();

    expect(status).toBe(125);
    expect(stderr).toContain(String(port));
    expect((await here.lading(["ps", "-aq"])).stdout).toBe("");
  });

  test("an image of another processor is refused before it is unpacked", async () => {
    await using here = await box();
    const other = process.arch === "arm64" ? "s390x" : "riscv64";
    await here.work.lading(["build", "-q", "-o", "oci-archive:other.tar", "--platform", `linux/${other}`]);

    const { status, stderr } = await here.lading(["run", "oci-archive:other.tar", "true"]);

    expect(status).toBe(125);
    expect(stderr).toContain(`linux/${other}`);
  });

  test("an image that is nowhere is told", async () => {
    await using here = await box();

    const never = await here.lading(["run", "--pull", "never", "acme/other:1"]);
    const missing = await here.lading(["run", "127.0.0.1:1/acme/other:1"]);
    await writeFile(join(here.work.path, "no.tar"), "no archive");
    const damaged = await here.lading(["run", "oci-archive:no.tar"]);

    expect(never).toMatchObject({ status: 125, stderr: expect.stringContaining('Cannot run "acme/other:1"') });
    expect(missing).toMatchObject({ status: 125, stderr: expect.stringContaining("127.0.0.1:1/acme/other:1") });
    expect(damaged).toMatchObject({ status: 125, stderr: expect.stringMatching(/^error: /) });
  });

  test("a command in a container that does not run is refused", async () => {
    await using here = await box();
    await here.run(["--name", "done"], ["true"]);

    expect(await here.lading(["exec", "done", "true"])).toMatchObject({ status: 125 });
    expect(await here.lading(["kill", "done"])).toMatchObject({ status: 1 });
  });
});
