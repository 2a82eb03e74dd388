import assert from "node:assert/strict";
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { run, scratch } from "lading";

const context = dirname(fileURLToPath(import.meta.url));
const { resolve } = createRequire(import.meta.url);
await mkdir(`${context}/dist`, { recursive: true });
await copyFile(resolve(`@esbuild/linux-${process.arch}/bin/esbuild`), `${context}/dist/server`);

// The server of the image under test, FROM scratch: no shell, nothing but the program and a page.
await using image = await scratch()
  .layer("server", { "dist/server": "/server" })
  .layer("pages", [{ content: "<h1>It works</h1>", dest: "/site/index.html" }])
  .entrypoint(["/server", "--servedir=/site", "--serve=0.0.0.0:8080"])
  .user("65532:65532")
  .build({ context });

// As strict as it gets, but for the port: no capability, nothing to write to, user ids of its own.
await using server = await run(
  image,
  {
    profile: "strict",
    network: "bridge",
    interactive: true,
    ports: [{ containerPort: 8080, hostPort: 0, protocol: "tcp" }],
  },
  { ready: { http: 8080 } },
);

const { host, port } = await server.port(8080);
const answer = await fetch(`http://${host}:${port}/`);
assert.match(await answer.text(), /It works/);

const isolation = await server.container.isolation();
assert.deepEqual(isolation.capabilities.bounding, []);
console.log(
  `${server.container.engine}: uid ${isolation.uidMap[0]?.hostId}, ${isolation.seccomp}, answered ${answer.status}`,
);
