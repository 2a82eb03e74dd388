import { expect, test } from "vitest";
import type { Bench } from "./bench.ts";

/** Containers that leave no ids to others: nothing else may run beside these tests. */
export function everyId(bench: () => Bench): void {
  test("keep-id gives whoever calls the same numbers inside, or is refused", async () => {
    if (!bench().info.userNamespaces.includes("keep-id")) {
      expect(() => bench().plan({ command: ["true"], userns: "keep-id" })).toThrow(
        'Cannot use user namespace "keep-id"',
      );
      return;
    }
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];

    const own = await bench().sh("id -u", { userns: "keep-id", user: String(uid) });
    // Nor must the image know whoever runs.
    const stranger = await bench().sh("id -u; id -G", { userns: "keep-id", user: "4242:4243" });

    expect(own.stdout).toBe(`${uid}\n`);
    expect(stranger.stdout).toBe(`4242\n4243 ${gid}\n`);
  });

  test("whoever keeps their id has every id: auto has none to give until that container is removed", async () => {
    const names = bench().info.userNamespaces;
    if (names.includes("keep-id")) {
      await using keeper = await bench().shell("true", { userns: "keep-id" });

      await expect(bench().create({ command: ["true"], userns: "auto" })).rejects.toMatchObject({
        code: "UNSUPPORTED",
        message: expect.stringContaining("could not find enough available IDs"),
        hint: expect.stringContaining("keep-id"),
      });
      expect(await keeper.info()).toMatchObject({ status: "created" });
    }

    if (names.includes("auto")) expect((await bench().sh("id -u", { userns: "auto" })).stdout).toBe("0\n");
    else expect(() => bench().plan({ command: ["true"], userns: "auto" })).toThrow("Cannot use user namespace");
  });
}
