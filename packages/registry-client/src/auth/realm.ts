import { RegistryError } from "../errors.ts";
import { isLoopbackHost } from "../hosts/loopback.ts";

const maxLength = 2048;

/**
 * The URL of the token server that a challenge of `registry` names. It is the registry's choice, and
 * gets the user's password: it must be https. Only a registry that speaks plain HTTP itself (`base`)
 * may have its token server do so, on the same host, or both on loopback. Whether the address may be
 * connected to is for the transport to say. Throws RegistryError.
 */
export function parseRealm(realm: string | undefined, registry: string, base: URL): URL {
  const named = JSON.stringify(withoutSecrets(realm ?? ""));
  const fail = (reason: string): RegistryError =>
    new RegistryError("INVALID_RESPONSE", `Cannot log in to ${JSON.stringify(registry)}: its realm ${named} ${reason}`);
  const unsafe = (reason: string): RegistryError =>
    new RegistryError("UNSAFE_URL", `Refuse to ask ${named} for a token of ${JSON.stringify(registry)}: ${reason}`, {
      hint: "The registry names this token server. If it should, it has to be reached by https",
    });

  if (realm === undefined) throw fail("is missing");
  if (realm.length > maxLength || !/^https?:\/\//i.test(realm) || !URL.canParse(realm))
    throw fail("is not an absolute URL");
  const url = new URL(realm);
  if (url.username !== "" || url.password !== "") throw unsafe("the URL holds credentials");
  if (url.protocol !== "https:") {
    if (base.protocol !== "http:") throw unsafe("it is plain HTTP, and the registry is not");
    if (url.hostname !== base.hostname && !(isLoopbackHost(url.hostname) && isLoopbackHost(base.hostname)))
      throw unsafe("it is plain HTTP on another host");
  }
  url.hash = "";
  return url;
}

/** Without user, password and query. */
function withoutSecrets(url: string): string {
  return url
    .slice(0, 200)
    .replace(/\?.*$/s, "?…")
    .replace(/\/\/[^/]*@/, "//");
}
