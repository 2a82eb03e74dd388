import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { run } from "../interop/command.ts";
import { type Workspace, workspace } from "./workspace.ts";

const example = fileURLToPath(new URL("../../examples/jib", import.meta.url));

async function inspect(work: Workspace, place: string): Promise<unknown> {
  return JSON.parse((await work.lading(["inspect", "--json", place, "--platform", "linux/amd64"])).stdout);
}

test("the example's jib.yaml is built as it is, on a base that a parameter names", async () => {
  await using work = await workspace({ passwd: "root:x:0:0::/:/bin/sh\n" });
  const platforms = ["--platform", "linux/amd64,linux/arm64"];
  const base = await work.lading(["build", "--add", "passwd:/etc/passwd", ...platforms, "-o", "oci:base"]);
  expect(base).toMatchObject({ status: 0 });

  const parameters = ["-p", "version=1.4", "-p", `base=oci:${join(work.path, "base")}`];
  const built = await work.lading(["build", example, ...parameters, "-t", "pages:1.4", "-o", "oci:out"]);
  expect(built).toMatchObject({ status: 0 });
  expect(await inspect(work, "oci:out")).toMatchObject({
    platforms: [{ platform: "linux/amd64" }, { platform: "linux/arm64" }],
    image: {
      config: {
        config: { Labels: { "org.opencontainers.image.version": "1.4" }, ExposedPorts: { "80/tcp": {} } },
        history: [{}, { comment: "settings" }, { comment: "pages" }],
      },
    },
  });

  const archived = await work.lading(["build", example, ...parameters, "--platform", "linux/amd64", "-o", "oci:one"]);
  expect(archived).toMatchObject({ status: 0 });
  const manifest: { layers: { digest: string }[] } = JSON.parse(
    await work.read(`one/blobs/${archived.stdout.trim().replace(":", "/")}`),
  );
  const layer = join(work.path, "one/blobs", (manifest.layers.at(-1)?.digest ?? "").replace(":", "/"));
  const listed = await run("tar", ["-tvzf", layer, "--full-time", "--utc"], {});
  expect(listed).toMatch(/^-r--r--r-- 0\/0 .* 1970-01-01 00:00:01 usr\/share\/nginx\/html\/index\.html$/m);
  expect(listed).not.toContain("next.html");
});

test("what is told of a jib.yaml is in the documents of a plan and of a build as well", async () => {
  await using work = await workspace({
    "jib.yaml":
      "apiVersion: jib/v1alpha1\nkind: BuildFile\nformat: Docker\nlayers: {entries: [{name: a, files: [{src: jib.yaml, dest: /}]}]}\n",
  });
  const warning = '"format: Docker" in jib.yaml changes nothing: media types are those of OCI, which Docker reads too';
  for (const flags of [["--dry-run"], ["-o", "oci:out"]]) {
    const { stdout, stderr } = await work.lading(["build", "--json", ...flags]);
    expect(JSON.parse(stdout)).toMatchObject({ warnings: [warning] });
    expect(stderr).toContain(`warning: ${warning}\n`);
  }
});

test("what is wrong in a jib.yaml is told with its place", async () => {
  await using work = await workspace({
    "jib.yaml": `apiVersion: jib/v1alpha1
kind: BuildFile
user: ""
layers:
  entries:
    - name: app
      files:
        - src: jib.yaml
          dest: app
          exclude: ["*"]
`,
  });
  const { status, stderr } = await work.lading(["build", "-o", "oci:out"]);
  expect(status).toBe(2);
  expect(stderr).toContain(`user: "" is not valid: it cannot be empty\n  --> jib.yaml:3:7`);
  expect(stderr).toContain(`--> jib.yaml:9:17`);
  expect(stderr).toContain(`Unknown key "exclude" in layers.entries[0].files[0]`);
  expect(stderr).toContain(`Did you mean "excludes"?`);
});

test("a variable without a value stops the build, and parameters are only for files with variables", async () => {
  await using work = await workspace({
    "other.yaml":
      "apiVersion: jib/v1alpha1\nkind: BuildFile\nuser: ${user}\nlayers: {entries: [{name: a, files: [{src: lading.yaml, dest: /}]}]}\n",
    "lading.yaml": "name: app\n",
  });
  const without = await work.lading(["build", "-f", "other.yaml", "-o", "oci:out"]);
  expect(without.status).toBe(2);
  expect(without.stderr).toContain(`Cannot resolve variable "user"\n  --> other.yaml:3:7`);
  expect(await work.lading(["build", "-f", "other.yaml", "-p", "user=7", "-o", "oci:out"])).toMatchObject({
    status: 0,
  });
  expect(await inspect(work, "oci:out")).toMatchObject({ image: { config: { config: { User: "7" } } } });

  const lading = await work.lading(["build", "-p", "user=7", "-o", "oci:out"]);
  expect(lading.status).toBe(2);
  expect(lading.stderr).toContain("it is for a build file of Jib only");
  expect(await work.lading(["build", "-p", "user", "-o", "oci:out"])).toMatchObject({ status: 2 });
});

test("a single file with patterns, an archive as a layer and Docker's format", async () => {
  await using work = await workspace({ "in/hello.txt": "hello\n" });
  await run("tar", ["-czf", join(work.path, "deps.tar.gz"), "-C", join(work.path, "in"), "hello.txt"], {});
  const head = "apiVersion: jib/v1alpha1\nkind: BuildFile\n";
  await work.write({
    "jib.yml": `${head}format: Docker\nlayers: {entries: [{name: deps, archive: deps.tar.gz}]}\n`,
    "single.yaml": `${head}layers: {entries: [{name: a, files: [{src: in/hello.txt, dest: /, excludes: ["*"]}]}]}\n`,
  });
  const built = await work.lading(["build", "-o", "oci:out"]);
  expect(built).toMatchObject({ status: 0 });
  expect(built.stderr).toContain('warning: "format: Docker" in jib.yml changes nothing');
  expect(await inspect(work, "oci:out")).toMatchObject({ image: { layers: [{ files: 1 }] } });

  const single = await work.lading(["build", "-f", "single.yaml", "-o", "oci:out"]);
  expect(single.status).toBe(2);
  expect(single.stderr).toContain(`"in/hello.txt" is a single file`);
  expect(single.stderr).toContain("single.yaml:3");
});

test.each([
  ["--build-file", "--file"],
  ["--additional-tags", "--tag"],
  ["--image-metadata-out", "--metadata-file"],
])("Jib's %s is answered with %s", async (theirs, ours) => {
  await using work = await workspace();
  const { status, stderr } = await work.lading(["build", `${theirs}=x`]);
  expect(status).toBe(2);
  expect(stderr).toContain(`Did you mean ${ours}?`);
});
