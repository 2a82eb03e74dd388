import type { ContainerConfig } from "@lading/oci";
import { cases } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { EngineInfo } from "../engine.ts";
import { testEngine } from "../spec/run-bundle.suite.ts";
import { checkImage } from "./check-image.ts";
import { imageFacts } from "./image-facts.ts";
import { directory, type Entry, link, madeImage } from "./made-image.suite.ts";

const old: EngineInfo = {
  ...testEngine,
  name: "podman",
  version: "4.3.1",
  runtime: { name: "runc", version: "1.1.5+ds1" },
};
const check = async (config: ContainerConfig, entries: readonly Entry[] = [], engine?: EngineInfo) => {
  const image = madeImage(config, entries);
  return checkImage(await imageFacts(image), config, engine);
};

test("an ordinary image is run without a word", async () => {
  const config: ContainerConfig = {
    User: "app:staff",
    Env: ["PATH=/bin", "EMPTY=", "A=B=*"],
    WorkingDir: "/srv",
    StopSignal: "SIGRTMIN+3",
    ExposedPorts: { "80": {}, "443/tcp": {}, "8000-8010/udp": {} },
    Labels: { "org.opencontainers.image.title": "x", "io.buildah.version": "1", maintainer: "x" },
    Volumes: { "/data": {} },
  };
  expect(await check(config, [directory("dev"), directory("proc")], old)).toEqual([]);
});

test.each([
  ["dev", '/dev is a symlink to "/host", which the image does not have, not a directory (CVE-2026-41579)'],
  ["proc", "/proc is a symlink"],
  ["sys", "/sys is a symlink"],
  ["run", "/run is a symlink"],
  ["etc", "/etc is a symlink"],
  ["etc/passwd", '/etc/passwd is a symlink to "/host", which the image does not have, not a file'],
  ["etc/group", "/etc/group is a symlink"],
])("an image whose /%s leads out is refused", async (path, message) => {
  await expect(check({}, [link(path, "/host")])).rejects.toThrow(message);
  await expect(check({}, [link(path, "/host")])).rejects.toMatchObject({ code: "UNSAFE_IMAGE" });
});

test("a refusal says what of this machine falls for it", async () => {
  await expect(check({}, [link("dev", "/host")], old)).rejects.toThrow(
    "(CVE-2026-41579: runc 1.1.5+ds1 falls for it, 1.3.6, 1.4.3, 1.5.0-rc.3 and later do not)",
  );
  await expect(check({}, [link("dev", "/host")], testEngine)).rejects.toThrow("(CVE-2026-41579)");
});

test("links to the image's own accounts are refused only where they are followed on the host", async () => {
  const entries = [{ path: "store/p", body: "root:x:0:0::/:\n" }, link("etc/passwd", "/store/p")];
  expect(await check({}, entries, testEngine)).toEqual([]);
  await expect(check({}, entries, old)).rejects.toThrow("CVE-2024-9676: podman 4.3.1 falls for it");
});

test("/dev/null as a symlink is told where the runtime has the flaw", async () => {
  const entries = [link("dev/null", "/proc/sys/kernel/core_pattern")];
  const notes = await check({}, entries, old);
  expect(notes).toHaveLength(3);
  expect(notes[0]).toContain('/dev/null of the image is a symlink to "/proc/sys/kernel/core_pattern"');
  expect(notes[0]).toContain("CVE-2025-31133: with runc 1.1.5+ds1");
  expect(await check({}, entries, testEngine)).toEqual([]);
});

test.each(["AWS*", "AWS_SECRET", "*", "=x", "A*=x", "", "A=\0"])("Env with %j is refused", async (entry) => {
  await expect(check({ Env: [entry] })).rejects.toThrow("CVE-2026-57231");
});

test.each([
  ["/proc/self/fd/8", "is below /proc (CVE-2024-21626)"],
  ["//proc//self", "is below /proc"],
  ["/x/../proc/1/cwd", "is below /proc"],
  ["../proc", "is below /proc"],
  ["/door/1/cwd", "is below /proc"],
  ["/sys/fs", "is below /sys"],
  ["/dev/fd", "is below /dev"],
  ["/a\0b", "holds a NUL"],
  ["/round/x", "leads through too many symlinks"],
  ["/gone", 'leads through a symlink to "/nowhere", which it does not have (CVE-2026-55686)'],
  ["/link/new", 'leads through a symlink to "/real/new", which it does not have'],
])("the working directory %j is refused", async (WorkingDir, message) => {
  const links = [link("door", "proc"), link("round", "round"), link("gone", "/nowhere"), link("link", "real")];
  await expect(check({ WorkingDir }, [directory("real"), ...links])).rejects.toThrow(message);
});

