import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Digest, digestOf, mediaTypes, MemoryStore, tarTrailerSize, writeImage } from "@lading/oci";
import { RuncEngine } from "@lading/runner";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { EnginePool } from "./engine-pool.ts";

test.runIf(process.getuid?.() === 0)(
  "a removal of an image before that fails, fails no build, and is tried again with the next one",
  async () => {
    await using place = await temporaryFolder();
    await using engine = new RuncEngine({ root: place.path, runtime: "/usr/bin/runc" });
    const store = new MemoryStore();
    const tar = Buffer.alloc(tarTrailerSize);
    const written = await store.write(Readable.from([tar]), mediaTypes.ociLayer);
    const layers = [{ descriptor: written, diffId: digestOf(tar), open: () => store.blob(written).open() }];
    const build = async (version: string): Promise<Digest> => {
      const config = { os: "linux", architecture: "amd64", config: { Labels: { version } } };
      const { descriptor } = await writeImage(store, { config, layers });
      return (await engine.images.import(store, descriptor, { name: "localhost/app:1" })).id;
    };
    const [one, two] = [await build("1"), await build("2")];
    await using pool = new EnginePool();
    await pool.given(engine, one);

    const names = join(place.path, "images/names");
    await rename(names, `${names}-away`);
    await writeFile(names, "not a folder");
    await pool.given(engine, two);
    // The one before is done with when the next one comes.
    await pool.given(engine, two);
    await rename(`${names}-away`, `${names}-back`);
    await rename(names, `${names}-file`);
    await rename(`${names}-back`, names);

    expect((await engine.images.list()).map(({ id }) => id).toSorted()).toEqual([one, two].toSorted());
    const three = await build("3");
    await pool.given(engine, three);
    await pool.given(engine, three);
    expect((await engine.images.list()).map(({ id }) => id)).toEqual([three]);
  },
);
