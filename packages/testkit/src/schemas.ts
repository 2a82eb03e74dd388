import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import { cases } from "./cases.ts";

export type SpecDocument = "manifest" | "index" | "config" | "layout" | "descriptor";

const files: Readonly<Record<SpecDocument, string>> = {
  manifest: "image-manifest-schema.json",
  index: "image-index-schema.json",
  config: "config-schema.json",
  layout: "image-layout-schema.json",
  descriptor: "content-descriptor.json",
};

let loaded: Ajv | undefined;

/**
 * What the image-spec's own JSON schema has against a document: "" when nothing, undefined when the
 * schemas are not on this machine.
 */
export function schemaErrors(kind: SpecDocument, document: unknown): string | undefined {
  if (cases === undefined) return undefined;
  loaded ??= loadSchemas(cases.path("image-spec-schemas"));
  const validate = loaded.getSchema(files[kind]);
  if (validate === undefined) throw new Error(`Cannot find the image-spec's schema of a ${kind}`);
  return validate(document) === true ? "" : loaded.errorsText(validate.errors ?? null);
}

function loadSchemas(folder: string): Ajv {
  const ajv = new Ajv({ strict: false });
  formats.default(ajv);
  for (const file of readdirSync(folder))
    ajv.addSchema(stripIds(JSON.parse(readFileSync(`${folder}/${file}`, "utf8"))), file);
  return ajv;
}

// The schemas are draft 4 and name each other by file, which their ids contradict.
function stripIds(schema: object): object {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      (key === "id" || key === "$schema") && typeof value === "string" ? undefined : value,
    ),
  );
}
