import type { Options } from "@lading/oci";
import type { Credential, Keychain } from "../auth/credential.ts";
import { RegistryClient, type RegistryClientOptions } from "../client.ts";
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
  const { signal, ...rest } = options;
  let wanted = false;
  const keychain: Keychain = {
    find: () => {
      wanted = true;
      return Promise.resolve({ credential, from: "what was given to log in with" });
    },
  };
  await using client = await RegistryClient.open({ ...rest, keychain });
  // The repository matters to a registries.conf that sends parts of a registry elsewhere.
  const host = client.named({ registry, repository: repository === "" ? "login" : repository });
  const request = { method: "GET", url: "v2/", scopes: [], signal } as const;
  await (await host.send(request)).discard();
  if (wanted || credential.type !== "password") return;
  const basic = Buffer.from(`${credential.username}:${credential.password}`).toString("base64");
  await (await host.send({ ...request, headers: { authorization: `Basic ${basic}` } })).discard();
}
