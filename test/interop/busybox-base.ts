import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { run } from "./command.ts";
import { lading } from "./lading.ts";
import type { Podman } from "./podman.ts";

/** An image with the programs of busybox, as an OCI layout. */
export async function busyboxBase(folder: string): Promise<string> {
  const bin = join(folder, "busybox/bin");
  await mkdir(bin, { recursive: true });
  const program = join(bin, "busybox");
  await copyFile((await run("sh", ["-c", "command -v busybox"])).trim(), program);
  await run(program, ["--install", bin]);
  const place = `oci:${join(folder, "base")}:busybox`;
  await lading(["build", join(folder, "busybox"), "--add", ".:/", "--env", "PATH=/bin", "-q", "-o", place]);
  return place;
}

/** A container of an image that serves a folder, with nothing but its own loopback, and what it answers. */
export async function serving(podman: Podman, image: string, port: number): Promise<(path: string) => Promise<string>> {
  await podman(["run", "--detach", "--name", "server", "--network", "none", image]);
  const get = async (path: string): Promise<string> =>
    await podman(["exec", "server", "wget", "-q", "-O", "-", `http://127.0.0.1:${port}${path}`]);
  for (let left = 100; left > 0; left--) {
    // The program may not listen yet.
    const answered = await get("/").then(
      () => true,
      () => false,
    );
    if (answered) break;
    await setTimeout(50);
  }
  return get;
}
