import type { Operation, ServedRequest } from "@lading/registry-server";
import { changed, type Injection } from "./fault.ts";

/** One way in which a registry, or what lies between, goes wrong, and what a client is to make of it. */
export interface RegistryFault {
  readonly name: string;
  /** What the client is doing: pushing, pulling, listing tags or referrers, or copying within the registry. */
  readonly during: "push" | "pull" | "tags" | "referrers" | "mount";
  /** The requests that go wrong. */
  readonly operation: Operation | readonly Operation[];
  readonly method?: string;
  /** Tells apart requests of the operation. */
  readonly only?: (request: ServedRequest) => boolean;
  /** How many requests go wrong; Infinity for all. */
  readonly times: number;
  readonly inject: Injection;
  /** Whether the client gets done what it was to do, or says why not. */
  readonly outcome: "survives" | "refuses";
  /** The code of the error, or of one of its causes, when it refuses. */
  readonly code?: string;
  /** Bytes of a layer; small ones when not given. */
  readonly layerSize?: number;
  /** Milliseconds that the client has to wait in all, at least. */
  readonly waits?: number;
  /** How the registry asks who it is; Basic when not given. */
  readonly auth?: "token";
}

export interface Target {
  readonly label: string;
  readonly during: RegistryFault["during"];
  readonly operation: Operation;
  readonly method: string;
}

export const manifestHead: Target = { label: "manifest HEAD", during: "pull", operation: "manifest", method: "HEAD" };
export const manifestGet: Target = { label: "manifest GET", during: "pull", operation: "manifest", method: "GET" };
export const blobGet: Target = { label: "blob GET", during: "pull", operation: "blob", method: "GET" };
export const blobHead: Target = { label: "blob HEAD", during: "push", operation: "blob", method: "HEAD" };
export const uploadPost: Target = { label: "upload POST", during: "push", operation: "start-upload", method: "POST" };
export const uploadPut: Target = { label: "upload PUT", during: "push", operation: "put-upload", method: "PUT" };
export const manifestPut: Target = { label: "manifest PUT", during: "push", operation: "manifest", method: "PUT" };
export const tagsGet: Target = { label: "tags GET", during: "tags", operation: "tags", method: "GET" };

export const referrersGet: Target = {
  label: "referrers GET",
  during: "referrers",
  operation: "referrers",
  method: "GET",
};

export const targets: readonly Target[] = [
  manifestHead,
  manifestGet,
  blobGet,
  blobHead,
  uploadPost,
  uploadPut,
  manifestPut,
  tagsGet,
  referrersGet,
];
export const once: number = 1;
export const twice: number = 2;
export const always: number = Infinity;
export const mebibyte: number = 1024 * 1024;

export type Outcome = Pick<RegistryFault, "outcome" | "code">;
export const survives: Outcome = { outcome: "survives" };
export const refuses = (code: string): Outcome => ({ outcome: "refuses", code });

export function fault(
  { label, ...target }: Target,
  name: string,
  times: number,
  inject: Injection,
  outcome: Outcome,
  rest: Partial<RegistryFault> = {},
): RegistryFault {
  const often = times === once ? "once" : times === twice ? "twice" : "always";
  return { name: `${label}: ${name}, ${often}`, times, inject, ...target, ...outcome, ...rest };
}

/** The middle of a body. */
export const half = (size: number): number => Math.floor(size / 2);

/** The answer with another header, or without it. */
export const withHeader = (name: string, value: string | undefined): Injection =>
  changed(() => ({ headers: { [name]: value } }));

/** What a web server says instead. */
export const html: string = "<!doctype html><title>Sign in</title>";
