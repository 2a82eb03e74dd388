import { listImages, LayoutStore, OciArchive, parseManifest, readBlob, type ReferrerSource } from "@lading/oci";
import { startRegistry } from "@lading/testkit";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as z from "zod";
import { workspace } from "./workspace.ts";

const statement = z.object({
  _type: z.literal("https://in-toto.io/Statement/v1"),
  subject: z.array(z.object({ name: z.string().optional(), digest: z.record(z.string(), z.string()) })),
  predicateType: z.string(),
  predicate: z.record(z.string(), z.unknown()),
});
type Statement = z.output<typeof statement>;

const cyclonedx = "https://cyclonedx.org/bom";
const spdx = "https://spdx.dev/Document";
const slsa = "https://slsa.dev/provenance/v1";

const files = {
  "lading.yaml": "name: ghcr.io/acme/app\nlayers: [{ name: app, add: [{ src: src, dest: /app }] }]\n",
  "src/node_modules/a/package.json": JSON.stringify({ name: "a", version: "1.0.0" }),
};

/** What is said of the images of a place, by the digest that it is said of. */
async function statementsOf(source: ReferrerSource, name: string): Promise<ReadonlyMap<string, readonly Statement[]>> {
  const root = await source.resolve(name);
  const found = new Map<string, readonly Statement[]>();
  for (const subject of new Set([root.digest, ...(await listImages(source, root)).map(({ digest }) => digest)])) {
    const statements: Statement[] = [];
    for (const referrer of await source.referrers({ ...root, digest: subject })) {
      const { layers } = parseManifest(await readBlob(source.blob(referrer)));
      for (const layer of layers)
        statements.push(statement.parse(JSON.parse(Buffer.from(await readBlob(source.blob(layer))).toString())));
    }
    found.set(subject, statements);
  }
  return found;
}

function types(statements: readonly Statement[] = []): readonly string[] {
  return statements.map(({ predicateType }) => predicateType).toSorted();
}

test("build --sbom --provenance attaches both in an archive, which is left alone when nothing changed", async () => {
  await using work = await workspace(files);
  const build = [
    "build",
    "--platform",
    "linux/amd64",
    "--sbom",
    "--provenance",
    "-t",
    "1",
    "-o",
    "oci-archive:app.tar",
  ];
  const env = { SOURCE_DATE_EPOCH: "1700000000" };

  const first = await work.lading(build, env);
  const second = await work.lading(build, env);

  expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining(", with 2 attestations\n") });
  expect(second.stderr).toContain("oci-archive:app.tar is up to date");
  const archive = await OciArchive.open(join(work.path, "app.tar"));
  const digest = first.stdout.trim();
  const statements = (await statementsOf(archive, "ghcr.io/acme/app:1")).get(digest);
  expect(types(statements)).toEqual([cyclonedx, slsa]);
  for (const { subject } of statements ?? [])
    expect(subject).toEqual([{ name: "ghcr.io/acme/app", digest: { sha256: digest.slice(7) } }]);
  const sbom = statements?.find(({ predicateType }) => predicateType === cyclonedx);
  expect(sbom?.predicate).toEqual(JSON.parse((await work.lading(["sbom", "oci-archive:app.tar"], env)).stdout));
});

test("with several platforms each has an SBOM of its own, and one provenance tells of all", async () => {
  await using work = await workspace(files);
  const platforms = ["--platform", "linux/amd64,linux/arm64"];

  const { status, stdout } = await work.lading([
    "build",
    ...platforms,
    "--sbom=spdx",
    "--provenance",
    "--json",
    "-o",
    "oci:out",
  ]);

  expect(status).toBe(0);
  const { attestations } = z
    .object({ attestations: z.array(z.object({ platform: z.string().optional(), predicateType: z.string() })) })
    .parse(JSON.parse(stdout));
  expect(attestations.map(({ platform, predicateType }) => [platform, predicateType])).toEqual([
    ["linux/amd64", spdx],
    ["linux/arm64", spdx],
    [undefined, slsa],
    ["linux/amd64", slsa],
    ["linux/arm64", slsa],
  ]);
  const found = [...(await statementsOf(await LayoutStore.open(join(work.path, "out")), "")).values()];
  expect(found.map(types)).toEqual([[slsa], [spdx, slsa].toSorted(), [spdx, slsa].toSorted()]);
  for (const statements of found)
    expect(statements.find(({ predicateType }) => predicateType === slsa)?.subject).toHaveLength(3);
});

