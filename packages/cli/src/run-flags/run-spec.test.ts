import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import yargs from "yargs";
import { divideArguments } from "../program/arguments.ts";
import { Flags } from "../flags.ts";
import { runOptions } from "./run-options.ts";
import { runSpecFromFlags } from "./run-spec.ts";

async function spec(args: string[], command: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const values = await yargs([...divideArguments(args, runOptions, true).own])
    .parserConfiguration({
      "greedy-arrays": false,
      "dot-notation": false,
      "parse-numbers": false,
      "camel-case-expansion": false,
    })
    .options(runOptions)
    .fail(false)
    .parseAsync();
  return await runSpecFromFlags(new Flags(values), command, env);
}

test("without flags nothing is asked for", async () => {
  const nothing = await spec([]);
  const asked = Object.entries(nothing ?? {}).filter(
    ([, value]) =>
      value !== undefined && value !== false && JSON.stringify(value) !== "[]" && JSON.stringify(value) !== "{}",
  );
  expect(asked).toEqual([]);
});

test("docker's words become a run specification", async () => {
  const line = `
    --name web -e A=1=2 -e HERE -e UNSET -w /app -u app:www --group-add 10 --entrypoint ["node","server.js"]
    --hostname web-1 --label a=b=c -l x --cap-add NET_RAW,SYS_TIME --cap-drop=ALL
    --security-opt no-new-privileges:false --security-opt seccomp=unconfined --security-opt mask=/a:/b
    --security-opt unmask=ALL --read-only --network container:db --pid host --ipc shareable --uts ns:/proc/1/ns/uts
    --cgroupns host --timens private --uidmap 0:100000:65536 --dns 9.9.9.9 --add-host db:10.0.0.1 --add-host six=[::1]
    --device /dev/fuse:rw --ulimit nofile=10:20 --sysctl net.core.somaxconn=1024 --shm-size 1g --oom-score-adj 500
    -m 64m --memory-swap -1 --memory-reservation 32mb --cpus .5 --cpu-shares 512 --cpuset-cpus 0-1,3 --pids-limit -1
    -it --init --restart on-failure:3 --stop-signal quit --stop-timeout 3 --profile strict --best-effort -p8080:80
  `;
  expect(await spec(line.trim().split(/\s+/), ["ls", "-l"], { HERE: "there" })).toEqual({
    command: ["ls", "-l"],
    name: "web",
    env: ["A=1=2", "HERE=there"],
    workdir: "/app",
    user: "app:www",
    groups: ["10"],
    entrypoint: ["node", "server.js"],
    hostname: "web-1",
    labels: { a: "b=c", x: "" },
    capAdd: ["NET_RAW", "SYS_TIME"],
    capDrop: ["ALL"],
    noNewPrivileges: false,
    seccomp: "unconfined",
    mask: ["/a", "/b"],
    unmask: ["ALL"],
    readonlyRoot: true,
    network: { container: "db" },
    pid: "host",
    ipc: "private",
    uts: { path: "/proc/1/ns/uts" },
    cgroup: "host",
    time: "private",
    userns: {
      uidMap: [{ containerId: 0, hostId: 100_000, size: 65_536 }],
      gidMap: [{ containerId: 0, hostId: 100_000, size: 65_536 }],
    },
    mounts: [],
    allowDangerousMounts: false,
    ports: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    dns: ["9.9.9.9"],
    addHosts: ["db:10.0.0.1", "six:::1"],
    devices: [{ source: "/dev/fuse", access: "rw" }],
    ulimits: [{ name: "nofile", soft: 10, hard: 20 }],
    sysctls: { "net.core.somaxconn": "1024" },
    shmSize: 1024 ** 3,
    oomScoreAdj: 500,
    memory: 64 * 1024 ** 2,
    memorySwap: -1,
    memoryReservation: 32 * 1024 ** 2,
    cpus: 0.5,
    cpuShares: 512,
    cpuset: "0-1,3",
    pidsLimit: -1,
    terminal: true,
    interactive: true,
    init: true,
    restart: { name: "on-failure", maximum: 3 },
    stopSignal: "SIGQUIT",
    stopTimeout: 3000,
    profile: "strict",
    autoRemove: false,
    bestEffort: true,
  });
});

