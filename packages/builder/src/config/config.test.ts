import { digestOf, type ImageConfig, parseConfig } from "@lading/oci";
import { describe, expect, test } from "vitest";
import { applyConfig } from "./config.ts";
import { type BuildSpecInput, buildSpecSchema } from "../spec.ts";

const platform = { os: "linux", architecture: "arm64" };
const created = "1970-01-01T00:00:00Z";
const diffId = digestOf("a layer");

const base: ImageConfig = parseConfig(
  Buffer.from(
    JSON.stringify({
      created: "2020-01-01T00:00:00.123456789Z",
      author: "someone",
      architecture: "arm64",
      variant: "v8",
      os: "linux",
      "os.version": "1.2",
      config: {
        User: "node",
        ExposedPorts: { "80/tcp": {} },
        Env: ["PATH=/usr/bin", "A=1", "EMPTY=", "A=2"],
        Entrypoint: ["/entry"],
        Cmd: ["run"],
        Volumes: { "/data": {} },
        WorkingDir: "/home/node",
        Labels: { a: "1", b: "2" },
        StopSignal: "SIGINT",
        Healthcheck: { Test: ["CMD", "true"], Interval: 1e9, Unknown: 1 },
        OnBuild: ["RUN x"],
        Shell: ["/bin/bash", "-c"],
        "org.example.unknown": { deep: [1, null, "x"] },
      },
      rootfs: { type: "layers", diff_ids: [diffId, diffId] },
      history: [{ created_by: "one", unknown: true }, { created_by: "meta", empty_layer: true }, { created_by: "two" }],
      docker_version: "20.10",
      "moby.buildkit.cache.v0": "abc",
    }),
  ),
);

/** A base, as what is laid on it knows it. */
function laidOn({ rootfs, ...config }: ImageConfig) {
  return { ...config, layers: rootfs.diff_ids.length };
}

function apply(
  input: BuildSpecInput,
  from: ImageConfig | undefined = base,
  layers: string[] = ["app"],
): Omit<ImageConfig, "rootfs"> {
  return applyConfig({ spec: buildSpecSchema.parse(input), base: from && laidOn(from), platform, created, layers });
}
const container = (input: BuildSpecInput, from?: ImageConfig): ImageConfig["config"] =>
  apply(input, from ?? base).config;

test("what is not changed survives, unknown fields included", () => {
  const { rootfs, history = [], ...kept } = base;
  expect(rootfs.diff_ids).toHaveLength(2);
  expect(apply({})).toEqual({
    ...kept,
    created,
    history: [...history, { created, created_by: "lading build", comment: "app" }],
  });
});

test("FROM scratch there is the platform, and nothing that was not asked for", () => {
  expect(
    applyConfig({ spec: buildSpecSchema.parse({}), platform: { ...platform, variant: "v9" }, created, layers: ["a"] }),
  ).toEqual({
    os: "linux",
    architecture: "arm64",
    variant: "v9",
    created,
    config: {},
    history: [{ created, created_by: "lading build", comment: "a" }],
  });
});

describe("env", () => {
  test("keeps the base's order, changes in place, adds at the end", () => {
    expect(container({ env: { NEW: 1, A: "x$A", PATH: "/app:$PATH", E: "[$EMPTY]", D: "$$5" } })?.Env).toEqual([
      "PATH=/app:/usr/bin",
      "A=x2",
      "EMPTY=",
      "NEW=1",
      "E=[]",
      "D=$5",
    ]);
  });

  test("warns of what the base does not set", () => {
    const warnings: string[] = [];
    const spec = buildSpecSchema.parse({ env: { SECRET: "pa$word", constructor: "x" } });
    const { config } = applyConfig({
      spec,
      base: laidOn(base),
      platform,
      created,
      layers: [],
      onWarning: (message) => warnings.push(message),
    });
    expect(config?.Env).toContain("SECRET=pa");
    expect(config?.Env).toContain("constructor=x");
    expect(warnings).toEqual([
      "env SECRET uses $word, which the base does not set: it becomes empty (write $$ for a dollar)",
    ]);
  });
});

