import * as z from "zod";

/*
 * What podman answers, as far as it is read here: fields that podman 4.0 to 5.8 all have, or that may
 * be missing. The words are podman's.
 */

/** How answers are parsed: a parser compiled for a schema takes longer to make than the answers of one run to check. */
export const plainly = { jitless: true } as const;

const text = z.string().default("");
const optionalText = z.string().nullish();
const strings = z.array(z.string()).nullish();
const stringMap = z.record(z.string(), z.string()).nullish();

export const infoAnswer = z.object({
  host: z.object({
    cgroupVersion: text,
    cgroupControllers: strings,
    networkBackend: text,
    // null where it finds none.
    ociRuntime: z.object({ name: text, version: text, path: text }).nullish(),
    security: z.object({ rootless: z.boolean(), capabilities: text }),
    idMappings: z
      .object({
        uidmap: z.array(z.object({ size: z.number() })).nullish(),
      })
      .nullish(),
    slirp4netns: z.object({ executable: text }).nullish(),
    pasta: z.object({ executable: text }).nullish(),
  }),
  version: z.object({ Version: z.string() }),
});
export type InfoAnswer = z.infer<typeof infoAnswer>;

const config = z.object({
  User: optionalText,
  ExposedPorts: z.record(z.string(), z.object({})).nullish(),
  Env: strings,
  Entrypoint: strings,
  Cmd: strings,
  Volumes: z.record(z.string(), z.object({})).nullish(),
  WorkingDir: optionalText,
  Labels: stringMap,
  StopSignal: optionalText,
});

export const imageAnswer = z.object({
  Id: z.string(),
  Digest: text,
  RepoTags: strings,
  RepoDigests: strings,
  Created: optionalText,
  Config: config.nullish(),
  Architecture: text,
  Os: text,
  Variant: optionalText,
  Author: optionalText,
  Size: z.number(),
  RootFS: z.object({ Layers: strings }).nullish(),
  History: z
    .array(
      z.object({
        created: optionalText,
        created_by: optionalText,
        author: optionalText,
        comment: optionalText,
        empty_layer: z.boolean().nullish(),
      }),
    )
    .nullish(),
  Annotations: stringMap,
});
export type ImageAnswer = z.infer<typeof imageAnswer>;

export const imagesAnswer = z.array(z.object({ Id: z.string() })).nullish();

export const createAnswer = z.object({ Id: z.string(), Warnings: strings });

const hostPorts = z.array(z.object({ HostIp: text, HostPort: text })).nullish();

export const containerAnswer = z.object({
  Id: z.string(),
  Name: z.string(),
  State: z.object({
    Status: z.string(),
    OOMKilled: z.boolean().default(false),
    Pid: z.number().default(0),
    ExitCode: z.number().default(0),
    StartedAt: text,
    FinishedAt: text,
  }),
  RestartCount: z.number().default(0),
  OCIConfigPath: text,
  ExecIDs: strings,
  HostConfig: z.object({ LogConfig: z.object({ Path: text }).nullish() }).nullish(),
  NetworkSettings: z
    .object({
      IPAddress: text,
      GlobalIPv6Address: text,
      Networks: z.record(z.string(), z.object({ IPAddress: text, GlobalIPv6Address: text })).nullish(),
      Ports: z.record(z.string(), hostPorts).nullish(),
    })
    .nullish(),
});
export type ContainerAnswer = z.infer<typeof containerAnswer>;

export const execAnswer = z.object({ Id: z.string() });

export const execStateAnswer = z.object({
  ExitCode: z.number().default(0),
  Pid: z.number().default(0),
  Running: z.boolean(),
});
