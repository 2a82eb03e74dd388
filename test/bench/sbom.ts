import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { lading } from "./contenders.ts";
import { randomNumbers, textPiece } from "./generated.ts";
import { measure, type Measurement, median } from "./measure.ts";
import { table } from "./table.ts";

/*
 * `pnpm bench trust`: an SBOM of an image of 15 thousand files, a thousand packages among them, which should take no more
 * than 2 s; and what it adds to verify a signature offline, beside asking for the digest alone: no more than 300 ms.
 */

const packages = 1000;
const filesOfEach = 15;

/** Measures and prints. */
export function benchSbom(folder: string, rounds: number): void {
  console.log(`\n## An SBOM of ${packages * filesOfEach} files, and a signature\n`);
  const work = join(folder, "sbom");
  const image = join(work, "image.tar");
  if (!existsSync(image)) makeImage(work);
  const place = `oci-archive:${image}`;
  const ways = [
    { name: "lading sbom", argv: [...lading("sbom", place), "--quiet", "--output", join(work, "sbom.json")] },
    {
      name: "lading sbom --format spdx",
      argv: [...lading("sbom", place), "--format", "spdx", "--quiet", "--output", join(work, "sbom.json")],
    },
    { name: "lading digest", argv: lading("digest", place) },
    { name: "lading verify --key", argv: lading("verify", "--key", join(work, "cosign.pub"), "--quiet", place) },
  ];
  const runs = new Map<string, Measurement[]>();
  for (let round = 0; round < rounds; round++)
    for (const way of ways) runs.set(way.name, [...(runs.get(way.name) ?? []), measure(way.argv, work)]);
  const rows = ways.map(({ name }) => {
    const all = runs.get(name) ?? [];
    const cpu = all.flatMap((one) => one.cpu ?? []);
    return [
      name,
      `${median(all.map(({ wall }) => wall)).toFixed(2)} s`,
      cpu.length === 0 ? "" : `${median(cpu).toFixed(2)} s`,
    ];
  });
  console.log(table(["", "wall", "CPU"], rows));
  const verifying = (runs.get("lading verify --key") ?? []).map(
    ({ wall }, round) => wall - (runs.get("lading digest")?.[round]?.wall ?? Number.NaN),
  );
  console.log(`\nVerifying adds ${(median(verifying) * 1000).toFixed(0)} ms to the digest`);
}

/** An archive with one layer as npm would have installed it, signed with a key beside it. */
function makeImage(work: string): void {
  const made = `${work}.new`;
  rmSync(made, { recursive: true, force: true });
  const put = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(made, path)), { recursive: true });
    writeFileSync(join(made, path), content);
  };
  const next = randomNumbers(1);
  for (let number = 0; number < packages; number++) {
    const name = number % 5 === 0 ? `@scope/package-${number}` : `package-${number}`;
    const needs = [1, 7].map((more) => [`package-${(number + more) % packages}`, "^1.0.0"] as const);
    const document = { name, version: `1.${number}.0`, license: "MIT", dependencies: Object.fromEntries(needs) };
    put(`app/node_modules/${name}/package.json`, JSON.stringify(document, undefined, 2));
    for (let file = 1; file < filesOfEach; file++)
      put(`app/node_modules/${name}/dist/file-${file}.js`, textPiece(next, 6000));
  }
  const env = { ...process.env, LADING_KEY_PASSWORD: "for measuring" };
  const run = ([command = "", ...args]: readonly string[]): void => {
    execFileSync(command, args, { cwd: made, env, stdio: ["ignore", "ignore", "inherit"] });
  };
  const cache = ["--cache-dir", join(made, "cache"), "--quiet"];
  run(lading("build", ".", "--add", "app:/app", "--platform", "linux/amd64", "-o", "oci-archive:image.tar", ...cache));
  run(lading("keygen", "--quiet"));
  run(lading("sign", "--key", "cosign.key", "--quiet", "oci-archive:image.tar"));
  rmSync(join(made, "app"), { recursive: true });
  rmSync(join(made, "cache"), { recursive: true });
  rmSync(work, { recursive: true, force: true });
  renameSync(made, work);
}
