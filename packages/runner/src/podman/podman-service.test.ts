import { createServer } from "node:http";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { PodmanClient } from "./podman-client.ts";
import { askInfo } from "./podman-info.ts";
import { findService, serve } from "./podman-service.ts";

/** Somebody who answers the same to everything at a socket. */
async function answerAt(
  socket: string,
  headers: Readonly<Record<string, string>>,
  body = "OK",
): Promise<AsyncDisposable> {
  const server = createServer((_, response) => response.writeHead(200, headers).end(body));
  await new Promise<void>((resolve) => void server.listen(socket, resolve));
  return {
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

test("CONTAINER_HOST is where podman is, or nowhere", async () => {
  await using folder = await temporaryFolder();
  const socket = join(folder.path, "p.sock");
  const env = { CONTAINER_HOST: `unix://${socket}` };

  await expect(findService({ env })).rejects.toMatchObject({
    code: "NO_ENGINE",
    message: expect.stringContaining("there is no socket"),
  });
  await using _service = await answerAt(socket, { "Libpod-API-Version": "4.3.1" });
  expect(await findService({ env })).toEqual({ socket, findings: [] });
});

test.each(["tcp://localhost:8080", "ssh://root@box/run/podman.sock", "/run/podman.sock"])(
  "CONTAINER_HOST=%s is refused",
  async (host) => {
    await expect(findService({ env: { CONTAINER_HOST: host } })).rejects.toThrow("only unix:// sockets are spoken to");
  },
);

test("what answers and is not podman counts for nothing, nor does a socket that is dead", async () => {
  await using folder = await temporaryFolder();
  const env = { XDG_RUNTIME_DIR: folder.path };
  await mkdir(join(folder.path, "podman"));
  await mkdir(join(folder.path, "lading"));
  const [users, ours] = [join(folder.path, "podman/podman.sock"), join(folder.path, "lading/podman.sock")];
  await writeFile(ours, "");
  await using _docker = await answerAt(users, { "Api-Version": "1.41" });

  const { findings } = await findService({ env });

  expect(findings).toContain(`${users}: somebody else answers there, not podman`);
  expect(findings).toContain(`${ours}: nobody listens`);
});

test("a podman that finds no runtime is of no use, and says why", async () => {
  await using folder = await temporaryFolder();
  const socket = join(folder.path, "p.sock");
  const host = { ociRuntime: null, security: { rootless: false } };
  await using _service = await answerAt(socket, {}, JSON.stringify({ host, version: { Version: "4.3.1" } }));
  using client = new PodmanClient(socket);

  await expect(askInfo(client)).rejects.toMatchObject({
    code: "NO_ENGINE",
    message: `Cannot use podman at ${socket}: it finds no runtime`,
  });
});

test("DOCKER_HOST is not podman's", async () => {
  await using folder = await temporaryFolder();
  const socket = join(folder.path, "d.sock");
  await using _docker = await answerAt(socket, { "Libpod-API-Version": "4.3.1" });
  const found = await findService({ env: { DOCKER_HOST: `unix://${socket}`, XDG_RUNTIME_DIR: folder.path } });
  expect(found.socket).not.toBe(socket);
});

test("a program that does not begin to serve is told by its last words", async () => {
  await using folder = await temporaryFolder();
  const program = join(folder.path, "podman");
  await writeFile(program, "#!/bin/sh\necho cannot find a store >&2\nexit 125\n", { mode: 0o755 });
  await expect(serve(join(folder.path, "p.sock"), { program })).rejects.toMatchObject({
    code: "NO_ENGINE",
    message: `Cannot start podman's service (${program}): cannot find a store`,
  });
  await expect(
    serve(join(folder.path, "p.sock"), { env: { PATH: "" }, program: join(folder.path, "none") }),
  ).rejects.toMatchObject({
    code: "NO_ENGINE",
  });
});
