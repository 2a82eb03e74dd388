import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { expect, test } from "vitest";
import type { Credential } from "../auth/credential.ts";
import { checkCredential } from "./check.ts";

const good: Credential = { type: "password", username: "ada", password: "lovelace" };
const bad: Credential = { type: "password", username: "ada", password: "hunter2" };
const basic = `Basic ${Buffer.from("ada:lovelace").toString("base64")}`;

interface Server extends AsyncDisposable {
  readonly host: string;
  readonly authorizations: readonly (string | undefined)[];
}

async function startServer(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    authorizations.push(request.headers.authorization);
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    authorizations,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test.each([
  { name: "asks for a password", anonymous: false },
  { name: "lets everybody in, but looks at a password", anonymous: true },
])("a registry that $name refuses a wrong one", async ({ anonymous }) => {
  await using server = await startServer(({ headers: { authorization } }, response) => {
    const allowed = authorization === undefined ? anonymous : authorization === basic;
    response.writeHead(allowed ? 200 : 401, allowed ? {} : { "www-authenticate": 'Basic realm="r"' }).end();
  });
  const key = { registry: server.host, repository: "" };
  await checkCredential(key, good);
  expect(server.authorizations).toContain(basic);
  const refusal: unknown = await checkCredential(key, bad).catch((error: unknown) => error);
  expect(refusal).toMatchObject({
    code: "UNAUTHORIZED",
    message: `Cannot log in to ${server.host}`,
    hint: expect.stringContaining("Check user and password"),
  });
  expect(String(refusal)).not.toContain("hunter2");
});

test("a password goes to no other host that an open registry redirects to", async () => {
  await using other = await startServer((_request, response) => response.writeHead(200).end());
  await using server = await startServer((_request, response) =>
    response.writeHead(307, { location: `http://${other.host}/v2/` }).end(),
  );
  await checkCredential({ registry: server.host, repository: "" }, good).catch(() => undefined);
  expect(new Set(other.authorizations)).toEqual(new Set([undefined]));
});

test("a registry that is not there is no wrong password", async () => {
  await expect(
    checkCredential({ registry: "127.0.0.1:1", repository: "" }, good, { retries: { attempts: 1 } }),
  ).rejects.toMatchObject({ code: "UNAVAILABLE", message: "Cannot log in to 127.0.0.1:1" });
});
