import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test, vi } from "vitest";
import { readHost } from "../host/read-host.ts";

vi.mock("../host/subordinate-ids.ts", () => {
  const ids = [{ start: 100_000, size: 65_536 }];
  return { subordinateIds: () => ({ uids: ids, gids: ids }) };
});

const processes = (): readonly string[] => process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap");

test.runIf(readHost().userNamespaces === "available")(
  "where newuidmap fails, the program that waits for its ids ends",
  async () => {
    await using folder = await temporaryFolder();
    for (const [name, script] of [
      ["newgidmap", "exit 0"],
      ["newuidmap", "echo not today >&2; exit 1"],
    ] as const) {
      await writeFile(join(folder.path, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(folder.path, name), 0o755);
    }
    vi.stubEnv("PATH", `${folder.path}:${process.env["PATH"]}`);
    // Where programs are is read once.
    vi.resetModules();
    const { beginInUserNamespace } = await import("./user-namespace.ts");
    const before = processes();

    await expect(beginInUserNamespace(["true"])).rejects.toThrow("with newuidmap: not today");

    await vi.waitUntil(() => processes().length === before.length, { timeout: 20_000 });
  },
);
