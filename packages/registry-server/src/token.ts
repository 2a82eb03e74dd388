import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";

/** What a token is good for (distribution's token scope). */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** What tokens are signed with; nobody but the server that made it knows it. */
export type TokenKey = Uint8Array;

const claims = z.object({
  /** Seconds since 1970. */
  exp: z.number(),
  access: z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) })),
});

export function newTokenKey(): TokenKey {
  return randomBytes(32);
}

/** A token that says itself what it is good for, and until when, so that there is nothing to remember. */
export function makeToken(key: TokenKey, access: readonly Access[], expires: number): string {
  const payload = Buffer.from(JSON.stringify({ exp: expires, access })).toString("base64url");
  return `${payload}.${sign(key, payload)}`;
}

/** Undefined when it is not one of ours, or not any more. */
export function readToken(key: TokenKey, token: string): readonly Access[] | undefined {
  const [payload = "", signature = "", ...more] = token.split(".");
  const expected = Buffer.from(sign(key, payload));
  const actual = Buffer.from(signature);
  if (more.length > 0 || expected.length !== actual.length || !timingSafeEqual(expected, actual)) return undefined;
  const { exp, access } = claims.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
  return exp > Date.now() / 1000 ? access : undefined;
}

function sign(key: TokenKey, payload: string): string {
  return createHmac("sha256", key).update(payload).digest("base64url");
}

/** Parses `repository:acme/app:pull,push`; the name may hold one colon. Undefined when it is none. */
export function parseScope(text: string): Access | undefined {
  const match = /^([a-z0-9]+)(?:\([a-z0-9]+\))?:(.+):([a-z0-9*,]*)$/.exec(text);
  if (match === null) return undefined;
  const [, type = "", name = "", actions = ""] = match;
  return { type, name, actions: actions.split(",").filter((action) => action !== "") };
}
