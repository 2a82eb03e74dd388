import { appendFileSync, mkdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { lading } from "./contenders.ts";
import { measure, type Measurement, median } from "./measure.ts";
import { table } from "./table.ts";
import { prepare, type Workload, workloads } from "./workloads.ts";

/*
 * `pnpm bench front-ends`: what it costs to find out what is to be built, beside a lading.yaml that says it: whole
 * processes, each way in turn in every round.
 */

/** A file that describes a build of a workload, and the flags that it needs to be built FROM scratch. */
interface Way {
  readonly name: string;
  readonly file: string;
  readonly flags: readonly string[];
}

const ways: readonly Way[] = [
  { name: "lading.yaml", file: "lading.yaml", flags: [] },
  { name: "package.json, npm's lockfile", file: "package.json", flags: ["--entrypoint", "/app"] },
];

const states = ["cold", "no change", "one file changed"] as const;

/** Measures and prints. */
export function benchFrontEnds(folder: string, rounds: number): void {
  for (const workload of workloads.filter(({ name }) => name === "W1")) {
    console.log(`\n## ${workload.name}: ${workload.title}\n`);
    const source = prepare(workload, folder);
    const runs = new Map<string, Measurement[]>();
    for (let round = 0; round < rounds; round++)
      for (const way of ways)
        for (const [state, measurement] of measureStates(way, workload, source, join(folder, "front-ends"))) {
          const key = `${way.name} ${state}`;
          runs.set(key, [...(runs.get(key) ?? []), measurement]);
        }
    print(runs);
  }
}

function measureStates(
  way: Way,
  workload: Workload,
  source: string,
  work: string,
): readonly (readonly [(typeof states)[number], Measurement])[] {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  const output = join(work, "out.tar");
  const places = ["-o", `oci-archive:${output}`, "--cache-dir", join(work, "cache")];
  const common = ["--from", "scratch", "--platform", "linux/amd64", "--quiet", ...places];
  const argv = lading("build", source, "--file", join(source, way.file), ...common, ...way.flags);
  const one = (): Measurement => measure(argv, work, output);
  const cold = one();
  const unchanged = one();
  const small = join(source, workload.small);
  const { size } = statSync(small);
  appendFileSync(small, "\n");
  const changed = one();
  truncateSync(small, size);
  rmSync(work, { recursive: true });
  return [
    ["cold", cold],
    ["no change", unchanged],
    ["one file changed", changed],
  ];
}

function print(runs: ReadonlyMap<string, readonly Measurement[]>): void {
  const rows = ways.flatMap(({ name }) =>
    states.map((state) => {
      const all = runs.get(`${name} ${state}`) ?? [];
      const walls = all.map(({ wall }) => wall);
      const cpus = all.flatMap(({ cpu }) => cpu ?? []);
      return [
        name,
        state,
        `${median(walls).toFixed(2)} (${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)})`,
        cpus.length === 0 ? "" : median(cpus).toFixed(2),
      ];
    }),
  );
  console.log(table(["described by", "", "wall s (min–max)", "cpu s"], rows));
}
