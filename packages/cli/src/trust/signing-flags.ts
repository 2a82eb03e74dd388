import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { ImageSigner, SignatureForm, SigningServices } from "@lading/trust";
import type { Options } from "yargs";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import { keyPassword, keyPasswordOption } from "./key-password.ts";

/** The flags that say who signs, and who sees it; in cosign's words. */
export const signingOptions: Readonly<Record<string, Options>> = {
  key: { type: "string", requiresArg: true, describe: "file with the private key: cosign.key, PKCS#8 or SEC1 PEM" },
  ...keyPasswordOption,
  keyless: {
    type: "boolean",
    describe: "sign by identity token in place of a key, by default with the public services of sigstore",
  },
  "identity-token": {
    type: "string",
    requiresArg: true,
    describe: "file with the token, - for stdin; default: SIGSTORE_ID_TOKEN, or the CI's",
  },
  "signing-config": {
    type: "string",
    requiresArg: true,
    describe: "signing_config.json that says which services to sign with, in place of their URLs",
  },
  "fulcio-url": { type: "string", requiresArg: true, describe: "certificate authority, for --keyless" },
  "rekor-url": { type: "string", requiresArg: true, describe: "transparency log to have the signature in" },
  "timestamp-server-url": {
    type: "string",
    requiresArg: true,
    describe: "timestamp authority to say when it was made",
  },
  "tlog-upload": { type: "boolean", describe: "=false: in no log, for --keyless with a timestamp authority" },
  form: {
    type: "string",
    requiresArg: true,
    choices: ["both", "bundle", "tag"],
    describe: "bundle: for cosign 3; tag: for cosign 2, podman and skopeo; default: both",
  },
};

/** The forms that `--form` asks for. */
export function formsFrom(flags: Flags): readonly SignatureForm[] {
  const form = flags.text("form");
  return form === "bundle" || form === "tag" ? [form] : ["bundle", "tag"];
}

/** When signatures say that they were made: SOURCE_DATE_EPOCH, else now. */
export function signingTime(epoch: string | undefined = process.env["SOURCE_DATE_EPOCH"]): Date {
  return epoch !== undefined && /^\d{1,11}$/.test(epoch) ? new Date(Number(epoch) * 1000) : new Date();
}

/** Who signs, as the flags say. Throws UsageError, or TrustError for a key or token that is none. */
export async function signerFrom(flags: Flags, signal: AbortSignal): Promise<ImageSigner> {
  const key = flags.text("key");
  const keyless = flags.on("keyless") || flags.text("fulcio-url") !== undefined;
  const config = flags.text("signing-config");
  if (key !== undefined && keyless) throw new UsageError("Cannot sign with --key and --keyless at once");
  if (key === undefined && !keyless)
    throw new UsageError("Cannot sign without a key", {
      hint: "Give --key cosign.key (`lading keygen` makes one), or --keyless for an identity token",
    });
  const services = config === undefined ? servicesFrom(flags, keyless) : await servicesIn(config, flags, keyless);
  const { fulcioUrl, ...witnesses } = services;
  if (flags.on("offline") && (keyless || witnesses.rekorUrl !== undefined || witnesses.timestampUrl !== undefined))
    throw new UsageError("Cannot ask certificate authorities, logs or timestamp authorities with --offline");

  const { keylessSigner, keySigner, publicGood, readSigningKey } = await import("@lading/trust");
  if (key === undefined)
    return await keylessSigner({
      fulcioUrl: fulcioUrl ?? publicGood.fulcio,
      identityToken: await tokenFrom(flags),
      ...witnesses,
      ...(config === undefined && needsPublicLog(flags, witnesses) ? { rekorUrl: publicGood.rekor } : {}),
    });
  const content = await readFile(key, "utf8").catch((cause: unknown) => {
    throw new UsageError(`Cannot read the key "${key}"`, { cause });
  });
  const password = async (): Promise<string> => await keyPassword(flags, key, signal);
  return keySigner(await readSigningKey(content, key, { password }), witnesses);
}

function servicesFrom(flags: Flags, keyless: boolean): SigningServices {
  const services = {
    fulcioUrl: urlFrom(flags, "fulcio-url"),
    rekorUrl: urlFrom(flags, "rekor-url"),
    timestampUrl: urlFrom(flags, "timestamp-server-url"),
  };
  const none = services.rekorUrl === undefined && services.timestampUrl === undefined;
  const ownAuthority = flags.text("fulcio-url") !== undefined;
  if (keyless && none && (ownAuthority || flags.switched("tlog-upload") === false))
    throw new UsageError("Cannot sign by identity without a log and without a timestamp authority", {
      hint: "Its certificate ends in minutes: give --rekor-url or --timestamp-server-url, to say that it was valid then",
    });
  return services;
}

async function servicesIn(file: string, flags: Flags, keyless: boolean): Promise<SigningServices> {
  const other = ["fulcio-url", "rekor-url", "timestamp-server-url", "tlog-upload"].find((name) => flags.given(name));
  if (other !== undefined) throw new UsageError(`Cannot use --signing-config and --${other} at once`);
  const content = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new UsageError(`Cannot read the signing config "${file}"`, { cause });
  });
  const { readSigningConfig } = await import("@lading/trust");
  const services = readSigningConfig(content, file, { keyless });
  if (keyless && services.fulcioUrl === undefined)
    throw new UsageError(`Cannot sign by identity with "${file}": it names no certificate authority`);
  if (
    keyless &&
    services.timestampUrl === undefined &&
    (services.rekorUrl === undefined || services.rekorVersion === 2)
  )
    throw new UsageError(`Cannot sign by identity with "${file}": none of its services says when that was`, {
      hint: "Its certificate ends in minutes: a timestamp authority, or a log of version 1, says that it was valid then",
    });
  if (!keyless && services.rekorVersion === 2)
    throw new UsageError(
      `Cannot sign with --key and "${file}": its log is of version 2, which takes certificates alone here`,
    );
  return services;
}

function needsPublicLog(flags: Flags, { rekorUrl }: SigningServices): boolean {
  return rekorUrl === undefined && flags.switched("tlog-upload") !== false && flags.text("fulcio-url") === undefined;
}

function urlFrom(flags: Flags, name: string): string | undefined {
  const given = flags.text(name);
  if (given === undefined) return undefined;
  const url = URL.parse(given);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`Cannot use --${name} "${given}": expected a URL such as https://example.com`);
  if (url.username !== "" || url.password !== "")
    throw new UsageError(`Cannot use --${name}: a URL with a password in it would be shown to everybody`);
  return given;
}

async function tokenFrom(flags: Flags): Promise<string | undefined> {
  const file = flags.text("identity-token");
  if (file === undefined) return undefined;
  // cosign takes the token itself too; the list of processes would show it to everybody.
  if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(file) && file.length > 100)
    throw new UsageError(
      "Cannot take an identity token from the command line: others on this machine can read it there",
      {
        hint: "Give a file that holds it, or SIGSTORE_ID_TOKEN",
      },
    );
  try {
    return file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read the identity token from "${file}"`, { cause });
  }
}
