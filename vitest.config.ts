import { configDefaults, defineConfig } from "vitest/config";

// Tests run the TypeScript sources: the private export condition that every package carries
// leads each workspace import to `src`, so there is no stale `dist` to debug.
const source = {
  resolve: { conditions: ["@lading/source"] },
  ssr: { resolve: { conditions: ["@lading/source"] } },
};

// Packed packages and large files: minutes, not milliseconds.
const e2e = { globalSetup: "test/cache-home.ts", testTimeout: 180_000, hookTimeout: 180_000 };

// Engines share the machine's networks and cgroups, so what runs containers runs one after another.
const engines = [
  "test/engines/**/*.test.ts",
  "test/interop/!(attestations|credentials|layers|policy|registries-conf|rpm|unpack).test.ts",
  "test/*/containers.test.ts",
  "test/cli/{run,unprivileged-run}*.test.ts",
];

export default defineConfig({
  test: {
    projects: [
      {
        ...source,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts"],
          sequence: { groupOrder: 0 },
          maxWorkers: "100%",
          // A loaded machine is slow, not wrong.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...source,
        test: {
          ...e2e,
          name: "e2e",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...engines],
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
        },
      },
      {
        ...source,
        test: { ...e2e, name: "engines", include: engines, sequence: { groupOrder: 2 }, fileParallelism: false },
      },
    ],
  },
});
