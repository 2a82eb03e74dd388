import { spawnSync } from "node:child_process";
import { appendFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchBundle } from "./bundle.ts";
import { cleared, type Contender, fresh, missing, oneChanged, startUp, unchanged } from "./contenders.ts";
import { hasTime, measure, type Measurement, median } from "./measure.ts";
import { benchDockerfile } from "./dockerfile.ts";
import { benchFrontEnds } from "./front-ends.ts";
import { benchRegistry } from "./registry.ts";
import { benchRunner } from "./runner.ts";
import { benchSbom } from "./sbom.ts";
import { table } from "./table.ts";
import { prepare, type Workload, workloads } from "./workloads.ts";

/*
 * `pnpm bench`: builds by Lading and the peers that are installed, one after the other in every round, so that
 * a machine's moods fall on all of them. Ratios are medians of each round's ratio to umoci.
 */

const { values, positionals } = parseArgs({
  // pnpm hands on the "--" before a script's own flags.
  args: process.argv.slice(2).filter((arg) => arg !== "--"),
  allowPositionals: true,
  options: {
    only: { type: "string", multiple: true },
    rounds: { type: "string", default: "5" },
    dir: { type: "string", default: join(tmpdir(), "lading-bench") },
  },
});
const rounds = Number(values.rounds);
const chosen = workloads.filter(({ name }) => values.only === undefined || values.only.includes(name));
const subject = positionals[0] ?? "build";
if (
  chosen.length === 0 ||
  !(rounds >= 1) ||
  positionals.length > 1 ||
  !["build", "front-ends", "registry", "runner", "trust"].includes(subject)
) {
  console.error(
    `Usage: pnpm bench [build|front-ends|registry|runner|trust] [--only ${workloads.map(({ name }) => name).join("|")}]… [--rounds N] [--dir FOLDER]`,
  );
  process.exit(2);
}

const reference = "umoci insert";
const runs = new Map<string, Measurement[]>();

console.log(`${availableParallelism()} processors, ${cpus()[0]?.model ?? "unknown"}; medians of ${rounds} rounds`);
console.log(
  hasTime
    ? "CPU and memory by GNU time (the whole process tree; the largest process)"
    : "GNU time is not installed: no CPU, no memory",
);
if (subject === "front-ends") {
  benchDockerfile(values.dir, rounds);
  benchFrontEnds(values.dir, rounds);
} else if (subject === "trust") {
  benchSbom(values.dir, rounds);
  benchBundle(values.dir, rounds);
} else if (subject === "registry") await benchRegistry(values.dir, rounds);
else if (subject === "runner") await benchRunner(values.dir, rounds);
else {
  benchStartUp();
  for (const workload of chosen) benchWorkload(workload);
}

function benchStartUp(): void {
  console.log("\n## Start-up\n");
  for (let round = 0; round < 4 * rounds; round++) {
    for (const [name, argv] of Object.entries(startUp)) record(`start ${name}`, measure(argv, tmpdir()));
  }
  const rows = Object.entries(startUp).map(([name, argv]) => {
    const walls = wallsOf(`start ${name}`);
    return [
      argv
        .slice(-2)
        .join(" ")
        .replace(/^.*lading\.js/, "lading"),
      ms(median(walls)),
      ratio(walls, wallsOf("start node")),
    ];
  });
  console.log(table(["command", "wall ms", "× node -e 0"], rows));
}

function benchWorkload(workload: Workload): void {
  console.log(`\n## ${workload.name}: ${workload.title}\n`);
  const source = prepare(workload, values.dir);
  const contenders = fresh.filter((contender) => {
    const absent = missing(contender.needs);
    if (absent.length > 0) console.log(`${contender.name}: left out, ${absent.join(" and ")} not installed`);
    return absent.length === 0;
  });
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      const work = cleared(join(values.dir, "work"));
      run(contender, workload, source, work, round === 0);
      // The same folder again: the next build knows the layers.
      if (contender.name !== "lading") continue;
      run(unchanged, workload, source, work);
      const small = join(source, workload.small);
      const { size } = statSync(small);
      appendFileSync(small, "\n");
      run(oneChanged, workload, source, work);
      truncateSync(small, size);
    }
  }
  cleared(join(values.dir, "work"));
  rmSync(join(values.dir, "work"), { recursive: true });
  report(workload, [...contenders, unchanged, oneChanged]);
}

function run(contender: Contender, workload: Workload, source: string, work: string, judge = false): void {
  const output = join(work, "out.tar");
  // Files come from memory for everyone; whoever is first would pay for the disk.
  spawnSync("sh", ["-c", 'tar -cf - "$0" | cat >/dev/null', source]);
  record(`${workload.name} ${contender.name}`, measure(contender.argv({ workload, source, work }), work, output));
  if (!judge || !contender.archive || missing(["skopeo"]).length > 0) return;
  const verdict = spawnSync("skopeo", ["inspect", `oci-archive:${output}`], { encoding: "utf8" });
  if (verdict.status !== 0) throw new Error(`skopeo refuses the archive of ${contender.name}: ${verdict.stderr}`);
}

function report(workload: Workload, contenders: readonly Contender[]): void {
  const base = wallsOf(`${workload.name} ${reference}`);
  const rows = contenders.map(({ name }) => {
    const all = runs.get(`${workload.name} ${name}`) ?? [];
    const walls = all.map(({ wall }) => wall);
    return [
      name,
      `${median(walls).toFixed(2)} (${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)})`,
      ratio(walls, base),
      middle(
        all.map(({ cpu }) => cpu),
        1,
        2,
      ),
      middle(
        all.map(({ memory }) => memory),
        1 << 20,
        0,
      ),
      middle(
        all.map(({ size }) => size),
        1e6,
        1,
      ),
    ];
  });
  const node = wallsOf("start node");
  console.log(table(["", "wall s (min–max)", `× ${reference}`, "cpu s", "peak MiB", "output MB"], rows));
  const small = wallsOf(`${workload.name} lading`);
  if (workload.name === "W3") console.log(`\nlading: ${(median(small) / median(node)).toFixed(1)} × node -e 0`);
}

function record(key: string, measurement: Measurement): void {
  runs.set(key, [...(runs.get(key) ?? []), measurement]);
}

function wallsOf(key: string): number[] {
  return (runs.get(key) ?? []).map(({ wall }) => wall);
}

/** The median of the rounds' ratios. */
function ratio(walls: readonly number[], base: readonly number[]): string {
  return base.length === 0 ? "" : median(walls.map((wall, round) => wall / (base[round] ?? Number.NaN))).toFixed(2);
}

function middle(numbers: readonly (number | undefined)[], unit: number, digits: number): string {
  const known = numbers.filter((number) => number !== undefined);
  return known.length === 0 ? "" : (median(known) / unit).toFixed(digits);
}

function ms(seconds: number): string {
  return (seconds * 1000).toFixed(0);
}
