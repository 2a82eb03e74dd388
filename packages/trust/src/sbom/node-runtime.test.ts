import { expect, test } from "vitest";
import { imageOf } from "./image-of.suite.ts";
import { takeInventory } from "./inventory.ts";

const mark = "node.js/v";

/** A program as large as Node's smallest, with a text at a place of it. */
function program(text: string, at: number): Uint8Array {
  const bytes = Buffer.alloc(5 * 1024 * 1024, 1);
  bytes.write(text, at, "latin1");
  return bytes;
}

// gunzip hands out chunks of 256 KiB.
const seam = 256 * 1024;

test.each([0, 3_000_000, seam - mark.length, seam - mark.length - 4, seam - 1, seam])(
  "Node's version is found in its program, at byte %d",
  async (at) => {
    const image = await imageOf({ layers: [{}, { "usr/local/bin/node!": program(`${mark}24.21.0\0`, at) }] });

    const { packages } = await takeInventory(image);

    expect(packages).toMatchObject([
      {
        purl: "pkg:generic/node@24.21.0",
        cpe: "cpe:2.3:a:nodejs:node.js:24.21.0:*:*:*:*:*:*:*",
        path: "usr/local/bin/node",
        layer: 1,
      },
    ]);
  },
);

test("what only looks like a version, and programs that are not Node, are passed over", async () => {
  const image = await imageOf({
    layers: [
      {
        "a/node!": program(`${mark}x.y ${mark}2024.1.1.1 ${mark}22.1.0-`, 100),
        "b/node!": program("nothing", 0),
        "c/node": program(`${mark}20.0.0 `, 0),
        "d/node!": `#!/bin/sh\n# ${mark}20.0.0 \n`,
      },
    ],
  });

  const { packages } = await takeInventory(image);

  expect(packages.map(({ path, version }) => [path, version])).toEqual([["a/node", "22.1.0"]]);
});

test("a distribution's own Node is that distribution's package", async () => {
  const image = await imageOf({
    layers: [{ "var/lib/dpkg/status": "", "usr/bin/node!": program(`${mark}20.0.0 `, 0) }],
  });

  const { packages } = await takeInventory(image);

  expect(packages).toEqual([]);
});
