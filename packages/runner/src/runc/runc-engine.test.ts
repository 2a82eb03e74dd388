import { existsSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { digestOf, encodeTarHeader, mediaTypes, MemoryStore, tarTrailerSize, writeImage } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { expect, test, vi } from "vitest";
import { testPlan } from "../spec/run-bundle.suite.ts";
import { RuncEngine } from "./runc-engine.ts";

const runtime = ["/usr/sbin/runc", "/usr/bin/runc", "/usr/bin/crun"].find((path) => existsSync(path));

test.runIf(process.getuid?.() === 0 && runtime !== undefined)(
  "a container of an image that is removed while it is being made is none",
  async () => {
    await using place = await temporaryFolder();
    const at = (name: string): string => join(place.path, name);
    const store = new MemoryStore();
    const owner = { uid: 0, gid: 0, mtime: 0, size: 0 };
    const tar = Buffer.concat([
      encodeTarHeader({ ...owner, path: "data", type: "directory", mode: 0o755 }),
      encodeTarHeader({ ...owner, path: "data/file", type: "file", mode: 0o644 }),
      Buffer.alloc(tarTrailerSize),
    ]);
    const written = await store.write(Readable.from([tar]), mediaTypes.ociLayer);
    const blob = store.blob(written);
    const layer = { descriptor: written, diffId: digestOf(tar), open: () => blob.open() };
    const { descriptor } = await writeImage(store, { config: { os: "linux", architecture: "amd64" }, layers: [layer] });
    await using engine = new RuncEngine({ root: at("state"), runtime });
    const image = await engine.images.import(store, descriptor, { name: "localhost/going:1" });

    // What fills a volume takes as long as it is told to.
    await writeFile(at("cp"), `#!/bin/sh\ntouch ${at("begun")}\nwhile ! test -e ${at("go")}; do sleep 0.02; done\n`);
    await chmod(at("cp"), 0o755);
    vi.stubEnv("PATH", `${place.path}:${process.env["PATH"]}`);
    try {
      const plan = testPlan({
        command: ["true"],
        name: "late",
        mounts: [{ type: "volume", name: "volume", destination: "/data" }],
      });
      const making = engine.create(plan, image, { imageName: "localhost/going:1" });
      making.catch(() => undefined);
      await vi.waitUntil(() => existsSync(at("begun")), { timeout: 20_000 });
      await engine.images.remove("localhost/going:1");
      await writeFile(at("go"), "");

      await expect(making).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect(await engine.list()).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
    }
  },
);
