import { createSign, randomUUID, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Certificate } from "./certificates.ts";

export interface TokenServer extends AsyncDisposable {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** Path of the certificates that tokens verify with. */
  readonly bundle: string;
  /** What was asked for: scopes, and who asked. */
  readonly asked: { readonly user: string | undefined; readonly scopes: readonly string[] }[];
}

export interface TokenServerOptions {
  readonly user: { readonly name: string; readonly password: string };
  /** Signs tokens; docker-registry must trust it. */
  readonly signer: Certificate;
  /** Seconds. Default: 300. */
  readonly lifetime?: number;
}

/** Issues tokens as distribution's token specification has it: everything to the user, pulling to everybody. */
export async function startTokenServer({ user, signer, lifetime = 300 }: TokenServerOptions): Promise<TokenServer> {
  const service = "test-registry";
  const issuer = "test-issuer";
  const key = await readFile(signer.key);
  const certificate = new X509Certificate(await readFile(signer.certificate)).raw.toString("base64");
  const asked: { user: string | undefined; scopes: readonly string[] }[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const scopes = url.searchParams.getAll("scope").flatMap((scope) => scope.split(" "));
    const authorization = request.headers.authorization;
    const expected = `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
    asked.push({ user: authorization === undefined ? undefined : user.name, scopes });
    if (authorization !== undefined && authorization !== expected) {
      response
        .writeHead(401, { "content-type": "application/json" })
        .end('{"details":"incorrect username or password"}');
      return;
    }
    const access = scopes.flatMap((scope) => {
      const [type, name, actions = ""] = scope.split(":");
      const granted = actions.split(",").filter((action) => authorization !== undefined || action === "pull");
      return granted.length === 0 ? [] : [{ type, name, actions: granted }];
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: authorization === undefined ? "" : user.name,
      aud: service,
      exp: now + lifetime,
      nbf: now - 1,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const token = sign({ typ: "JWT", alg: "RS256", x5c: [certificate] }, claims, key);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token, expires_in: lifetime, issued_at: new Date(now * 1000).toISOString() }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    realm: `http://127.0.0.1:${port}/token`,
    service,
    issuer,
    asked,
    bundle: signer.certificate,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function sign(header: object, claims: object, key: Buffer): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(key, "base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
