import { readFileSync } from "node:fs";
import { lstat, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Bench, newName } from "./bench.ts";

/** `withFiles`: a container's files from the outside. */
export function files(bench: () => Bench): void {
  test("the files of a container that runs are those that its program sees", async () => {
    await using container = await bench().idle({ mounts: [{ type: "tmpfs", destination: "/memory" }] });
    await bench().exec(container, ["sh", "-c", "echo inside > /tmp/file; echo memory > /memory/file"]);

    await container.withFiles(async (root) => {
      expect(await readFile(join(root, "tmp/file"), "utf8")).toBe("inside\n");
      expect(await readFile(join(root, "memory/file"), "utf8")).toBe("memory\n");
      await writeFile(join(root, "tmp/from-outside"), "outside\n");
    });

    expect((await bench().exec(container, ["cat", "/tmp/from-outside"])).stdout).toBe("outside\n");
  });

  test("before its start and after its end they are there as well", async () => {
    await using container = await bench().shell("cat /tmp/before; echo after > /tmp/after; rm /etc/group");

    await container.withFiles((root) => writeFile(join(root, "tmp/before"), "before\n"));
    expect((await bench().toEnd(container)).stdout).toBe("before\n");
    await container.withFiles(async (root) => {
      expect(await readFile(join(root, "tmp/after"), "utf8")).toBe("after\n");
      await expect(lstat(join(root, "etc/group"))).rejects.toMatchObject({ code: "ENOENT" });
      await expect(lstat(join(root, "gone"))).rejects.toMatchObject({ code: "ENOENT" });
      expect((await lstat(join(root, "etc/passwd"))).mode & 0o7777).toBe(0o644);
    });
  });

  test("what the work returns and throws comes back, and no mount is left", async () => {
    await using container = await bench().shell("true");
    const reason = new Error("the work failed");
    const roots: string[] = [];

    expect(
      await container.withFiles(async (root) => {
        roots.push(root);
        return 42;
      }),
    ).toBe(42);
    await expect(
      container.withFiles(async (root) => {
        roots.push(root);
        throw reason;
      }),
    ).rejects.toBe(reason);

    const mounts = readFileSync("/proc/self/mounts", "utf8");
    for (const root of roots) expect(mounts).not.toContain(` ${root} `);
  });

  test("two who work with the files of a container at once do not disturb each other", async () => {
    await using container = await bench().shell("true");
    const names = ["a", "b"];

    await Promise.all(names.map((name) => container.withFiles((root) => writeFile(join(root, "tmp", name), name))));

    await container.withFiles(async (root) => {
      for (const name of names) expect(await readFile(join(root, "tmp", name), "utf8")).toBe(name);
    });
  });

  test("containers of one image do not see each other's changes", async () => {
    await using first = await bench().shell("true");
    await using second = await bench().shell("cat /etc/passwd");
    await first.withFiles((root) => writeFile(join(root, "etc/passwd"), newName()));

    expect((await bench().toEnd(second)).stdout).toBe(bench().probe.accounts.passwd);
  });
}
