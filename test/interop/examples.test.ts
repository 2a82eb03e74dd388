import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startRegistry, temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { busyboxBase, serving } from "./busybox-base.ts";
import { installed, isRoot } from "./command.ts";
import { lading } from "./lading.ts";
import { startPodman } from "./podman.ts";

const examples = fileURLToPath(new URL("../../examples", import.meta.url));
const canServe = installed("podman", "runc", "conmon", "busybox") && isRoot;

test.runIf(canServe)("podman serves what the stages of the example's Dockerfile made", async () => {
  await using folder = await temporaryFolder();
  await using podman = await startPodman();
  const env = { LADING_ROOT: join(folder.path, "state"), LADING_CACHE_DIR: join(folder.path, "cache") };
  const base = ["--build-context", `busybox:1.37=${await busyboxBase(folder.path)}`];
  const archive = `oci-archive:${folder.path}/pages.tar`;
  const build = async (...more: readonly string[]): Promise<string> =>
    await lading(["build", join(examples, "dockerfile"), ...base, "-q", "-o", archive, ...more], { env });

  const first = await build();
  const second = await build("--build-arg", "EDITION=second", "--tag", "localhost/pages:1");
  expect(second).not.toBe(first);
  // What a step was run for is taken again: its output has times of the day.
  expect(await build("--build-arg", "EDITION=second", "--tag", "localhost/pages:1")).toBe(second);

  await podman(["load", "--input", join(folder.path, "pages.tar")]);
  const get = await serving(podman, "localhost/pages:1", 8080);
  expect(await get("/")).toMatch(/<h1>The daily manifest<\/h1>\n[^]*\n<footer>The second edition<\/footer>\n$/);
  expect(await get("/about.html")).toContain("<p>Written as text");
  await expect(get("/draft.html")).rejects.toThrow("404");
  expect(await podman(["exec", "server", "sh", "-c", "id -u; ls /"])).toMatch(/^1000\n(?!.*pages)/s);
});

test.runIf(canServe)(
  "podman serves the example's static site from the base's folder, by the base's command",
  async () => {
    await using folder = await temporaryFolder();
    await using registry = await startRegistry();
    await using podman = await startPodman();
    const nginx = `${registry.host}/library/nginx:alpine`;
    const command = ["httpd", "-f", "-p", "8080", "-h", "/usr/share/nginx/html"];
    const busybox = await busyboxBase(folder.path);
    await lading([
      "build",
      folder.path,
      "--from",
      busybox,
      "--cmd",
      JSON.stringify(command),
      "-t",
      nginx,
      "--push",
      "-q",
    ]);

    const archive = join(folder.path, "site.tar");
    const names = ["-t", "localhost/site:1", "-o", `oci-archive:${archive}`];
    await lading(["build", join(examples, "static-site/site"), "--from", nginx, ...names]);
    await podman(["load", "--input", archive]);
    const get = await serving(podman, "localhost/site:1", 8080);
    expect(await get("/")).toContain("<title>");
    expect(await get("/about/")).toContain("<title>");
    expect(await get("/style.css")).toContain("{");
    await expect(get("/drafts/next.html")).rejects.toThrow("404");
  },
);