test.each(["/real", "/link", "/link/deep/..", "/new", "real"])(
  "the working directory %j is not",
  async (WorkingDir) => {
    expect(await check({ WorkingDir }, [directory("real/deep"), link("link", "real")])).toEqual([]);
  },
);

test.each(["4294967296:0", "0:4294967296", "-1", "+0", "a b", "a\n", "app:", "a:b:c", "99999999999999999999"])(
  "the user %j is refused whoever it may be",
  async (User) => {
    await expect(check({ User })).rejects.toMatchObject({ code: "USER" });
  },
);

test("a user that the image does not have is not, since another may be asked for", async () => {
  expect(await check({ User: "nobody" })).toEqual([]);
});

test.each([
  ["etc/passwd", "4294967296:x:0:0::/:/bin/sh\n"],
  ["etc/passwd", "root:x:0:0::/:\n1000:x:0:0::/:\n"],
  ["etc/group", "1000:x:0:\n"],
])("a number that is a name for another number, in %s, is refused", async (path, body) => {
  await expect(check({}, [{ path, body }])).rejects.toThrow(`its /${path} has the name`);
});

test("a number that is a name for itself is not", async () => {
  expect(await check({}, [{ path: "etc/passwd", body: "1000:x:1000:0::/:\n" }])).toEqual([]);
});

test("accounts that are too large are refused", async () => {
  await expect(check({}, [{ path: "etc/group", body: "x".repeat(2 ** 20 + 1) }])).rejects.toThrow("CVE-2026-47262");
});

test.each(["0", "80/icmp", "65536", "90-80/tcp", "x", "-1", "80/tcp\n"])("the port %j is refused", async (port) => {
  await expect(check({ ExposedPorts: { [port]: {} } })).rejects.toThrow("which is no port");
});

test.each(["SIGNONE", "0", "99", "-9", "SIGTERM; true", "SIGRTMIN+99"])(
  "the stop signal %j is refused",
  async (StopSignal) => {
    await expect(check({ StopSignal })).rejects.toThrow("is no signal");
  },
);

test("labels that engines obey are told", async () => {
  const Labels = {
    "containerd.io/restart.loguri": "binary:///bin/sh",
    "io.containers.autoupdate": "registry",
    ok: "x",
  };
  expect(await check({ Labels })).toEqual([
    'left out of the image\'s labels, since engines obey such: "containerd.io/restart.loguri", "io.containers.autoupdate"',
  ]);
});

test("what an image says is quoted without control characters, and not at length", async () => {
  await expect(check({ Env: [`\x1b[2J${"x".repeat(1000)}`] })).rejects.toThrow(/^[\x20-\x7e…]{1,300}$/);
});

const hostile =
  cases === undefined
    ? undefined
    : z
        .array(
          z.object({ id: z.string(), config: z.custom<ContainerConfig>().optional(), layer: z.string().optional() }),
        )
        .parse(cases.json("hostile/runner-cases.json"));

function configOf(id: string): ContainerConfig {
  return hostile?.find((each) => each.id === id)?.config ?? {};
}

describe.runIf(hostile !== undefined)("the shared cases", () => {
  test.each(["R04-workdir-proc-fd", "R05-user-overflow"])("%s is refused", async (id) => {
    await expect(check(configOf(id), [], old)).rejects.toThrow("Cannot run");
  });

  test("R03-dev-symlink is refused", async () => {
    await expect(check(configOf("R03-dev-symlink"), [link("dev", "/tmp/decoy")], old)).rejects.toThrow(
      "/dev is a symlink",
    );
  });

  test.each(["R07-volume-traversal", "R09-entrypoint-injection"])("%s is harmless", async (id) => {
    expect(Object.keys(configOf(id))).not.toEqual([]);
    expect(await check(configOf(id), [], old)).toEqual([]);
  });

  test("R16-masked-null is told with the runtime's version", async () => {
    expect((await check(configOf("R16-masked-null"), [link("dev/null", "/proc/1/mem")], old)).join()).toContain(
      "runc 1.1.5",
    );
  });
});
