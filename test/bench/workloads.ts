import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomPiece, randomNumbers, textPiece } from "./generated.ts";

/** What is packed: folders below `folder`, each a layer at /app/NAME. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly layers: readonly string[];
  /** A file of the last layer, to be changed between two builds. */
  readonly small: string;
  readonly fill: (folder: string) => void;
}

const MIB = 1 << 20;

export const workloads: readonly Workload[] = [
  {
    name: "W1",
    title: "a Node project: 19 000 files of dependencies, 300 of its own",
    layers: ["node_modules", "src"],
    small: "src/module-7.js",
    fill: (folder) => {
      // Versions and integrity are in the lockfile; scripts of packages are not run.
      for (const name of ["package.json", "package-lock.json"]) {
        copyFileSync(join(import.meta.dirname, "w1", name), join(folder, name));
      }
      const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--os=linux", "--cpu=x64", "--loglevel=error"];
      execFileSync("npm", ["ci", ...flags], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
      smallFiles(join(folder, "src"), 300, 4000);
    },
  },
  {
    name: "W2",
    title: "1 GiB in four files, half of it random",
    layers: ["data"],
    small: "data/3.bin",
    fill: (folder) => {
      mkdirSync(join(folder, "data"));
      for (let file = 0; file < 4; file++) {
        const path = join(folder, "data", `${file}.bin`);
        const next = randomNumbers(file + 1);
        for (let piece = 0; piece < 64; piece++) {
          writeFileSync(path, piece % 2 === 0 ? randomPiece(next, 4 * MIB) : textPiece(next, 4 * MIB), { flag: "a" });
        }
      }
    },
  },
  {
    name: "W3",
    title: "three tiny files",
    layers: ["tiny"],
    small: "tiny/module-1.js",
    fill: (folder) => smallFiles(join(folder, "tiny"), 3, 300),
  },
  {
    name: "W4",
    title: "100 000 files of 1 KiB",
    layers: ["many"],
    small: "many/50/module-7.js",
    fill: (folder) => {
      for (let part = 0; part < 100; part++) smallFiles(join(folder, "many", `${part}`), 1000, 1024, part);
    },
  },
];

/** Make the workload's files below `root`, unless an earlier run has. */
export function prepare(workload: Workload, root: string): string {
  const folder = join(root, workload.name);
  const stamp = join(root, `${workload.name}.ready`);
  if (existsSync(stamp)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  workload.fill(folder);
  // Nothing in it is a secret: some packages ship keys for their tests.
  const layers = workload.layers.map((name) => ({ name, add: [{ src: name, dest: `/app/${name}` }] }));
  writeFileSync(join(folder, "lading.yaml"), JSON.stringify({ layers, allowSecrets: ["**"], entrypoint: ["/app"] }));
  writeFileSync(stamp, "");
  return folder;
}

function smallFiles(folder: string, count: number, size: number, seed = 0): void {
  mkdirSync(folder, { recursive: true });
  const next = randomNumbers(seed + 1000);
  for (let file = 0; file < count; file++) writeFileSync(join(folder, `module-${file}.js`), textPiece(next, size));
}
