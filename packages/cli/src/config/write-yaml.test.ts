import { buildSpecSchema } from "@lading/builder";
import { expect, test } from "vitest";
import { formatDescription } from "./write-yaml.ts";
import { parseYamlConfig } from "./yaml-config.ts";

const spec = buildSpecSchema.parse({
  name: "acme/app",
  from: "node:24-slim",
  platforms: "linux/amd64",
  layers: [
    {
      name: "dependencies",
      add: [
        { src: "node_modules", dest: "/app/node_modules", exclude: [".*", "@types", "*odd*"], ignore: false },
        {
          src: ["a", "b"],
          dest: "/app/",
          exclude: Array.from({ length: 12 }, (_, index) => `a-long-name-of-a-package-${index}`),
          platform: "linux/arm64",
        },
      ],
    },
    { name: "links", add: [{ symlink: "../x: y", dest: "/app/z" }] },
  ],
  entrypoint: ["node", "/app/server.js"],
  env: { NODE_ENV: "production", ON: "yes", N: "1" },
  user: "1000:1000",
  expose: [8080],
});

test("a description that is written is read as what it was", async () => {
  const text = formatDescription(spec, "First\nSecond");
  expect(await parseYamlConfig(text, "lading.yaml")).toEqual(spec);
});

test("brackets in a text stay as they are, also at the end of a line", async () => {
  const texts = ["echo [ a ]", "[ b ]", "[ ", " ]", "a: [ b ]", "c [ d ]\nnext [ e ] \n"];
  const one = { cmd: texts, labels: Object.fromEntries(texts.map((text, at) => [`l${at}`, text])) };
  const long = { ...one, entrypoint: [...texts, "x".repeat(120)] };
  for (const spec of [one, long, { cmd: "test [ -f a ]" }, { dockerfile: { file: "[ a ]" } }])
    expect(await parseYamlConfig(formatDescription(spec), "lading.yaml")).toEqual(spec);
  expect(formatDescription({ cmd: ["a", "[ b ]"] })).toContain('cmd: [a, "[ b ]"]\n');
});

test("a Dockerfile without more to say of it stands as the name of a file", () => {
  expect(formatDescription({ dockerfile: { file: "app.Dockerfile" } })).toContain("\ndockerfile: app.Dockerfile\n");
  expect(formatDescription({ dockerfile: { file: "Dockerfile", target: "app" } })).toContain(
    "\ndockerfile: { file: Dockerfile, target: app }\n",
  );
});

test("what is short stands on one line, what is long below each other", () => {
  const lines = formatDescription(spec, "First\nSecond").split("\n");
  expect(lines.slice(1, 6)).toEqual([
    "# First",
    "# Second",
    "name: acme/app",
    "from: node:24-slim",
    "platforms: [linux/amd64]",
  ]);
  expect(lines).toContain('    add: [{ symlink: "../x: y", dest: /app/z }]');
  expect(lines).toContain("entrypoint: [node, /app/server.js]");
  expect(lines).toContain("          - a-long-name-of-a-package-11");
  expect(lines).toContain("        platform: linux/arm64");
});
