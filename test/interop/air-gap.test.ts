import { stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { ladingCommand } from "./lading.ts";
import { startPodman } from "./podman.ts";

const example = fileURLToPath(new URL("../../examples/air-gap", import.meta.url));

test.runIf(isRoot && installed("podman", "unshare", "ip"))(
  "the example carries an image to a machine without a network, and what is new a day later",
  async () => {
    await using folder = await temporaryFolder();
    await using podman = await startPodman();
    const options = {
      cwd: folder.path,
      env: { PATH: `${dirname(ladingCommand)}:${process.env["PATH"]}`, PODMAN: podman.command([]).join(" ") },
    };
    const connected = (...args: readonly string[]): Promise<string> =>
      run("sh", [join(example, "connected.sh"), ...args], options);
    const isolated = (...args: readonly string[]): Promise<string> => {
      const alone = ["--net", "sh", "-c", 'ip link set lo up && exec "$@"', "-"];
      return run("unshare", [...alone, "sh", join(example, "isolated.sh"), ...args], options);
    };

    await connected("monday");
    expect(await isolated("monday", "--version")).toMatch(/^\d+\.\d+\.\d+$/m);

    await writeFile(join(folder.path, "news.js"), 'export const news = "Tuesday";\n');
    await connected("tuesday", "news.js");
    expect(await isolated("tuesday", "/www/news.js")).toContain('export const news = "Tuesday";');
    const [whole, delta] = await Promise.all(
      ["monday", "tuesday"].map(async (day) => (await stat(join(folder.path, "medium", `${day}.tar`))).size),
    );
    expect(delta).toBeLessThan((whole ?? 0) / 100);
  },
);
