import { accessSync, constants } from "node:fs";
import { expect, test } from "vitest";
import type { Bench } from "./bench.ts";

const inits = ["/usr/bin/catatonit", "/usr/libexec/podman/catatonit", "/usr/bin/tini", "/usr/bin/docker-init"];

/** Who a program runs as, and who is process 1. */
export function processes(bench: () => Bench): void {
  test("a program runs as the image's user of that name, with its group, its groups and its home", async () => {
    const { stdout } = await bench().sh('id; echo "$HOME"', { user: "app" });

    expect(stdout).toBe("uid=1000(app) gid=1000(app) groups=50(staff),1000(app)\n/home/app\n");
  });

  test("a number that the image does not know runs with group 0, and a group of one's own replaces it", async () => {
    expect((await bench().sh("id", { user: "4242" })).stdout).toMatch(/^uid=4242 gid=0\(root\) groups=0\(root\)$/m);
    expect((await bench().sh("id", { user: "1000:63" })).stdout).toMatch(
      /^uid=1000\(app\) gid=63\(audio\) groups=63\(audio\)$/m,
    );
  });

  test("groups are added by name and number", async () => {
    const { lines } = await bench().look({ user: "other", groups: ["audio", "50", "4000"] });

    expect(lines("ids")[0]).toBe("uid=1001(other) gid=1001(other) groups=50(staff),63(audio),1001(other),4000");
  });

  test("an init is process 1, passes signals on and reaps what others leave", async () => {
    const init = inits.find(executable);
    if (init === undefined) throw new Error("Expected catatonit or tini to be here");
    const script =
      "trap 'echo stopped; exit 6' TERM; sh -c 'sh -c \"sleep 0.1\" &'; sleep 0.5; ps -o stat,args; echo ready; while :; do sleep 0.05; done";
    const plan = { ...bench().plan({ command: ["sh", "-c", script] }), init };
    await using container = await bench().engine.create(plan, bench().image, { imageName: "probe" });
    const process = await container.start({ stdio: "pipe" });
    let seen = "";
    for await (const part of process.stdout) {
      seen += Buffer.from(part).toString();
      if (seen.includes("ready\n")) break;
    }

    await container.stop();

    expect(seen).toContain("/run/lading-init");
    expect(seen).not.toMatch(/^Z/m);
    expect(await container.wait()).toMatchObject({ code: 6 });
  });
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
