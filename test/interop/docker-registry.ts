import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { stringify } from "yaml";
import { temporaryFolder } from "@lading/testkit";
import { run } from "./command.ts";
import type { Certificate } from "./certificates.ts";

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:34567`, what names begin with. */
  readonly host: string;
  /** What it logged so far, a request a line. */
  log(): string;
  readonly pid: number;
}

export interface DockerRegistryOptions {
  /** Default: plain HTTP. */
  readonly tls?: Certificate & {
    /** Clients must show a certificate of this authority. */
    readonly clientAuthority?: string;
  };
  /** Basic authentication of one user. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Bearer tokens of this server, whose signatures the certificate verifies. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    readonly bundle: string;
  };
  /** Folder to keep content in. Default: one of its own, removed at the end. */
  readonly storage?: string;
}

/** Debian's docker-registry on loopback, with deletion allowed, stopped by its process ID. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const { tls, user, token } = options;
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  if (user !== undefined)
    await writeFile(at("htpasswd"), await run("htpasswd", ["-Bbn", "-C", "5", user.name, user.password]));
  await writeFile(
    at("config.yml"),
    stringify({
      version: "0.1",
      storage: { filesystem: { rootdirectory: options.storage ?? at("data") }, delete: { enabled: true } },
      http: {
        addr: "127.0.0.1:0",
        ...(tls === undefined
          ? {}
          : {
              tls: {
                certificate: tls.certificate,
                key: tls.key,
                ...(tls.clientAuthority === undefined ? {} : { clientcas: [tls.clientAuthority] }),
              },
            }),
      },
      ...(user === undefined ? {} : { auth: { htpasswd: { realm: "test", path: at("htpasswd") } } }),
      ...(token === undefined
        ? {}
        : {
            auth: {
              token: { realm: token.realm, service: token.service, issuer: token.issuer, rootcertbundle: token.bundle },
            },
          }),
    }),
  );
  // A file, and no pipe: the registry must not wait for a test that is busy.
  const log = await open(at("log"), "w");
  const daemon = spawn("docker-registry", ["serve", at("config.yml")], {
    stdio: ["ignore", log.fd, log.fd],
    // It would send traces to a collector that is not there.
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  await log.close();
  const exited = once(daemon, "exit");
  const readLog = (): string => readFileSync(at("log"), "utf8");
  const stop = async (): Promise<void> => {
    daemon.kill("SIGTERM");
    if (daemon.exitCode === null) await exited;
    await folder[Symbol.asyncDispose]();
  };
  for (;;) {
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(readLog())?.[1];
    if (port !== undefined)
      return { host: `127.0.0.1:${port}`, log: readLog, pid: daemon.pid ?? 0, [Symbol.asyncDispose]: stop };
    if (daemon.exitCode !== null) {
      const text = readLog();
      await stop();
      throw new Error(`Cannot start docker-registry: ${text}`);
    }
    await setTimeout(20);
  }
}