describe("entrypoint and cmd", () => {
  test.each<[BuildSpecInput, readonly string[] | undefined, readonly string[] | undefined]>([
    [{}, ["/entry"], ["run"]],
    [{ cmd: ["x"] }, ["/entry"], ["x"]],
    [{ entrypoint: ["/new"] }, ["/new"], undefined],
    [{ entrypoint: ["/new"], cmd: "a 'b c'" }, ["/new"], ["a", "b c"]],
    [{ entrypoint: "node --x 'a b'" }, ["node", "--x", "a b"], undefined],
    [{ entrypoint: [] }, undefined, undefined],
    [{ cmd: [] }, ["/entry"], undefined],
  ])("%j", (input, entrypoint, cmd) => {
    const config = container(input);
    expect(config?.Entrypoint).toEqual(entrypoint);
    expect(config?.Cmd).toEqual(cmd);
  });

  test("an empty program is refused", () => {
    expect(() => container({ entrypoint: [""] })).toThrow("Cannot set entrypoint: its first word is empty");
  });
});

test("labels, ports and volumes are added to the base's", () => {
  const config = container({
    labels: { b: "3", c: true },
    expose: [8080, "53/udp", "9000-9002"],
    volumes: "/cache//x/",
  });
  expect(config?.Labels).toEqual({ a: "1", b: "3", c: "true" });
  expect(Object.keys(config?.ExposedPorts ?? {})).toEqual([
    "80/tcp",
    "8080/tcp",
    "53/udp",
    "9000/tcp",
    "9001/tcp",
    "9002/tcp",
  ]);
  expect(config?.Volumes).toEqual({ "/data": {}, "/cache/x/": {} });
});

test.each([
  ["sub/dir", "/home/node/sub/dir"],
  ["/srv/../app/", "/app"],
  ["..", "/home"],
])("workdir %s is %s", (workdir, expected) => {
  expect(container({ workdir })?.WorkingDir).toBe(expected);
});

test.each([
  ["sigterm", "SIGTERM"],
  ["KILL", "KILL"],
  [9, "9"],
  ["SIGRTMIN+3", "SIGRTMIN+3"],
])("stop signal %s is %s", (stopSignal, expected) => {
  expect(container({ stopSignal })?.StopSignal).toBe(expected);
});

test.each<[BuildSpecInput, string]>([
  [{ expose: ["70000"] }, 'Cannot expose "70000": ports are 1 to 65535'],
  [{ expose: ["10-5"] }, 'Cannot expose "10-5": ports are 1 to 65535, the lower one first'],
  [{ expose: ["0"] }, 'Cannot expose "0"'],
  [{ expose: ["80/icmp"] }, 'Cannot expose "80/icmp": expected a port'],
  [{ expose: ["8080:80"] }, 'Cannot expose "8080:80": expected a port'],
  [{ stopSignal: "SIGNOPE" }, 'Cannot set stopSignal "SIGNOPE"'],
  [{ stopSignal: 65 }, 'Cannot set stopSignal "65"'],
  [{ stopSignal: "SIGRTMINX" }, 'Cannot set stopSignal "SIGRTMINX"'],
  [{ volumes: ["data"] }, 'Cannot set volume "data": expected an absolute path'],
  [{ user: "a b" }, 'Cannot set user "a b"'],
  [{ workdir: "" }, 'Cannot set workdir ""'],
  [{ labels: { "": "x" } }, "Cannot set labels: a name is empty"],
])("%j is refused", (input, message) => {
  expect(() => apply(input)).toThrow(
    expect.objectContaining({ code: "SPEC", message: expect.stringContaining(message) }),
  );
});

function counted({ history = [] }: Omit<ImageConfig, "rootfs">): number {
  return history.filter(({ empty_layer: empty }) => empty !== true).length;
}

describe("history", () => {
  test("has one entry for each layer, whatever the base had", () => {
    const { history: _, ...bare } = base;
    expect(counted(apply({}, bare, ["a", "b"]))).toBe(4);
    expect(counted(apply({}, { ...base, history: [{ created_by: "one" }] }, []))).toBe(2);
    expect(counted(apply({}, { ...base, history: [{}, {}, {}, { empty_layer: true }] }, ["a"]))).toBe(3);
  });

  test("says when only the config was changed", () => {
    expect(apply({}, base, []).history?.at(-1)).toEqual({ created, created_by: "lading build", empty_layer: true });
  });
});
