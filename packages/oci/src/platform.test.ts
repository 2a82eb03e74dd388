import { cases, casesIn } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Descriptor, mediaTypes } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import {
  formatPlatform,
  hostPlatform,
  normalizePlatform,
  parsePlatform,
  type Platform,
  platformDistance,
  samePlatform,
  selectPlatform,
} from "./platform.ts";

const entry = (text: string, annotations?: Record<string, string>): Descriptor => {
  const [os = "", architecture = "", variant] = text.split("/");
  return {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(text),
    size: 1,
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    ...(annotations === undefined ? {} : { annotations }),
  };
};

test.each([
  ["linux/x86_64", "linux/amd64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm64/8", "linux/arm64"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/6", "linux/arm/v6"],
  ["Linux/AMD64", "linux/amd64"],
  ["macos/arm64", "darwin/arm64"],
  ["windows(10.0.20348.768)/amd64", "windows(10.0.20348.768)/amd64"],
])("parsePlatform(%j) is %s", (text, expected) => {
  expect(formatPlatform(parsePlatform(text))).toBe(expected);
});

test("parsePlatform() completes what is left out from the host", () => {
  const host = { os: "linux", architecture: "riscv64" };
  expect(formatPlatform(parsePlatform("windows", host))).toBe("windows/riscv64");
  expect(formatPlatform(parsePlatform("arm64", host))).toBe("linux/arm64");
});

test.each(["", "linux/", "linux/amd64/v1/x", "linux amd64", "plan9000", "../x"])(
  "parsePlatform(%j) refuses it",
  (text) => {
    expect(() => parsePlatform(text)).toThrow(SyntaxError);
  },
);

test("hostPlatform() is a platform that parses back", () => {
  expect(parsePlatform(formatPlatform(hostPlatform()))).toEqual(hostPlatform());
});

test("selectPlatform() takes the best variant that runs, and no attestation", () => {
  const manifests = [
    entry("unknown/unknown"),
    entry("linux/arm/v6", { "vnd.docker.reference.type": "attestation-manifest" }),
    entry("linux/arm/v5"),
    entry("linux/arm/v6"),
    entry("linux/arm/v7"),
    entry("linux/arm64"),
    { mediaType: mediaTypes.ociManifest, digest: digestOf("linux/amd64"), size: 1 },
  ];
  const select = (text: string): string | undefined => {
    const platform = selectPlatform(manifests, parsePlatform(text))?.platform;
    return platform === undefined ? undefined : formatPlatform(platform);
  };
  expect(select("linux/arm/v7")).toBe("linux/arm/v7");
  expect(select("linux/arm/v6")).toBe("linux/arm/v6");
  expect(select("linux/arm64")).toBe("linux/arm64");
  expect(select("linux/arm64/v9")).toBe("linux/arm64");
  expect(select("linux/amd64")).toBeUndefined();
  expect(select("unknown/unknown")).toBeUndefined();
});

const offer = (platform: Platform, name: string): Descriptor => ({ ...entry(name), platform });
const windows = (version: string): Descriptor =>
  offer({ os: "windows", architecture: "amd64", "os.version": version }, version);

test("selectPlatform() takes the newest revision of the Windows build wanted", () => {
  const manifests = [windows("10.0.17763.1"), windows("10.0.20348.700"), windows("10.0.20348.768")];
  const wanted = { os: "windows", architecture: "amd64", "os.version": "10.0.20348.1" };
  expect(selectPlatform(manifests, wanted)?.platform?.["os.version"]).toBe("10.0.20348.768");
});

const goPlatform = z.object({
  OS: z.string(),
  Architecture: z.string(),
  Variant: z.string().optional(),
  OSVersion: z.string().optional(),
  OSFeatures: z.array(z.string()).optional(),
});
type GoPlatform = z.infer<typeof goPlatform>;

const fromGo = ({ OS, Architecture, Variant, OSVersion, OSFeatures }: GoPlatform): Platform => ({
  os: OS,
  architecture: Architecture,
  ...(Variant === undefined ? {} : { variant: Variant }),
  ...(OSVersion === undefined ? {} : { "os.version": OSVersion }),
  ...(OSFeatures === undefined ? {} : { "os.features": OSFeatures }),
});

const compared = z.object({
  name: z.string(),
  host: goPlatform,
  target: goPlatform,
  prev: goPlatform.optional(),
  expectCompat: z.boolean(),
  expectMatch: z.boolean(),
  expectBetter: z.boolean(),
});
const matched = z.object({ got: goPlatform, want: goPlatform, isMatched: z.boolean() });

describe.runIf(cases !== undefined)("as the other implementations", () => {
  const all = casesIn("registry/platforms.json", z.object({ op: z.string(), case: z.unknown() }));
  const of = <T>(op: string, schema: z.ZodType<T>): T[] =>
    all.filter((one) => one.op.startsWith(op)).map((one) => schema.parse(one.case));

  test.each(of("TestPlatformParse", z.object({ name: z.string(), parse: z.string(), goal: goPlatform })))(
    "parses $name",
    ({ parse, goal }) => {
      expect(parsePlatform(parse)).toEqual(normalizePlatform(fromGo(goal)));
    },
  );

  test.each(of("TestPlatformString", z.object({ name: z.string(), p: goPlatform, goal: z.string() })))(
    "writes $name",
    ({ p, goal }) => {
      expect(formatPlatform(fromGo(p))).toBe(goal);
    },
  );

  // That Docker Desktop runs Linux images on macOS and Windows is `hostPlatform`'s to know.
  const viaMachine = new Set(["darwin compatible", "windows compatible"]);
  test.each(of("TestCompare", compared).filter(({ name }) => !viaMachine.has(name)))("compares $name", (one) => {
    const [host, target] = [fromGo(one.host), fromGo(one.target)];
    expect(platformDistance(host, target) !== undefined).toBe(one.expectCompat);
    expect(samePlatform(host, target)).toBe(one.expectMatch);
    if (one.prev === undefined) return;
    const chosen = selectPlatform([offer(fromGo(one.prev), "prev/x"), offer(target, "target/x")], host);
    expect(chosen?.digest === digestOf("target/x")).toBe(one.expectBetter);
  });

  // Two cases ask for less than containerd grants: 32-bit arm without variant is v7, and another
  // revision of the same Windows build runs.
  const stricter = (one: z.infer<typeof matched>): boolean =>
    (one.got.Architecture === "arm" && one.want.Variant === "v7") || one.want.OSVersion === "10.0.20348.700";
  test.each(of("oras Match", matched).filter((one) => !stricter(one)))(
    "matches $got with $want",
    ({ got, want, isMatched }) => {
      expect(platformDistance(fromGo(want), fromGo(got)) !== undefined).toBe(isMatched);
    },
  );
});
