import { readFile } from "node:fs/promises";
import type { Identity, PublicKey, Trust, TrustedRoot } from "@lading/trust";
import type { Options } from "yargs";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";

/** The flags that say whose signatures count; in cosign's words. */
export const trustOptions: Readonly<Record<string, Options>> = {
  key: {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "file with public keys (PEM); any of them will do",
  },
  "certificate-identity": { type: "string", requiresArg: true, describe: "who must have signed, exactly" },
  "certificate-oidc-issuer": { type: "string", requiresArg: true, describe: "who must say so, exactly" },
  "certificate-identity-regexp": {
    type: "string",
    requiresArg: true,
    describe: "who must have signed, as a pattern that fits all of it",
  },
  "certificate-oidc-issuer-regexp": {
    type: "string",
    requiresArg: true,
    describe: "who must say so, as a pattern that fits all of it",
  },
  "trusted-root": {
    type: "string",
    requiresArg: true,
    describe: "trusted_root.json with the certificate authorities, logs and timestamp authorities that count",
  },
  "insecure-ignore-tlog": { type: "boolean", describe: "with --trusted-root: what is in no log counts as well" },
  "insecure-ignore-sct": { type: "boolean", describe: "certificates that are in no log count as well" },
};

/** A public key, and the file that it came from. */
interface KeyOfFile extends PublicKey {
  readonly file: string;
}

/** Whose signatures count, as the flags say; undefined when they say nothing. Throws UsageError or TrustError. */
export async function trustFrom(flags: Flags): Promise<Trust | undefined> {
  const keys = flags.list("key");
  const identity = identityFrom(flags);
  const file = flags.text("trusted-root");
  const ignoreLog = flags.on("insecure-ignore-tlog");
  if (keys.length > 0 && identity !== undefined)
    throw new UsageError("Cannot verify by --key and by --certificate-identity at once");
  if (keys.length > 0) {
    const trustedRoot = file === undefined ? undefined : await rootIn(file);
    return { keys: (await Promise.all(keys.map(keysIn))).flat(), trustedRoot, ignoreLog };
  }
  if (identity === undefined) {
    if (file !== undefined)
      throw new UsageError("Cannot verify with --trusted-root alone: it vouches for everybody who ever signed", {
        hint: "Give --certificate-identity and --certificate-oidc-issuer, or --key",
      });
    return undefined;
  }
  if (file === undefined)
    throw new UsageError("Cannot verify an identity without --trusted-root FILE: it says which authorities count", {
      hint: "sigstore's own is written by `cosign trusted-root create` or found in a TUF repository; it is never fetched",
    });
  return {
    identities: [identity],
    trustedRoot: await rootIn(file),
    ignoreLog,
    ignoreSct: flags.on("insecure-ignore-sct"),
  };
}

function identityFrom(flags: Flags): Identity | undefined {
  const subject = exactOrPattern(flags, "certificate-identity");
  const issuer = exactOrPattern(flags, "certificate-oidc-issuer");
  if (subject === undefined && issuer === undefined) return undefined;
  if (subject === undefined || issuer === undefined)
    throw new UsageError(
      `Cannot verify an identity without --certificate-${subject === undefined ? "identity" : "oidc-issuer"}: a name says nothing without who gave it`,
    );
  return { subject, issuer };
}

function exactOrPattern(flags: Flags, name: string): string | RegExp | undefined {
  const exact = flags.text(name);
  const pattern = flags.text(`${name}-regexp`);
  if (exact !== undefined && pattern !== undefined)
    throw new UsageError(`Cannot use --${name} and --${name}-regexp at once`);
  if (pattern === undefined) return exact;
  try {
    return new RegExp(pattern, "u");
  } catch (cause) {
    throw new UsageError(`Cannot use --${name}-regexp "${pattern}"`, { cause });
  }
}

async function keysIn(file: string): Promise<readonly KeyOfFile[]> {
  const { readPublicKeys } = await import("@lading/trust");
  return readPublicKeys(await contentOf(file, "key"), file).map((key) => Object.assign({ file }, key));
}

async function rootIn(file: string): Promise<TrustedRoot> {
  const { readTrustedRoot } = await import("@lading/trust");
  return readTrustedRoot(await contentOf(file, "trusted root"), file);
}

async function contentOf(file: string, what: string): Promise<string> {
  return await readFile(file, "utf8").catch((cause: unknown) => {
    throw new UsageError(`Cannot read the ${what} "${file}"`, { cause });
  });
}
