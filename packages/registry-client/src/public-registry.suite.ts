import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { parseReference } from "@lading/oci";
import type { Keychain } from "./auth/credential.ts";
import { Repository } from "./repository.ts";
import { AddressGuard } from "./transport/address-guard.ts";
import { makeCertificate } from "./transport/certificate.suite.ts";
import { HttpRegistryHost } from "./transport/host.ts";
import { listen, plainConfig, startServer, TestClock, type TestServer } from "./transport/server.suite.ts";
import { Wire } from "./transport/wire.ts";

export interface PublicRegistry extends AsyncDisposable {
  readonly server: TestServer;
  readonly trace: readonly string[];
  /** `acme/app` of a registry of that name; all names lead to the same server. */
  repository(registry?: string): Repository;
  host(registry?: string): HttpRegistryHost;
}

/**
 * A registry that, for all a client can see, is out on the internet: `registry.example`, with a
 * certificate, behind a proxy that knows where it really is. Every other host is reached directly,
 * `*.test` at the addresses that `names` has.
 */
export async function startPublicRegistry(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  keychain: Keychain,
  names: Readonly<Record<string, string>> = {},
  hosts: readonly string[] = ["registry.example"],
): Promise<PublicRegistry> {
  const certificate = makeCertificate(...hosts);
  const server = await startServer(answer, certificate);
  const proxy = await startTunnel(Number(server.url.port));
  const trace: string[] = [];
  const wire = new Wire({
    hostConfig: plainConfig({
      tls: () => Promise.resolve({ ca: [certificate.cert] }),
      proxyFor: ({ hostname }) => (hosts.includes(hostname) ? proxy.url : undefined),
    }),
    userAgent: "test",
    onTrace: (line) => trace.push(line),
  });
  const lookup: LookupFunction = (hostname, _, callback) => {
    const address = names[hostname];
    if (address !== undefined) return callback(null, [{ address, family: address.includes(":") ? 6 : 4 }]);
    return callback(Object.assign(new Error(hostname), { code: "ENOTFOUND" }), "");
  };
  const host = (registry = "registry.example"): HttpRegistryHost => {
    const base = new URL(`https://${registry}/`);
    return new HttpRegistryHost({
      endpoint: { registry, base, repository: "acme/app", plainHttp: "never", verifyTls: true },
      wire,
      guard: new AddressGuard(base, lookup),
      keychain,
      retries: new TestClock(),
      onTrace: (line) => trace.push(line),
    });
  };
  return {
    server,
    trace,
    host,
    repository: (registry = "registry.example") =>
      new Repository({
        name: parseReference(`${registry}/acme/app`),
        primary: { host: host(registry), repository: "acme/app" },
      }),
    async [Symbol.asyncDispose]() {
      await wire.close();
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A proxy whose tunnels all end at one port of this machine. */
async function startTunnel(port: number): Promise<AsyncDisposable & { readonly url: URL }> {
  const ends: Duplex[] = [];
  const server = createServer();
  server.on("connect", (_, socket) => {
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) {
      end.on("error", () => undefined);
      ends.push(end);
    }
  });
  return {
    url: new URL(`http://127.0.0.1:${await listen(server)}/`),
    async [Symbol.asyncDispose]() {
      for (const end of ends) end.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
