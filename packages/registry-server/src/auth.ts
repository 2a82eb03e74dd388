import type { IncomingHttpHeaders } from "node:http";
import { Problem } from "./problem.ts";
import type { Route } from "./route.ts";
import { type Access, readToken, type TokenKey } from "./token.ts";

type Check = (username: string, password: string) => boolean | Promise<boolean>;

/** Who may do what. Whoever passes `check` may do everything, unless `allow` says otherwise. */
export type Auth =
  | { readonly type: "basic"; readonly check: Check }
  | {
      readonly type: "token";
      readonly check: Check;
      /** Seconds a token is good for. Default: 300. */
      readonly expiresIn?: number;
      /** What a user, or with undefined everybody, may do in a repository. Default: users all, others nothing. */
      readonly allow?: (username: string | undefined, repository: string) => readonly Action[];
    };

export type Action = "pull" | "push" | "delete";

/** Which other repositories the one who asks may read: what decides about mounts and the catalog. */
export type MayPull = (repository: string) => boolean;

/** Lets a request pass or throws Problem UNAUTHORIZED with the challenge. */
export async function authorize(route: Route, auth: Auth, key: TokenKey, realm: string): Promise<MayPull> {
  if (auth.type === "basic") {
    const user = basicCredentials(route.headers);
    if (user !== undefined && (await auth.check(user.username, user.password))) return () => true;
    throw unauthorized('Basic realm="registry"');
  }
  if (route.operation === "token") return () => false;
  const needed = neededAccess(route);
  const scope = needed.map(({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`).join(" ");
  const challenge = `Bearer realm="${realm}",service="registry"${scope === "" ? "" : `,scope="${scope}"`}`;
  const token = /^bearer +(.+)$/i.exec(route.headers.authorization ?? "")?.[1];
  if (token === undefined) throw unauthorized(challenge);
  const granted = readToken(key, token);
  if (granted === undefined) throw unauthorized(`${challenge},error="invalid_token"`);
  const may = (access: Access): boolean =>
    granted.some(
      ({ type, name, actions }) =>
        type === access.type && name === access.name && access.actions.every((action) => actions.includes(action)),
    );
  if (!needed.every(may)) throw unauthorized(`${challenge},error="insufficient_scope"`);
  return (name) => may({ type: "repository", name, actions: ["pull"] });
}

/** Username and password of a Basic Authorization header (RFC 7617). */
export function basicCredentials({
  authorization = "",
}: IncomingHttpHeaders): { readonly username: string; readonly password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon === -1 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

export function unauthorized(challenge: string): Problem {
  return new Problem(401, "UNAUTHORIZED", "Cannot go on without credentials that are known here", {
    headers: { "www-authenticate": challenge },
  });
}

function neededAccess({ operation, method, repository: name }: Route): readonly Access[] {
  if (operation === "catalog") return [{ type: "registry", name: "catalog", actions: ["*"] }];
  if (name === undefined) return [];
  const reading = method === "GET" || method === "HEAD";
  const uploading = operation.includes("upload") || operation === "mount";
  if (reading && !uploading) return [{ type: "repository", name, actions: ["pull"] }];
  if (method === "DELETE" && !uploading) return [{ type: "repository", name, actions: ["delete"] }];
  return [{ type: "repository", name, actions: ["pull", "push"] }];
}
