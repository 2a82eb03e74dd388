import { readdir, readFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { run } from "../interop/command.ts";
import { temporaryFolder } from "@lading/testkit";
import { writeFiles } from "../interop/lading.ts";
import { managerEnvironment } from "../interop/package-managers.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
// The Node that runs the tests comes first, for npm and for everything that npm starts.
const env = {
  ...(await managerEnvironment()),
  PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
};

const manifestSchema = z.object({ name: z.string(), private: z.boolean().optional() });
const toolsSchema = z.object({ engines: z.object({ pnpm: z.string() }) });

const script = `import { scratch } from "lading";

const image = await scratch()
  .layer("app", { app: "/app" })
  .entrypoint(["/app/main"])
  .build({ platforms: ["linux/amd64"] });
await image.save("oci-archive:from-script.tar", { tags: ["localhost/app:1"] });
console.log(image.digest);
`;

let project: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  project = await temporaryFolder();
  const tarballs = await pack(join(project.path, "tarballs"));
  const dependencies = Object.fromEntries([...tarballs].map(([name, file]) => [name, `file:${file}`]));
  await writeFiles(project.path, {
    "package.json": JSON.stringify({ name: "consumer", private: true, type: "module", dependencies }),
    "app/main": "#!/bin/sh\necho hello\n",
    "lading.yaml": "name: localhost/app:1\nlayers: [{ name: app, add: [{ src: app, dest: /app }] }]\n",
    "build.mjs": script,
    "build.ts": script,
  });
  const quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--prefer-offline"];
  await run("npm", ["install", ...quiet], { cwd: project.path, env });
});

afterAll(() => project[Symbol.asyncDispose]());

test("npx lading answers with its version", async () => {
  const { version } = z.object({ version: z.string() }).parse(await readJson(join(root, "packages/cli/package.json")));
  expect(await npx("lading", "--version")).toBe(`${version}\n`);
});

test("npx lading build and a script that imports lading make the same image", async () => {
  const built = await npx("lading", "build", "--quiet", "--platform", "linux/amd64", "--entrypoint", '["/app/main"]');
  expect(built).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  expect(await readdir(project.path)).toContain("app.tar");
  expect(await run(process.execPath, ["build.mjs"], { cwd: project.path, env })).toBe(built);
  expect(await readdir(project.path)).toContain("from-script.tar");
});

test("the types that are published compile in strict mode", async () => {
  const compiler = join(root, "node_modules/.bin/tsc");
  const options = [
    "--strict",
    "--noEmit",
    "--module",
    "nodenext",
    "--target",
    "es2024",
    "--lib",
    "es2024,esnext.disposable",
  ];
  const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
  expect(await run(compiler, [...options, ...types, "build.ts"], { cwd: project.path, env })).toBe("");
});

test("the schema that lading.yaml points editors to is installed", async () => {
  const schema = await readJson(join(project.path, "node_modules/lading/schema/lading.schema.json"));
  expect(schema).toMatchObject({ type: "object", additionalProperties: false });
});

/** Pack what is published, with the pinned pnpm; tarballs by package name. */
async function pack(destination: string): Promise<ReadonlyMap<string, string>> {
  const { engines } = toolsSchema.parse(await readJson(join(root, "package.json")));
  const pnpm = ["--yes", `pnpm@${engines.pnpm}`, "pack", "--json", "--pack-destination", destination];
  const tarballs = new Map<string, string>();
  for (const folder of await readdir(join(root, "packages"))) {
    const cwd = join(root, "packages", folder);
    const manifest = manifestSchema.parse(await readJson(join(cwd, "package.json")));
    if (manifest.private === true) continue;
    const { filename } = z.object({ filename: z.string() }).parse(JSON.parse(await run("npx", pnpm, { cwd, env })));
    tarballs.set(manifest.name, filename);
  }
  return tarballs;
}

function npx(...args: readonly string[]): Promise<string> {
  return run("npx", ["--no", "--", ...args], { cwd: project.path, env });
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}