test("a registry gets them with the push, and copies carry them on", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(files);
  const name = `${registry.url.host}/acme/app:1`;

  const pushed = await work.lading([
    "build",
    "-t",
    name,
    "--push",
    "--sbom",
    "--sbom=spdx",
    "--provenance",
    "--tls-verify=false",
  ]);
  const copied = await work.lading(["copy", name, "oci-archive:copy.tar", "--tls-verify=false"]);

  expect([pushed.status, copied.status]).toEqual([0, 0]);
  const { stdout } = await work.lading(["referrers", name, "--json", "--tls-verify=false"]);
  const listed = z
    .object({
      referrers: z.array(z.object({ artifactType: z.string(), annotations: z.record(z.string(), z.string()) })),
    })
    .parse(JSON.parse(stdout));
  expect(listed.referrers.map(({ annotations }) => annotations["in-toto.io/predicate-type"] ?? "").toSorted()).toEqual([
    cyclonedx,
    slsa,
    spdx,
  ]);
  const archive = await OciArchive.open(join(work.path, "copy.tar"));
  expect(types([...(await statementsOf(archive, name)).values()].flat())).toEqual([cyclonedx, slsa, spdx]);
});

test("provenance has description, flags, base, lockfiles and times, and no secret", async () => {
  await using work = await workspace({
    ...files,
    "lading.yaml": `${files["lading.yaml"]}from: oci:base\n`,
    "package-lock.json": "{}",
  });
  const base = await work.lading([
    "build",
    "-q",
    "src",
    "--add",
    ".:/base",
    "-t",
    "ghcr.io/acme/base:2",
    "-o",
    "oci:base",
  ]);
  expect(base.status).toBe(0);

  const built = await work.lading(
    [
      "build",
      "-o",
      "oci:out",
      "--provenance",
      "--env",
      "API_TOKEN=hush-hush",
      "--env",
      "MODE=one",
      "--label",
      "my_password=hush-hush",
    ],
    { SOURCE_DATE_EPOCH: "1700000000" },
  );

  expect(built.status).toBe(0);
  const [found] = (await statementsOf(await LayoutStore.open(join(work.path, "out")), "")).values();
  expect(JSON.stringify(found)).not.toContain("hush-hush");
  expect(found?.[0]?.predicate).toMatchObject({
    buildDefinition: {
      externalParameters: {
        description: "lading.yaml",
        flags: { env: ["API_TOKEN", "MODE=one"], label: ["my_password"] },
      },
      resolvedDependencies: expect.arrayContaining([
        {
          uri: `pkg:oci/base@${base.stdout.trim()}?repository_url=ghcr.io%2Facme%2Fbase&tag=2`,
          digest: { sha256: base.stdout.trim().slice(7) },
          annotations: { place: "oci:base" },
        },
        { name: "lading.yaml", digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
        {
          name: "package-lock.json",
          digest: { sha256: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" },
        },
      ]),
    },
    runDetails: {
      builder: { version: { lading: expect.any(String) } },
      metadata: { startedOn: "2023-11-14T22:13:20Z", finishedOn: "2023-11-14T22:13:20Z" },
    },
  });
});

test.each([
  [["--sbom", "-o", "docker-archive:x.tar"], "Cannot use --sbom: docker-archive:x.tar has no place for what refers"],
  [["--provenance", "-o", "docker-archive:x.tar"], "Cannot use --provenance: docker-archive:x.tar has no place"],
  [["--sbom=swid"], `Cannot use --sbom "swid": expected one of "cyclonedx", "spdx"`],
])("build %j is refused, and nothing is written", async (flags, words) => {
  await using work = await workspace(files);

  const { status, stdout, stderr } = await work.lading(["build", ...flags]);

  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toContain(words);
  expect(await work.names()).toEqual(["lading.yaml", "src"]);
});
