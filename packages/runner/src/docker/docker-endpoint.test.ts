import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { dockerEndpoint } from "./docker-endpoint.ts";

test("empty variables are none: the context of config.json counts", async () => {
  await using home = await temporaryFolder();
  const folder = join(home.path, ".docker");
  const meta = join(folder, "contexts/meta", createHash("sha256").update("mine").digest("hex"));
  await mkdir(meta, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify({ currentContext: "mine" }));
  await writeFile(
    join(meta, "meta.json"),
    JSON.stringify({ Endpoints: { docker: { Host: "unix:///run/mine.sock" } } }),
  );

  const empty = { DOCKER_HOST: "", DOCKER_CONTEXT: "" };
  const mine = { name: "unix:///run/mine.sock", connect: { socketPath: "/run/mine.sock" } };
  expect(dockerEndpoint({ ...empty, DOCKER_CONFIG: "", HOME: home.path })).toEqual(mine);
  expect(dockerEndpoint({ ...empty, DOCKER_CONFIG: folder, HOME: "" })).toEqual(mine);
  expect(dockerEndpoint({ DOCKER_CONTEXT: "default", HOME: home.path }).name).toBe("unix:///var/run/docker.sock");
});
