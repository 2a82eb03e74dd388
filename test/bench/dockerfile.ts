import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lading } from "./contenders.ts";
import { measure, type Measurement, median } from "./measure.ts";
import { table } from "./table.ts";

const folders = 40;
const filesEach = 100;

const dockerfile = `FROM scratch
WORKDIR /app
COPY vendor vendor
COPY --chown=1000:1000 src src
ENV NODE_ENV=production
EXPOSE 8080
USER 1000
CMD ["/app/src/main"]
`;

/** Measures a cold build of a Dockerfile that copies, beside buildah's where that is installed: each in turn in every round. */
export function benchDockerfile(folder: string, rounds: number): void {
  const context = join(folder, "dockerfile-context");
  const work = join(folder, "dockerfile");
  makeContext(context);
  const output = join(work, "out.tar");
  const storage = `--root ${join(work, "root")} --runroot ${join(work, "run")} --storage-driver overlay`;
  const bud = `buildah ${storage} bud -q --isolation chroot --format oci -t image ${context}`;
  const push = `buildah ${storage} push -q image oci-archive:${output}`;
  const ways = new Map<string, readonly string[]>([
    [
      "lading",
      lading("build", context, "-q", "-o", `oci-archive:${output}`, "--cache-dir", join(work, "cache"), "--no-cache"),
    ],
  ]);
  if (spawnSync("buildah", ["--version"]).status === 0) {
    ways.set("buildah bud", ["sh", "-c", bud]);
    ways.set("buildah bud, and push to an archive", ["sh", "-c", `${bud} && ${push}`]);
  }
  const runs = new Map<string, Measurement[]>();
  for (let round = 0; round < rounds; round++)
    for (const [name, argv] of ways) {
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work, { recursive: true });
      runs.set(name, [...(runs.get(name) ?? []), measure(argv, work)]);
    }
  rmSync(work, { recursive: true, force: true });

  console.log(`\n## A Dockerfile that copies ${folders * filesEach} files, without a cache\n`);
  const [first] = runs.values();
  const rows = [...runs].map(([name, all]) => [
    name,
    wallOf(all).toFixed(2),
    cpuOf(all).toFixed(2),
    (wallOf(all) / wallOf(first ?? all)).toFixed(2),
    (cpuOf(all) / cpuOf(first ?? all)).toFixed(2),
  ]);
  console.log(table(["built by", "wall s", "cpu s", "wall, lading = 1", "cpu, lading = 1"], rows));
}

function wallOf(all: readonly Measurement[]): number {
  return median(all.map(({ wall }) => wall));
}

function cpuOf(all: readonly Measurement[]): number {
  return median(all.flatMap(({ cpu }) => cpu ?? []));
}

function makeContext(context: string): void {
  rmSync(context, { recursive: true, force: true });
  for (let at = 0; at < folders; at++) {
    const path = join(context, at < folders / 2 ? "vendor" : "src", `part-${at}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < filesEach; file++)
      writeFileSync(join(path, `${file}.js`), `export const value = "${at} ${file}";\n`.repeat(100));
  }
  writeFileSync(join(context, "Dockerfile"), dockerfile);
}
