import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { startDockerRegistry } from "../interop/docker-registry.ts";
import { missing } from "./contenders.ts";
import { randomNumbers, randomPiece, textPiece } from "./generated.ts";
import { hasTime, measure, type Measurement, median } from "./measure.ts";
import { table } from "./table.ts";

/*
 * `pnpm bench registry`: an image of 8 layers of 64 MiB to and from Debian's docker-registry on
 * loopback, by Lading and by the peers that are installed, in turn in every round.
 */

interface Client {
  readonly name: string;
  readonly needs: readonly string[];
  /** Copies the image at `layout` (an OCI layout, tag "bench") to `name`. */
  readonly push: (layout: string, name: string) => readonly string[];
  /** Copies `name` into a layout that is not there yet. */
  readonly pull: (name: string, layout: string) => readonly string[];
}

const root = join(import.meta.dirname, "../..");
const lading = [join(root, "node_modules/.bin/node"), join(root, "packages/cli/bin/lading.js")];

const clients: readonly Client[] = [
  {
    name: "lading",
    needs: [],
    push: (layout, name) => [...lading, "copy", "--quiet", `oci:${layout}:bench`, `docker://${name}`],
    pull: (name, layout) => [...lading, "copy", "--quiet", `docker://${name}`, `oci:${layout}:bench`],
  },
  {
    name: "skopeo",
    needs: ["skopeo"],
    push: (layout, name) => skopeoCopy("--dest-tls-verify=false", `oci:${layout}:bench`, `docker://${name}`),
    pull: (name, layout) => skopeoCopy("--src-tls-verify=false", `docker://${name}`, `oci:${layout}:bench`),
  },
  {
    name: "crane",
    needs: ["crane"],
    push: (layout, name) => ["crane", "push", "--insecure", layout, name],
    pull: (name, layout) => ["crane", "pull", "--insecure", "--format=oci", name, layout],
  },
  {
    name: "regctl",
    needs: ["regctl"],
    push: (layout, name) => ["regctl", "image", "copy", `ocidir://${layout}:bench`, name],
    pull: (name, layout) => ["regctl", "image", "copy", name, `ocidir://${layout}:bench`],
  },
];

function skopeoCopy(...rest: readonly string[]): readonly string[] {
  return ["skopeo", "copy", "--quiet", ...rest];
}

/** Measures and prints; `folder` keeps the image between runs. */
export async function benchRegistry(folder: string, rounds: number): Promise<void> {
  const absent = missing(["docker-registry"]);
  if (absent.length > 0) throw new Error("Cannot measure: docker-registry is not installed");
  const layout = prepareLayout(join(folder, "registry"));
  const present = clients.filter((client) => {
    const gone = missing(client.needs);
    if (gone.length > 0) console.log(`${client.name}: left out, not installed`);
    return gone.length === 0;
  });
  const runs = new Map<string, Measurement[]>();
  const work = join(folder, "registry-work");
  for (let round = 0; round < rounds; round += 1)
    for (const client of present) {
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work, { recursive: true });
      // Everyone reads the image from memory.
      execFileSync("sh", ["-c", `cat "$0"/blobs/sha256/* >/dev/null`, layout]);
      await using registry = await startDockerRegistry({ storage: join(work, "storage") });
      const name = `${registry.host}/bench/app:1`;
      const run = (what: string, argv: readonly string[]): void => {
        const key = `${client.name} ${what}`;
        runs.set(key, [...(runs.get(key) ?? []), measure(argv, work)]);
      };
      run("push", client.push(layout, name));
      run("push again", client.push(layout, name));
      run("pull", client.pull(name, join(work, "pulled")));
    }
  rmSync(work, { recursive: true, force: true });
  if (!hasTime) console.log("GNU time is not installed: no CPU, no memory");
  for (const what of ["push", "push again", "pull"]) {
    const base = (runs.get(`skopeo ${what}`) ?? []).map(({ wall }) => wall);
    console.log(`\n## ${what}: 8 layers of 64 MiB, medians of ${rounds} rounds\n`);
    const rows = present.map(({ name }) => {
      const all = runs.get(`${name} ${what}`) ?? [];
      const walls = all.map(({ wall }) => wall);
      const ratio =
        base.length === 0 ? "" : median(walls.map((wall, at) => wall / (base[at] ?? Number.NaN))).toFixed(2);
      return [
        name,
        `${median(walls).toFixed(2)} (${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)})`,
        ratio,
        median(all.map(({ cpu }) => cpu ?? Number.NaN)).toFixed(2),
        (median(all.map(({ memory }) => memory ?? Number.NaN)) / (1 << 20)).toFixed(0),
      ];
    });
    console.log(table(["", "wall s (min–max)", "× skopeo", "cpu s", "peak MiB"], rows));
  }
}

const MIB = 1 << 20;

/** An image whose layers are half text and half random bytes; made once. */
function prepareLayout(folder: string): string {
  const layout = join(folder, "layout");
  if (existsSync(layout)) return layout;
  const building = `${layout}.new`;
  rmSync(building, { recursive: true, force: true });
  const blobs = join(building, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Buffer, mediaType: string): { mediaType: string; digest: string; size: number } => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.byteLength };
  };
  const diffIds: string[] = [];
  const layers = Array.from({ length: 8 }, (_, layer) => {
    const next = randomNumbers(layer + 1);
    const pieces = Array.from({ length: 16 }, (_unused, piece) =>
      piece % 2 === 0 ? randomPiece(next, 4 * MIB) : textPiece(next, 4 * MIB),
    );
    const path = join(folder, `file-${layer}`);
    writeFileSync(path, Buffer.concat(pieces));
    const tar = execFileSync(
      "tar",
      ["-cf", "-", "--mtime=@0", "--owner=0", "--group=0", "-C", folder, `file-${layer}`],
      { maxBuffer: 256 * MIB },
    );
    rmSync(path);
    diffIds.push(`sha256:${createHash("sha256").update(tar).digest("hex")}`);
    return put(gzipSync(tar, { level: constants.Z_BEST_SPEED }), "application/vnd.oci.image.layer.v1.tar+gzip");
  });
  const config = put(
    json({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: diffIds } }),
    "application/vnd.oci.image.config.v1+json",
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = put(json({ schemaVersion: 2, mediaType, config, layers }), mediaType);
  const annotations = { "org.opencontainers.image.ref.name": "bench" };
  writeFileSync(join(building, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(building, "index.json"), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  renameSync(building, layout);
  return layout;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
