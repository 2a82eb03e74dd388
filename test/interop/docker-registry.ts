import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { temporaryFolder } from "@lading/testkit";
import { run } from "./command.ts";
import type { Certificate } from "./certificates.ts";

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:34567`, what names begin with. */
  readonly host: string;
  /** What it logged so far, a request a line. */
  log(): string;
  /** CPU seconds it has used so far, and its process ID. */
  readonly pid: number;
}

export interface DockerRegistryOptions {
  /** Default: plain HTTP. */
  readonly tls?: Certificate;
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
        ...(tls === undefined ? {} : { tls: { certificate: tls.certificate, key: tls.key } }),
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
  const daemon = spawn("docker-registry", ["serve", at("config.yml")], {
    stdio: ["ignore", "pipe", "pipe"],
    // It would send traces to a collector that is not there.
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  const exited = once(daemon, "exit");
  let log = "";
  const listening = new Promise<string>((resolve, reject) => {
    const take = (text: string): void => {
      log += text;
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(log)?.[1];
      if (port !== undefined) resolve(`127.0.0.1:${port}`);
    };
    daemon.stderr.setEncoding("utf8").on("data", take);
    daemon.stdout.setEncoding("utf8").on("data", take);
    daemon.once("error", reject);
    daemon.once("exit", () => reject(new Error(`Cannot start docker-registry: ${log}`)));
  });
  const stop = async (): Promise<void> => {
    daemon.kill("SIGTERM");
    await exited;
    await folder[Symbol.asyncDispose]();
  };
  try {
    const host = await listening;
    return { host, log: () => log, pid: daemon.pid ?? 0, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
