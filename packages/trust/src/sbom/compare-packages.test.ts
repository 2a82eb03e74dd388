import { expect, test } from "vitest";
import { comparePackages } from "./compare-packages.ts";
import { imageOf } from "./image-of.suite.ts";
import { takeInventory } from "./inventory.ts";

function files(packages: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(packages).map(([path, version]) => [
      `${path}/package.json`,
      JSON.stringify({ name: path.slice(path.lastIndexOf("node_modules/") + 13), version }),
    ]),
  );
}

test("packages that came, went and moved on are told with versions and layers", async () => {
  const before = await imageOf({
    layers: [
      files({ "node_modules/same": "1.0.0", "node_modules/gone": "1.0.0" }),
      files({ "node_modules/moved": "1.0.0", "node_modules/same/node_modules/twice": "1.0.0" }),
    ],
  });
  const after = await imageOf({
    layers: [
      files({ "node_modules/same": "1.0.0", "lib/node_modules/same": "1.0.0" }),
      files({ "node_modules/twice": "2.0.0", "node_modules/same/node_modules/twice": "1.0.0" }),
      files({ "node_modules/moved": "1.1.0", "node_modules/@new/one": "0.1.0" }),
    ],
  });

  const changes = comparePackages(await takeInventory(before), await takeInventory(after));

  expect(changes).toEqual([
    { change: "added", type: "npm", name: "@new/one", before: [], after: ["0.1.0"], layers: [3] },
    { change: "removed", type: "npm", name: "gone", before: ["1.0.0"], after: [], layers: [1] },
    { change: "changed", type: "npm", name: "moved", before: ["1.0.0"], after: ["1.1.0"], layers: [3] },
    { change: "changed", type: "npm", name: "twice", before: ["1.0.0"], after: ["1.0.0", "2.0.0"], layers: [2] },
  ]);
});
