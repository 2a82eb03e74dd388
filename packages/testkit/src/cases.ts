import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = new URL("../../../../shared/cases/", import.meta.url);

/**
 * Inputs with expected outcomes that nobody here wrote. They lie beside the checkout on the
 * project's CI, and nowhere else; a test that needs them says so by `test.runIf(cases !== undefined)`.
 */
export const cases: { path(name: string): string; json(name: string): unknown } | undefined = existsSync(root)
  ? {
      path: (name) => fileURLToPath(new URL(name, root)),
      json: (name) => JSON.parse(readFileSync(new URL(name, root), "utf8")),
    }
  : undefined;

// The project's CI sets this: there, what is missing is a failure and not a gap.
if (cases === undefined && process.env["LADING_TEST_STRICT"] === "1")
  throw new Error(`Cannot find the shared cases at ${fileURLToPath(root)}`);

/** The `cases` of a file, parsed; none where `cases` is undefined. */
export function casesIn<T>(name: string, schema: z.ZodType<T>): readonly T[] {
  if (cases === undefined) return [];
  return z.object({ cases: z.array(schema) }).parse(cases.json(name)).cases;
}
