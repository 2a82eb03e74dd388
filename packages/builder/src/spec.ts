import * as z from "zod";

/*
 * The build description: what lading.yaml holds, `defineConfig` types and the façade collects.
 * Everything that is a matter of one field (a number that must be a string, a list that may be a
 * string) is settled here; after parsing nothing looks at raw input again. The descriptions become
 * the JSON Schema that editors show.
 */

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const strings = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const mode = z
  .string()
  .regex(
    /^(?:source|[0-7]{3,5}|[ugoa]*[-+=][rwxXstugo]*(?:[-+][rwxXst]*)*(?:,[ugoa]*[-+=][rwxXstugo]*(?:[-+][rwxXst]*)*)*)$/,
    'expected octal digits in quotes ("0644"), a symbolic mode ("u=rw,go=r") or "source"',
  );
const owner = z
  .union([
    z.string().regex(/^[^:\s]+(?::[^:\s]+)?$/, 'expected "user", "user:group" or numbers'),
    z.number().int().min(0),
  ])
  .transform(String);
const rfc3339 = z.iso.datetime({ offset: true, error: 'expected a time like "2026-01-31T12:00:00Z"' });
const time = z.union([z.enum(["source", "epoch"]), z.number().int().describe("Seconds since 1970"), rfc3339]);

/** What applies to every file that an entry, or a layer, adds. */
const properties = {
  mode: mode
    .optional()
    .describe(
      'Permission bits of files: "0644", symbolic, or "source" to keep those on disk. Default: 0755 when the source is executable by its owner, else 0644.',
    ),
  dirMode: mode.optional().describe('Permission bits of folders. Default: "0755".'),
  owner: owner
    .optional()
    .describe(
      'Owner as "user[:group]", by number, or by name through the base\'s /etc/passwd and /etc/group. Default: "0:0"; for unpacked archives what the archive says.',
    ),
  mtime: time
    .optional()
    .describe(
      'Modification time: "source", "epoch" (SOURCE_DATE_EPOCH, else 1 s after 1970 began), seconds since 1970, or RFC 3339. Default: "epoch"; for unpacked archives what the archive says.',
    ),
  exclude: strings.optional().describe("Patterns (.dockerignore syntax, relative to the source folder) to leave out"),
};

const addSource = z.strictObject({
  src: strings.describe("File, folder or glob below the context; a folder's contents are added"),
  dest: z.string().describe("Path in the image; a trailing slash makes it a folder"),
  include: strings.optional().describe("Patterns, relative to the source folder, of the only files to add"),
  unpack: z
    .boolean()
    .optional()
    .describe("Unpack the archive into dest: zip, or tar, plain or with gzip, bzip2, xz or zstd, told by content"),
  xattrs: z
    .record(z.string(), z.string())
    .optional()
    .describe("Extended attributes, values as setfattr(1) takes them: text, 0x… hex or 0s… base64"),
  ignore: z.literal(false).optional().describe("Take it whatever the ignore file says"),
  platform: strings.optional().describe("Only for these platforms"),
  ...properties,
});
const addContent = z.strictObject({
  content: z.string().describe("The file's text, as it is"),
  dest: z.string().describe("Path of the file in the image"),
  platform: strings.optional(),
  mode: properties.mode,
  owner: properties.owner,
  mtime: properties.mtime,
});
const addSymlink = z.strictObject({
  symlink: z.string().min(1).describe("What the link says, as it is"),
  dest: z.string().describe("Path of the link in the image"),
  platform: strings.optional(),
  owner: properties.owner,
  mtime: properties.mtime,
});
const addDirectory = z.strictObject({
  directory: z.literal(true).describe("An empty folder"),
  dest: z.string().describe("Path of the folder in the image"),
  platform: strings.optional(),
  mode: properties.dirMode,
  owner: properties.owner,
  mtime: properties.mtime,
});

const layer = z.strictObject({
  name: z.string().optional().describe("Shown in progress and written into the history"),
  add: z.array(z.union([addSource, addContent, addSymlink, addDirectory])).optional(),
  remove: strings
    .optional()
    .describe("Paths of the base to delete; a trailing slash-star (/var/cache/*) empties a folder"),
  platform: strings.optional().describe("Only for these platforms"),
  ...properties,
});

const argv = z.union([z.string(), z.array(z.string())]);
const duration = z.union([z.string(), z.number()]);

const healthcheck = z.union([
  z.literal("none"),
  z.strictObject({
    test: argv.describe("Command: a list is executed, a string is run by the image's shell"),
    interval: duration.optional().describe('Go duration ("30s") or seconds'),
    timeout: duration.optional(),
    startPeriod: duration.optional(),
    startInterval: duration.optional(),
    retries: z.number().int().min(0).optional(),
  }),
]);

export const buildSpecSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().optional().describe("What the image is called: a reference, with or without tag"),
  tags: strings.optional().describe("More references, or bare tags of `name`"),
  from: z
    .string()
    .optional()
    .describe(
      'Base image: a place (oci:DIR, oci-archive:FILE, docker-archive:FILE, a reference) or "scratch" (default)',
    ),
  platforms: strings
    .optional()
    .describe("Platforms to build, as os/arch[/variant]. Default: the base's, or the host's"),
  layers: z.array(layer).optional().describe("From the base upwards; a layer that would be empty is left out"),
  ignoreFile: z
    .string()
    .optional()
    .describe("Ignore file below the context. Default: .ladingignore, .containerignore or .dockerignore"),
  allowSecrets: strings.optional().describe("Patterns of files that look like secrets and are meant to be shipped"),
  entrypoint: argv.optional().describe("List, or a string split as a shell would; an empty list removes the base's"),
  cmd: argv.optional().describe("List, or a string split as a shell would; an empty list removes the base's"),
  env: z
    .record(z.string().regex(/^[^=\0]+$/, 'expected a name without "="'), scalar)
    .optional()
    .describe("Environment; $NAME and ${NAME} stand for the base's value, $$ for a dollar"),
  labels: z.record(z.string(), scalar).optional(),
  annotations: z.record(z.string(), scalar).optional().describe("Annotations of every manifest and of the index"),
  user: z.union([z.string(), z.number()]).transform(String).optional(),
  workdir: z.string().optional().describe("Relative paths start at the base's"),
  expose: z
    .array(z.union([z.string(), z.number()]).transform(String))
    .optional()
    .describe('Ports: 8080, "53/udp", "8000-8010"'),
  volumes: strings.optional(),
  stopSignal: z.union([z.string(), z.number()]).transform(String).optional(),
  healthcheck: healthcheck.optional().describe("Docker's extension of the image config"),
  created: z
    .union([z.literal("now"), z.number().int(), rfc3339])
    .optional()
    .describe('RFC 3339, seconds since 1970, or "now". Default: SOURCE_DATE_EPOCH, else 1970-01-01T00:00:00Z'),
  author: z.string().optional(),
  compression: z
    .string()
    .regex(/^(?:gzip|zstd|none)(?::\d{1,2})?$/, "expected gzip, zstd or none, and optionally a colon and a level")
    .optional()
    .describe("gzip|zstd|none[:LEVEL]. Default: gzip"),
  outputs: strings.optional().describe("Places to write to, when the command names none"),
});

/** A build description as people write it. */
export type BuildSpecInput = z.input<typeof buildSpecSchema>;
/** A build description after parsing. */
export type BuildSpec = z.output<typeof buildSpecSchema>;
export type LayerSpec = z.output<typeof layer>;
export type AddSpec = NonNullable<LayerSpec["add"]>[number];
