import { encodeTarHeader, tarTrailerSize } from "@lading/oci";
import type { StepMount } from "./step.ts";

/** Something to see in a step that is nowhere else. */
export type Secret = Extract<StepMount, { readonly type: "secret" }>;

/** Secrets as a tar, each named by its place: a program that reads it from a pipe leaves none on a disk. */
export function secretsArchive(secrets: readonly Secret[]): Uint8Array {
  const parts = secrets.flatMap(({ content, mode, uid, gid }, index) => [
    encodeTarHeader({
      path: String(index),
      type: "file",
      mode: mode & 0o777,
      uid,
      gid,
      mtime: 0,
      size: content.length,
    }),
    content,
    new Uint8Array((512 - (content.length % 512)) % 512),
  ]);
  return Buffer.concat([...parts, new Uint8Array(tarTrailerSize)]);
}