test.each([
  ["--memory", "64q", 'Cannot use --memory "64q": expected bytes, as in 512m or 2g'],
  ["--cpus", "many", 'Cannot use --cpus "many": expected a number of processors, as in 1.5'],
  ["--pids-limit", "1.5", 'Cannot use --pids-limit "1.5": expected a whole number of at least -1'],
  ["--oom-score-adj", "2000", 'Cannot use --oom-score-adj "2000": expected a whole number from -1000 to 1000'],
  [
    "--cpuset-cpus",
    "0..1",
    'Cannot use --cpuset-cpus "0..1": expected numbers of processors and ranges of them, as in 0-1,3',
  ],
  ["--ulimit", "nofiles=1", 'Cannot use --ulimit "nofiles=1": "nofiles" is no limit, expected as, core'],
  ["--ulimit", "nofile=2:1", 'Cannot use --ulimit "nofile=2:1": the soft limit is above the hard one'],
  ["--ulimit", "nofile", "expected NAME=SOFT[:HARD]"],
  ["--device", "fuse", "expected SOURCE[:DESTINATION[:ACCESS]]"],
  ["--device", "/dev/a:/dev/b:rx", '"rx" is no access'],
  ["--sysctl", "a", 'Cannot use --sysctl "a": expected NAME=VALUE'],
  ["--env", "=x", 'Cannot use --env "=x": expected NAME=value'],
  ["--env-file", "/missing", 'Cannot use --env-file "/missing"'],
  ["--network", "brige", 'Cannot use --network "brige": expected none, bridge or host'],
  ["--network", "slirp4netns:mtu=1", "that is podman's alone"],
  ["--pid", "ns:proc", "expected an absolute path after the colon"],
  ["--ipc", "container:", "expected the name or ID of a container"],
  ["--userns", "keep-id:uid=1", "options after the colon cannot be had"],
  ["--userns", "nomap", "expected host, auto or keep-id"],
  ["--uidmap", "0:1", undefined],
  ["--uidmap", "0-1", "expected CONTAINER:HOST:SIZE"],
  ["--uidmap", "0:4294967295:2", "ids are 0 to 4294967295"],
  ["--restart", "allways", 'Cannot use --restart "allways": expected no, always, on-failure or unless-stopped'],
  ["--restart", "always:3", "only on-failure has a number of times"],
  ["--stop-signal", "SIGTREM", 'Cannot use --stop-signal "SIGTREM": there is no such signal'],
  ["--security-opt", "secomp=x", '"secomp" is no security option'],
  ["--security-opt", "apparmor=mine", "this version sets no AppArmor profile"],
  ["--security-opt", "apparmor=unconfined", undefined],
  ["--security-opt", "seccomp=/missing.json", 'Cannot use --security-opt "seccomp=/missing.json"'],
  ["--security-opt", "no-new-privileges=maybe", '"maybe" is no choice, expected true or false'],
  ["--add-host", "db", "expected NAME:ADDRESS"],
  ["--add-host", "db:there", '"there" is no address'],
  ["--dns", "resolver", "expected an address"],
  ["--hostname", "a_b", "expected at most 64 letters"],
  ["--name", "-x", undefined],
  ["--name", "a/b", 'Cannot use --name "a/b": expected letters'],
  ["--entrypoint", "[1]", "expected a JSON array of strings"],
  ["--entrypoint", "[a", "it is not valid JSON"],
])("%s %s: %s", async (flag, value, message) => {
  const parsed = spec([`${flag}=${value}`]);
  if (message === undefined && value !== "-x") await expect(parsed).resolves.toBeDefined();
  else await expect(parsed).rejects.toThrow(expect.objectContaining({ name: "UsageError" }));
  if (message !== undefined) await expect(parsed).rejects.toThrow(message);
});

test("what would be removed cannot start again", async () => {
  await expect(spec(["--rm", "--restart", "always"])).rejects.toThrow("Cannot use --rm with --restart always");
  await expect(spec(["--rm", "--restart", "no"])).resolves.toBeDefined();
});

test("an --env-file is read as docker reads it, and the command line wins", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "env");
  await writeFile(file, `# a comment\n\n  A=1\nQUOTED="kept" \nHERE\nUNSET\nHASH=a#b\r\n`);

  expect(await spec(["-e", "A=2", "--env-file", file], [], { HERE: "there" })).toMatchObject({
    env: ["A=1", 'QUOTED="kept" ', "HERE=there", "HASH=a#b", "A=2"],
  });

  await writeFile(file, "A=1\nB C=1\n");
  await expect(spec(["--env-file", file])).rejects.toThrow(`line 2 is "B C=1", expected NAME=value`);
});

test("a seccomp profile is read from its file, in docker's format", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "seccomp.json");
  const rule = { names: ["mount"], action: "SCMP_ACT_ERRNO", args: null, includes: { caps: ["CAP_SYS_ADMIN"] } };
  await writeFile(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] }));
  expect(await spec(["--security-opt", `seccomp=${file}`])).toMatchObject({
    seccomp: { syscalls: [{ ...rule, args: undefined }] },
  });

  await writeFile(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: "mount" }] }));
  await expect(spec(["--security-opt", `seccomp=${file}`])).rejects.toThrow(
    expect.objectContaining({
      cause: expect.objectContaining({ message: expect.stringContaining("syscalls.0.names") }),
    }),
  );
});
