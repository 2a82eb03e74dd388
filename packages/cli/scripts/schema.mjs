// Writes schema/lading.schema.json, which editors show; with --check only compares.
import { readFileSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { descriptionSchema } from "../dist/config/description-file.js";

const file = new URL("../schema/lading.schema.json", import.meta.url);
const schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Lading build description",
  description: "What an image is made of: lading.yaml",
  ...z.toJSONSchema(descriptionSchema, { io: "input", target: "draft-7", unrepresentable: "any" }),
};
const text = `${JSON.stringify(schema, undefined, 2)}\n`;

if (process.argv.includes("--check")) {
  if (readFileSync(file, "utf8") !== text) {
    console.error(
      "error: schema/lading.schema.json is out of date\nhint: Run `pnpm --filter lading run build` and commit it",
    );
    process.exitCode = 1;
  }
} else writeFileSync(file, text);
