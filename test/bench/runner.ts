import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../interop/command.ts";
import { type Containerd, startContainerd } from "../interop/containerd.ts";
import { type Podman, startPodman } from "../interop/podman.ts";
import { missing } from "./contenders.ts";
import { hasTime, measure, type Measurement, median } from "./measure.ts";
import { table } from "./table.ts";

/*
 * `pnpm bench runner`: from the start to the end of /bin/true, without a network, the image already
 * there; through each engine by Lading's command, by its API, and by the engine's own client, in turn
 * in every round. What the API takes is measured inside a process that has run one before.
 */

interface Way {
  readonly name: string;
  readonly argv: readonly string[];
  /** How many runs the command makes, and prints the milliseconds of; else it makes one. */
  readonly inside?: number;
}

const root = join(import.meta.dirname, "../..");
const node = join(root, "node_modules/.bin/node");
const name = "localhost/bench/true:1";
const perProcess = 5;

/** Measures and prints. */
export async function benchRunner(folder: string, rounds: number): Promise<void> {
  const gone = missing(["runc", "podman", "containerd", "ctr", "busybox", "unshare"]);
  if (gone.length > 0) throw new Error(`Cannot measure: not installed: ${gone.join(", ")}`);
  const work = join(folder, "runner");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true, mode: 0o711 });
  await using podman = await startPodman();
  await using service = await podman.serve();
  await using containerd = await startContainerd();
  const archive = await buildImage(work);
  const sockets = { CONTAINER_HOST: `unix://${service.socket}`, CONTAINERD_ADDRESS: containerd.socket };
  const engines: Readonly<Record<string, readonly Way[]>> = {
    runc: [runcItself(work), ...(await ladings("runc", work, archive, sockets))],
    containerd: [await ctr(containerd, archive), ...(await ladings("containerd", work, archive, sockets))],
    podman: [await podmanItself(podman, archive), ...(await ladings("podman", work, archive, sockets))],
  };
  const runs = new Map<string, { walls: number[]; whole: Measurement[] }>();
  for (let round = 0; round < rounds; round++)
    for (const way of Object.values(engines).flat()) {
      const { walls, whole } = runs.get(way.name) ?? { walls: [], whole: [] };
      const report = join(work, "report.json");
      const measurement = measure(way.inside === undefined ? way.argv : [...way.argv, report], work);
      walls.push(way.inside === undefined ? measurement.wall * 1000 : median(JSON.parse(readFileSync(report, "utf8"))));
      runs.set(way.name, { walls, whole: [...whole, measurement] });
    }
  print(engines, runs, rounds);
  for (const engine of ["runc", "containerd", "podman"])
    await run(node, [...command, "rmi", "--engine", engine, "--root", join(work, engine), name], { env: sockets });
  rmSync(work, { recursive: true, force: true });
}

function print(
  engines: Readonly<Record<string, readonly Way[]>>,
  runs: ReadonlyMap<string, { readonly walls: readonly number[]; readonly whole: readonly Measurement[] }>,
  rounds: number,
): void {
  if (!hasTime) console.log("GNU time is not installed: no CPU, no memory");
  for (const [engine, ways] of Object.entries(engines)) {
    const base = runs.get(ways[0]?.name ?? "")?.walls ?? [];
    console.log(`\n## ${engine}: start to end of /bin/true, medians of ${rounds} rounds\n`);
    const rows = ways.map((way) => {
      const { walls, whole } = runs.get(way.name) ?? { walls: [], whole: [] };
      const memory = whole.map((each) => each.memory ?? Number.NaN);
      return [
        way.name,
        `${median(walls).toFixed(0)} (${Math.min(...walls).toFixed(0)}–${Math.max(...walls).toFixed(0)})`,
        median(walls.map((wall, at) => wall / (base[at] ?? Number.NaN))).toFixed(2),
        way.inside === undefined ? median(whole.map((each) => (each.cpu ?? Number.NaN) * 1000)).toFixed(0) : "",
        (median(memory) / (1 << 20)).toFixed(0),
      ];
    });
    console.log(table(["", "wall ms (min–max)", `× ${ways[0]?.name}`, "cpu ms", "peak MiB"], rows));
  }
}

const command = [join(root, "packages/cli/bin/lading.js")];

/** The command and the API on one engine, which is given the image first. */
async function ladings(
  engine: string,
  work: string,
  archive: string,
  env: Readonly<Record<string, string>>,
): Promise<readonly Way[]> {
  const state = join(work, engine);
  const flags = ["run", "--rm", "--engine", engine, "--root", state, "--network", "none", "--quiet"];
  await run(node, [...command, ...flags, `oci-archive:${archive}`, "/bin/true"], { env });
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  return [
    { name: `lading run, ${engine}`, argv: ["env", ...variables, node, ...command, ...flags, name, "/bin/true"] },
    {
      name: `run() of the API, ${engine}`,
      argv: [
        "env",
        ...variables,
        node,
        join(import.meta.dirname, "runner-api.ts"),
        engine,
        state,
        name,
        `${perProcess}`,
      ],
      inside: perProcess,
    },
  ];
}

/** An archive of one image: busybox, called /bin/true. */
async function buildImage(work: string): Promise<string> {
  const files = join(work, "files");
  mkdirSync(join(files, "bin"), { recursive: true });
  copyFileSync(
    execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim(),
    join(files, "bin/busybox"),
  );
  symlinkSync("busybox", join(files, "bin/true"));
  const archive = join(work, "image.tar");
  const flags = ["--from", "scratch", "--add", `${files}:/`, "--cmd", '["/bin/true"]', "--tag", name, "--quiet"];
  await run(node, [...command, "build", work, ...flags, "--output", `oci-archive:${archive}`]);
  return archive;
}

/** A bundle that lies ready, as nothing but runc needs it. */
function runcItself(work: string): Way {
  const bundle = join(work, "bundle");
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  execFileSync("cp", ["-a", `${work}/files/.`, join(bundle, "rootfs")]);
  execFileSync("runc", ["spec", "--bundle", bundle]);
  const config: { process: object } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
  config.process = { ...config.process, terminal: false, args: ["/bin/true"], rlimits: [] };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  return {
    name: "runc run",
    argv: ["runc", "--root", join(work, "runc-root"), "run", "--bundle", bundle, "bench-true"],
  };
}

async function ctr(containerd: Containerd, archive: string): Promise<Way> {
  await containerd(["--namespace", "bench", "images", "import", archive]);
  const flags = ["--address", containerd.socket, "--namespace", "bench"];
  return { name: "ctr run", argv: ["ctr", ...flags, "run", "--rm", name, "bench-true", "/bin/true"] };
}

async function podmanItself(podman: Podman, archive: string): Promise<Way> {
  await podman(["load", "--input", archive]);
  return { name: "podman run", argv: podman.command(["run", "--rm", "--network", "none", name, "/bin/true"]) };
}
