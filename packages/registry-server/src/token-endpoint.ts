import { type Action, type Auth, basicCredentials, unauthorized } from "./auth.ts";
import { Problem, sendJson } from "./problem.ts";
import type { Exchange } from "./exchange.ts";
import { type Access, makeToken, parseScope, type TokenKey } from "./token.ts";

const formLimit = 64 * 1024;

/** The token server (distribution spec/auth): GET with Basic, or POST of a form with grant_type=password. */
export async function sendToken(
  { route, request, response }: Pick<Exchange, "route" | "request" | "response">,
  auth: Extract<Auth, { type: "token" }>,
  key: TokenKey,
): Promise<void> {
  const { check, expiresIn = 300, allow = everything } = auth;
  const form = route.method === "POST" ? await readForm(request) : undefined;
  if (form !== undefined && form.get("grant_type") !== "password")
    throw new Problem(400, "UNSUPPORTED", "Cannot give a token: grant_type has to be password");
  const user =
    form === undefined
      ? basicCredentials(route.headers)
      : { username: form.get("username") ?? "", password: form.get("password") ?? "" };
  if (user !== undefined && !(await check(user.username, user.password))) throw unauthorized('Basic realm="registry"');

  const scopes = (form ?? route.query).getAll("scope").flatMap((scope) => scope.split(" "));
  const access = scopes.flatMap((scope): Access[] => {
    const asked = parseScope(scope);
    if (asked === undefined) return [];
    const allowed: readonly string[] =
      asked.type === "repository" ? allow(user?.username, asked.name) : user === undefined ? [] : ["*"];
    return [{ ...asked, actions: asked.actions.filter((action) => allowed.includes(action)) }];
  });
  const issued = Date.now();
  const token = makeToken(key, access, issued / 1000 + expiresIn);
  sendJson(
    response,
    200,
    { token, access_token: token, expires_in: expiresIn, issued_at: new Date(issued).toISOString() },
    { "cache-control": "no-store" },
  );
}

function everything(username: string | undefined): readonly Action[] {
  return username === undefined ? [] : ["pull", "push", "delete"];
}

async function readForm(request: Exchange["request"]): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Buffer)) continue;
    size += chunk.byteLength;
    if (size > formLimit) throw new Problem(413, "SIZE_INVALID", `Cannot read a form of more than ${formLimit} bytes`);
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
