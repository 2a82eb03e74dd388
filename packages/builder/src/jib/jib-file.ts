import { statSync } from "node:fs";
import { resolve } from "node:path";
import * as z from "zod";
import { parseJibTime } from "./jib-time.ts";
import { compileJibPattern } from "./left-out.ts";

/*
 * A build file of the Jib CLI: jib/v1alpha1, every key. Nothing stands for a key that is not there, and is refused
 * in a list or a mapping. Numbers and booleans are texts too.
 */

const text = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .pipe(z.string().regex(/\S/, "it cannot be empty"));
const texts = z.array(text);
const permissions = text.pipe(z.string().regex(/^[0-7]{3}$/, 'expected three octal digits ("644")'));
const owner = text.pipe(z.string().regex(/^[^:\s]+$/, "expected a name or a number"));
const time = text.transform((value, context) => {
  const milliseconds = parseJibTime(value);
  if (milliseconds !== undefined) return milliseconds;
  const message = 'expected milliseconds since 1970, or a time like "2026-01-31T12:00:00Z"';
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});
const patterns = z.array(
  text.superRefine((pattern, context) => {
    try {
      compileJibPattern(pattern);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
    }
  }),
);

function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

const properties = z.strictObject({
  filePermissions: optional(permissions),
  directoryPermissions: optional(permissions),
  user: optional(owner),
  group: optional(owner),
  timestamp: optional(time),
});

const files = z.strictObject({
  src: text,
  dest: text.pipe(z.string().regex(/^\//, "expected a path that begins with a slash")),
  includes: optional(patterns),
  excludes: optional(patterns),
  properties: optional(properties),
});

const archiveLayer = z.strictObject({
  name: text,
  archive: text,
  mediaType: optional(text),
});

// As Jib's `Ports`: what is out of range is told when the image is described.
const port = text.pipe(
  z.string().regex(/^\d+(?:-\d+)?(?:\/(?:tcp|udp))?$/i, 'expected a port like "8080", "53/udp" or "9000-9010"'),
);

const environment = z.record(z.string().regex(/^[^=\0]*[^=\0\s][^=\0]*$/, 'expected a name without "="'), text);

/** The build file of the Jib CLI. Files to which patterns are applied are looked up below `context`. */
export function jibFileSchema(context: string) {
  const chosenFiles = files.superRefine(({ src, includes, excludes }, issues) => {
    const key = includes === undefined ? "excludes" : "includes";
    if ((includes ?? excludes ?? []).length === 0) return;
    if (statSync(resolve(context, src), { throwIfNoEntry: false })?.isFile() !== true) return;
    const message = `"${src}" is a single file, and patterns choose among the files of a folder`;
    issues.addIssue({ code: "custom", path: [key], message });
  });
  const fileLayer = z.strictObject({
    name: text,
    files: z.array(chosenFiles).min(1, "it cannot be empty"),
    properties: optional(properties),
  });
  return z.strictObject({
    apiVersion: z.literal("jib/v1alpha1"),
    kind: z.literal("BuildFile"),
    from: optional(
      z.strictObject({
        image: text,
        platforms: optional(z.array(z.strictObject({ architecture: text, os: text }))),
      }),
    ),
    creationTime: optional(time),
    format: optional(z.enum(["Docker", "OCI"])),
    environment: optional(environment),
    labels: optional(z.record(z.string().regex(/\S/, "a key cannot be empty"), text)),
    volumes: optional(z.array(text.pipe(z.string().regex(/^\//, "expected a path that begins with a slash")))),
    exposedPorts: optional(z.array(port)),
    user: optional(text),
    workingDirectory: optional(text.pipe(z.string().regex(/^\//, "expected a path that begins with a slash"))),
    entrypoint: optional(texts),
    cmd: optional(texts),
    layers: optional(
      z.strictObject({
        properties: optional(properties),
        entries: z.array(z.union([fileLayer, archiveLayer])).min(1, "it cannot be empty"),
      }),
    ),
  });
}

/** A build file of the Jib CLI, parsed. */
export type JibFile = z.output<ReturnType<typeof jibFileSchema>>;
export type JibLayers = NonNullable<JibFile["layers"]>;
export type JibProperties = z.output<typeof properties>;
