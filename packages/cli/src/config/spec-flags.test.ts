import { expect, test } from "vitest";
import yargs from "yargs";
import { Flags } from "../flags.ts";
import { mergeSpecs, specFromFlags, specOptions } from "./spec-flags.ts";

async function spec(args: string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const values = await yargs(args)
    .parserConfiguration({
      "greedy-arrays": false,
      "dot-notation": false,
      "parse-numbers": false,
      "camel-case-expansion": false,
    })
    .options(specOptions)
    .fail(false)
    .parseAsync();
  return await specFromFlags(new Flags(values), env);
}

test("flags say what lading.yaml would", async () => {
  expect(
    await spec(
      [
        "--from",
        "oci:base",
        "--platform",
        "linux/amd64,linux/arm64",
        "--platform",
        "linux/riscv64",
        "--add",
        "dist:/app",
        "--add",
        "a:b:/etc/x",
        "--unpack",
        "rootfs.tar.xz:/",
        "-e",
        "A=1=2",
        "--env",
        "HERE",
        "--label",
        "a.b=c",
        "--annotation",
        "org.x=",
        "-u",
        "1000",
        "-w",
        "/app",
        "--expose",
        "8080",
        "--expose",
        "53/udp",
        "--volume",
        "/data",
        "--stop-signal",
        "SIGINT",
        "--entrypoint",
        '["node", "a b.js"]',
        "--cmd=--flag 'x y'",
        "--created",
        "0",
      ],
      { HERE: "c$t" },
    ),
  ).toEqual({
    from: "oci:base",
    platforms: ["linux/amd64", "linux/arm64", "linux/riscv64"],
    layers: [
      {
        name: "add",
        add: [
          { src: ["dist"], dest: "/app" },
          { src: ["a:b"], dest: "/etc/x" },
          { src: ["rootfs.tar.xz"], dest: "/", unpack: true },
        ],
      },
    ],
    env: { A: "1=2", HERE: "c$$t" },
    labels: { "a.b": "c" },
    annotations: { "org.x": "" },
    user: "1000",
    workdir: "/app",
    expose: ["8080", "53/udp"],
    volumes: ["/data"],
    stopSignal: "SIGINT",
    entrypoint: ["node", "a b.js"],
    cmd: "--flag 'x y'",
    created: 0,
  });
});

test("a health check is none, a command or an object", async () => {
  expect(await spec(["--healthcheck", "NONE"])).toEqual({ healthcheck: "none" });
  expect(await spec(["--healthcheck", "curl -f localhost"])).toEqual({ healthcheck: { test: "curl -f localhost" } });
  expect(await spec(["--healthcheck", '["/ok"]'])).toEqual({ healthcheck: { test: ["/ok"] } });
  expect(await spec(["--healthcheck", '{"test":["/ok"],"interval":"30s"}'])).toEqual({
    healthcheck: { test: ["/ok"], interval: "30s" },
  });
});

test.each([
  [["--add", "dist"], 'Cannot read --add "dist": expected SRC:DEST'],
  [["--unpack", ":/x"], 'Cannot read --unpack ":/x": expected SRC:DEST'],
  [["--env", "UNSET"], 'Cannot read --env "UNSET": expected NAME=VALUE, or the name of a variable that is set here'],
  [["--label", "=x"], 'Cannot read --label "=x": expected NAME=VALUE'],
  [["--cmd", "[1]"], 'Cannot read --cmd "[1]": expected a JSON array of strings'],
  [["--cmd", "[a"], 'Cannot read --cmd "[a": it is not valid JSON'],
  [
    ["--compression", "lz4"],
    '--compression: "lz4" is not valid: expected gzip, zstd or none, and optionally a colon and a level',
  ],
  [["--user", "a", "--user", "b"], "Cannot use --user more than once"],
])("%j is a wrong call", async (args, message) => {
  await expect(spec(args)).rejects.toThrow(expect.objectContaining({ name: "UsageError", message }));
});

test("flags override single values, merge maps and add layers, ports and volumes", () => {
  expect(
    mergeSpecs(
      {
        from: "oci:a",
        user: "1",
        env: { A: "1", B: "1" },
        layers: [{ name: "one" }],
        expose: ["80"],
        platforms: ["linux/amd64"],
      },
      { user: "2", env: { B: "2" }, layers: [{ name: "two" }], expose: ["81"], platforms: ["linux/arm64"] },
    ),
  ).toEqual({
    from: "oci:a",
    user: "2",
    env: { A: "1", B: "2" },
    layers: [{ name: "one" }, { name: "two" }],
    expose: ["80", "81"],
    platforms: ["linux/arm64"],
  });
});

test("an entrypoint of the command line does not run with the file's command", () => {
  expect(mergeSpecs({ entrypoint: ["a"], cmd: ["b"] }, { entrypoint: ["c"] })).toEqual({ entrypoint: ["c"] });
});
