import { defineConfig } from "vitest/config";

// Tests run the TypeScript sources: the private export condition that every package carries
// leads each workspace import to `src`, so there is no stale `dist` to debug.
const source = {
  resolve: { conditions: ["@lading/source"] },
  ssr: { resolve: { conditions: ["@lading/source"] } },
};

export default defineConfig({
  test: {
    projects: [
      { ...source, test: { name: "unit", include: ["packages/*/src/**/*.test.ts"], testTimeout: 60_000 } },
      {
        ...source,
        test: {
          name: "e2e",
          include: ["test/**/*.test.ts"],
          globalSetup: "test/cache-home.ts",
          // Engines, packed packages and large files: minutes, not milliseconds.
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
