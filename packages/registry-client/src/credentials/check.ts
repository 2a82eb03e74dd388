import type { Options } from "@lading/oci";
import type { Credential, Keychain } from "../auth/credential.ts";
import { RegistryClient, type RegistryClientOptions } from "../client.ts";
import { RegistryError } from "../errors.ts";
import { parseContentType } from "../repository/content-type.ts";
import type { LoginKey } from "./auth-key.ts";

/**
 * Asks a registry whether it takes credentials, before they are kept. One that lets everybody in
 * is sent a password all the same, so that a wrong one is noticed where it is looked at. Throws
 * RegistryError UNAUTHORIZED or DENIED when they are refused.
 */
export async function checkCredential(
  { registry, repository }: LoginKey,
  credential: Credential,
  options: RegistryClientOptions & Options = {},
): Promise<void> {
  try {
    await ask({ registry, repository }, credential, options);
  } catch (cause) {
    if (!(cause instanceof RegistryError)) throw cause;
    const { code, status } = cause;
    const refused = code === "UNAUTHORIZED" || code === "DENIED";
    throw new RegistryError(code, `Cannot log in to ${registry}`, {
      cause,
      ...(status === undefined ? {} : { status }),
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
      ...(refused ? { hint: "Check user and password; many registries take an access token only" } : {}),
    });
  }
}

async function ask(
  { registry, repository }: LoginKey,
  credential: Credential,
  { signal, ...options }: RegistryClientOptions & Options,
): Promise<void> {
  let wanted = false;
  const keychain: Keychain = {
    find: () => {
      wanted = true;
      return Promise.resolve({ credential, from: "what was given to log in with" });
    },
  };
  await using client = await RegistryClient.open({ ...options, keychain });
  // The repository matters to a registries.conf that sends parts of a registry elsewhere.
  const host = client.named({ registry, repository: repository === "" ? "login" : repository });
  const request = { method: "GET", url: "v2/", scopes: [], signal } as const;
  const response = await host.send(request);
  await response.discard();
  // A web site lets everybody in as well.
  if (parseContentType(response.header("content-type")) === "text/html")
    throw new RegistryError("INVALID_RESPONSE", `GET ${host.base.href}v2/: the answer is an HTML page`, {
      hint: `Is ${registry} a registry?`,
    });
  if (wanted || credential.type !== "password") return;
  const basic = Buffer.from(`${credential.username}:${credential.password}`).toString("base64");
  await (await host.send({ ...request, headers: { authorization: `Basic ${basic}` } })).discard();
}
