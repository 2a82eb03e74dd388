import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import type { TokenFetch } from "./token.ts";

/** What a token server was asked, by GET or POST. */
export interface Asked {
  readonly method: string;
  readonly authorization: string | undefined;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly account: string | undefined;
  readonly grant: string | undefined;
  readonly refreshToken: string | undefined;
  /** The parameter that the realm had before. */
  readonly own: string | undefined;
}

export interface TokenAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
}

export interface TokenServer extends AsyncDisposable {
  readonly realm: URL;
  readonly asked: readonly Asked[];
}

/** A token server on loopback that answers as `answer` says. */
export async function startTokenServer(
  answer: (asked: Asked) => TokenAnswer | Promise<TokenAnswer>,
): Promise<TokenServer> {
  const all: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const query = new URL(request.url ?? "/", "http://localhost").searchParams;
      const form = request.method === "POST" ? new URLSearchParams(await text(request)) : query;
      const asked: Asked = {
        method: request.method ?? "",
        authorization: request.headers.authorization,
        service: form.get("service") ?? undefined,
        scopes: form.getAll("scope"),
        account: form.get("account") ?? undefined,
        grant: form.get("grant_type") ?? undefined,
        refreshToken: form.get("refresh_token") ?? undefined,
        own: query.get("own") ?? undefined,
      };
      all.push(asked);
      const { status = 200, headers = {}, json, text: plain } = await answer(asked);
      response.writeHead(status, headers).end(plain ?? JSON.stringify(json ?? {}));
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    realm: new URL(`http://127.0.0.1:${port}/token?own=kept`),
    asked: all,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A `TokenFetch` without the transport's guards. */
export const httpTokenFetch: TokenFetch = async ({ method, url, headers, body, signal }) => {
  const init = { method, headers, redirect: "manual" as const, body: body ?? null, signal: signal ?? null };
  const response = await fetch(url, init);
  return {
    status: response.status,
    url,
    header: (name) => response.headers.get(name) ?? undefined,
    body: new Uint8Array(await response.arrayBuffer()),
  };
};
