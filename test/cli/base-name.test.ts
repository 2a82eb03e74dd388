import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { readDocuments } from "../interop/documents.ts";
import { type Workspace, workspace } from "./workspace.ts";

const annotated = z.object({
  annotations: z.object({
    "org.opencontainers.image.base.name": z.string(),
    "org.opencontainers.image.base.digest": z.string(),
  }),
});
const nested = z.object({ manifests: z.array(z.object({ digest: z.string() })) });

const both = ["--platform", "linux/amd64,linux/arm64"];
let work: Workspace;

beforeAll(async () => {
  work = await workspace({ "base/lading.yaml": 'layers: [{ add: [{ content: "x", dest: /x }] }]\n' });
  const names = ["--tag", "ghcr.io/acme/base:1", "--tag", "ghcr.io/acme/base:2"];
  await build("base", ...both, ...names, "--output", "oci:named", "--output", "oci-archive:named.tar");
  await build("base", "--platform", "linux/arm64", ...names, "--output", "docker-archive:docker.tar");
  await build("base", ...both, "--output", "oci:tagged:v1", "--output", "oci:plain");
});
afterAll(() => work[Symbol.asyncDispose]());

async function build(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await work.lading(["build", ...args]);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return stdout.trim();
}

async function annotationsOf(layout: string, kind: "index" | "manifest"): Promise<readonly [string, string][]> {
  // The first document is index.json itself.
  const documents = (await readDocuments(join(work.path, layout))).slice(2).filter((each) => each.kind === kind);
  return documents.map(({ json }) => {
    const { annotations } = annotated.parse(json);
    return [annotations["org.opencontainers.image.base.name"], annotations["org.opencontainers.image.base.digest"]];
  });
}

test.each([
  ["oci:named", "ghcr.io/acme/base:1"],
  ["oci:named:2", "ghcr.io/acme/base:2"],
  ["oci:named:ghcr.io/acme/base:2", "ghcr.io/acme/base:2"],
  ["oci-archive:named.tar:2", "ghcr.io/acme/base:2"],
  ["docker-archive:docker.tar", "ghcr.io/acme/base:1"],
  ["docker-archive:docker.tar:ghcr.io/acme/base:2", "ghcr.io/acme/base:2"],
  ["oci:tagged:v1", "oci:tagged:v1"],
  ["oci:plain", "oci:plain"],
])("an image on %s says that it is on %s", async (from, name) => {
  await build("--from", from, "--label", "a=b", "--platform", "linux/arm64", "--output", "oci:app:1");
  expect((await annotationsOf("app", "manifest")).map(([said]) => said)).toEqual([name]);
});

test("of several platforms, a manifest names the base's manifest and the index the base's index", async () => {
  await build("--from", "oci:named", "--label", "a=b", ...both, "--output", "oci:several:1");
  const index = (await work.lading(["digest", "oci:named"])).stdout.trim();
  const [, , base] = await readDocuments(join(work.path, "named"));
  const manifests = nested.parse(base?.json).manifests.map(({ digest }) => digest);

  expect(await annotationsOf("several", "index")).toEqual([["ghcr.io/acme/base:1", index]]);
  expect(await annotationsOf("several", "manifest")).toEqual(
    manifests.map((digest) => ["ghcr.io/acme/base:1", digest]),
  );
});
