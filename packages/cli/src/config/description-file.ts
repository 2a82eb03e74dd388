import { buildSpecSchema } from "@lading/builder";
import * as z from "zod";

/*
 * What lading.yaml and lading.config.ts hold: a build description, which may name a Dockerfile where others name a base.
 */

const text = z.string().min(1);
const values = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String));

const settings = z.strictObject({
  file: text.default("Dockerfile").describe("Relative to the context. Default: Dockerfile"),
  target: text.optional().describe("Stage to build. Default: the last"),
  args: values.optional().describe("Values for its ARGs; those of --build-arg go over them"),
  contexts: z
    .record(z.string(), text)
    .optional()
    .describe("What FROM and --from call by a name: a folder, relative to the context, or the place of an image"),
  network: z.enum(["none", "default", "host"]).optional().describe("Of RUN, where that names none. Default: none"),
});

/** What a description says of the Dockerfile that makes what it is laid on. */
export type DockerfileSettings = z.output<typeof settings>;

const dockerfile = z.union([text.transform((file): DockerfileSettings => ({ file })), settings]);

export const descriptionSchema = buildSpecSchema
  .extend({
    dockerfile: dockerfile
      .optional()
      .describe("Dockerfile, instead of a base: everything else is laid on the image that it makes"),
  })
  .superRefine(({ from, dockerfile: file }, issues) => {
    if (from === undefined || file === undefined) return;
    const message = `the base is what ${file.file} says; give it by an ARG or under contexts`;
    issues.addIssue({ code: "custom", path: ["from"], message });
  });

/** A description as people write it. */
export type DescriptionInput = z.input<typeof descriptionSchema>;
/** A description after parsing. */
export type DescriptionFile = z.output<typeof descriptionSchema>;
