import { createHash, randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { lading } from "./contenders.ts";
import { measure, type Measurement, median } from "./measure.ts";
import { table } from "./table.ts";

/*
 * `pnpm bench trust`: a bundle of 2 GiB, beside `cat` and `sha256sum` over the same bytes in the same round, which are
 * what disk and processor need for it at least; and a delta with nothing new.
 */

const layers = 4;
const layerSize = 512 * 1024 * 1024;

/** Measures and prints. */
export function benchBundle(folder: string, rounds: number): void {
  console.log(`\n## A bundle of ${(layers * layerSize) / 2 ** 30} GiB, ${layers} layers\n`);
  const work = join(folder, "bundle");
  mkdirSync(work, { recursive: true });
  const layout = join(work, "layout");
  if (!existsSync(layout)) makeLayout(layout);
  const output = join(work, "site.tar");
  const place = `oci:${layout}:registry.example.com/acme/large:1`;
  const create = [...lading("bundle", "create", place), "--quiet", "--output"];
  const copied = join(work, "copied");
  const floor = ["sh", "-c", `cat ${layout}/blobs/sha256/* > ${copied} && sha256sum ${copied}`];
  const ways = [
    { name: "cat, then sha256sum", argv: floor, output: copied },
    { name: "lading bundle create", argv: [...create, output], output },
    {
      name: "the same --since, nothing new",
      argv: [...create, `${output}.delta`, "--since", output],
      output: `${output}.delta`,
    },
    { name: "lading bundle verify", argv: [...lading("bundle", "verify", output), "--quiet"], output },
  ];
  const runs = new Map<string, Measurement[]>();
  for (let round = 0; round < rounds; round++)
    for (const way of ways) runs.set(way.name, [...(runs.get(way.name) ?? []), measure(way.argv, work, way.output)]);
  const floors = runs.get(ways[0]?.name ?? "") ?? [];
  const rows = ways.map(({ name }) => {
    const all = runs.get(name) ?? [];
    const speed = median(all.map(({ wall }, at) => (floors[at]?.wall ?? Number.NaN) / wall));
    const cpu = all.flatMap((one) => one.cpu ?? []);
    return [
      name,
      `${median(all.map(({ wall }) => wall)).toFixed(2)} s`,
      cpu.length === 0 ? "" : `${median(cpu).toFixed(2)} s`,
      `${(speed * 100).toFixed(0)} %`,
      `${((all[0]?.size ?? 0) / 1000).toFixed(0)} kB`,
    ];
  });
  console.log(table(["", "wall", "CPU", "speed of cat and sha256sum", "file"], rows));
  for (const path of [output, copied, `${output}.delta`]) rmSync(path, { force: true });
}

/** A layout with one image, whose layers are random and stored as they are. */
function makeLayout(layout: string): void {
  const made = `${layout}.new`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(join(made, "blobs/sha256"), { recursive: true });
  const put = (text: string): { digest: string; size: number } => {
    const digest = createHash("sha256").update(text).digest("hex");
    writeFileSync(join(made, "blobs/sha256", digest), text);
    return { digest: `sha256:${digest}`, size: text.length };
  };
  const digests = Array.from({ length: layers }, () => randomBlob(join(made, "blobs/sha256")));
  const rootfs = { type: "layers", diff_ids: digests };
  const config = put(JSON.stringify({ architecture: "amd64", os: "linux", rootfs }));
  const manifest = put(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType("manifest.v1+json"),
      config: { mediaType: mediaType("config.v1+json"), ...config },
      layers: digests.map((digest) => ({ mediaType: mediaType("layer.v1.tar"), digest, size: layerSize })),
    }),
  );
  const annotations = { "io.containerd.image.name": "registry.example.com/acme/large:1" };
  const entry = { mediaType: mediaType("manifest.v1+json"), ...manifest, annotations };
  writeFileSync(join(made, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(join(made, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  renameSync(made, layout);
}

function mediaType(name: string): string {
  return `application/vnd.oci.image.${name}`;
}

function randomBlob(folder: string): string {
  const path = join(folder, "new");
  const hash = createHash("sha256");
  const file = openSync(path, "w");
  for (let size = 0; size < layerSize; size += 2 ** 20) {
    const chunk = randomBytes(2 ** 20);
    hash.update(chunk);
    writeSync(file, chunk);
  }
  closeSync(file);
  const digest = hash.digest("hex");
  renameSync(path, join(folder, digest));
  return `sha256:${digest}`;
}
