import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { DockerArchive, isCosignName, LayoutStore, type OciArchive } from "@lading/oci";
import type { Access, Auth, RegistryServer, ServedContent, ServeOptions } from "@lading/registry-server";
import type { Flags } from "../flags.ts";
import { isFilePlace, parsePlaceArgument } from "../locate.ts";
import type { Command } from "../program.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "oci:DIR, oci-archive:FILE or docker-archive:FILE" } },
  options: {
    listen: { type: "string", requiresArg: true, describe: "HOST:PORT; default: 127.0.0.1:5000, port 0 for any" },
    writable: { type: "boolean", describe: "take pushes and deletions, into oci:DIR" },
    name: { type: "string", requiresArg: true, describe: "repository of tags without one; default: the folder's name" },
    user: {
      type: "string",
      requiresArg: true,
      describe: "let in only this user, with the password of --password-file",
    },
    "password-file": {
      type: "string",
      requiresArg: true,
      describe: "file with the password; default: LADING_SERVE_PASSWORD of the environment",
    },
    token: { type: "boolean", describe: "ask the user once, then for tokens, as the large registries do" },
    "tls-cert": { type: "string", requiresArg: true, describe: "certificate chain, PEM: speak HTTPS" },
    "tls-key": { type: "string", requiresArg: true, describe: "its private key, PEM" },
  },
  examples: [
    ["serve oci:images", "a read-only registry on 127.0.0.1:5000"],
    [
      "serve oci:images --writable --listen 0.0.0.0:5000 --user ada --password-file secret",
      "for others, and for pushes",
    ],
  ],
  run: async ({ flags, signal }) => {
    const content = await open(flags, signal);
    const { host, port } = parseListen(flags.text("listen") ?? "127.0.0.1:5000");
    const auth = await authOf(flags);
    const tls = await tlsOf(flags);
    if (auth === undefined && flags.on("writable") && !isLoopback(host))
      process.stderr.write(`Warning: everybody who reaches ${host} may push: --user lets in one alone\n`);
    const name = flags.text("name");
    const options: ServeOptions = {
      host,
      port,
      writable: flags.on("writable"),
      ...(name === undefined ? {} : { name }),
      ...(auth === undefined ? {} : { auth }),
      ...(tls === undefined ? {} : { tls }),
      onAccess: (access) => report(access, flags.on("verbose")),
    };
    const { serve } = await import("@lading/registry-server");
    await using server = await serve(content, options).catch((error: unknown) => {
      throw explained(error, `${host}:${port}`);
    });
    process.stdout.write(
      flags.on("json")
        ? `${JSON.stringify({ url: server.url.href, host: server.host })}\n`
        : flags.on("quiet")
          ? `${server.url.href}\n`
          : await howTo(server, flags),
    );
    // Ctrl-C is how this ends well.
    if (!signal.aborted) await once(signal, "abort");
  },
};

async function open(flags: Flags, signal: AbortSignal): Promise<ServedContent> {
  const text = flags.required("place");
  const place = parsePlaceArgument(text);
  if (!isFilePlace(place))
    throw new UsageError(`Cannot serve "${text}": expected oci:DIR, oci-archive:FILE or docker-archive:FILE`);
  if (place.name !== "")
    throw new UsageError(`Cannot serve "${text}": all that is in ${place.path} is served, not one image`, {
      hint: `Write ${place.transport}:${place.path}`,
    });
  if (flags.on("writable") && place.transport !== "oci")
    throw new UsageError(`Cannot serve "${text}" with --writable: an archive is not changed, only oci:DIR is`);
  if (place.transport === "oci-archive") return await archiveAt(place.path, signal);
  if (place.transport === "docker-archive") return await DockerArchive.open(place.path, { signal });
  return await (flags.on("writable") ? LayoutStore.create(place.path) : LayoutStore.open(place.path));
}

/** An archive, or a bundle in parts. Throws UsageError for a delta: half of what it names would be missing. */
async function archiveAt(path: string, signal: AbortSignal): Promise<OciArchive> {
  const { openArchive } = await import("@lading/bundle");
  const { archive, delta } = await openArchive(path, { signal });
  if (delta !== undefined)
    throw new UsageError(`Cannot serve ${path}: it builds on the bundle ${delta.since}, and lacks what that has`, {
      hint: `Load both into a folder, and serve that: lading bundle load ${path} --to oci:DIR`,
    });
  return archive;
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? (match?.[2] === "" ? "127.0.0.1" : match?.[2]);
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    throw new UsageError(`Cannot listen on "${text}": expected HOST:PORT, as in 127.0.0.1:5000 or [::1]:5000`);
  return { host, port };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

async function authOf(flags: Flags): Promise<Auth | undefined> {
  const user = flags.text("user");
  const file = flags.text("password-file");
  if (user === undefined) {
    if (file !== undefined || flags.on("token"))
      throw new UsageError(`Cannot use --${file === undefined ? "token" : "password-file"} without --user`);
    return undefined;
  }
  if (user === "" || user.includes(":"))
    throw new UsageError(`Cannot use --user "${user}": a user's name holds no colon`);
  const password = file === undefined ? process.env["LADING_SERVE_PASSWORD"] : firstLine(await readFile(file, "utf8"));
  if (password === undefined || password === "")
    throw new UsageError(`Cannot let in "${user}" without a password`, {
      hint: "Name a file with --password-file, or set LADING_SERVE_PASSWORD",
    });
  const expected = [user, password].map(hash);
  const check = (...given: readonly [string, string]): boolean =>
    // Both are compared, and in the same time whatever they are.
    given
      .map(hash)
      .map((each, i) => timingSafeEqual(each, expected[i] ?? Buffer.alloc(0)))
      .every(Boolean);
  return { type: flags.on("token") ? "token" : "basic", check };
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? "";
}

async function tlsOf(flags: Flags): Promise<ServeOptions["tls"]> {
  const [cert, key] = [flags.text("tls-cert"), flags.text("tls-key")];
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new UsageError("Cannot speak TLS without both --tls-cert and --tls-key");
  return { cert: await readFile(cert), key: await readFile(key) };
}

function report({ request, status, ms, error }: Access, verbose: boolean): void {
  if (error !== undefined)
    process.stderr.write(
      `Error: ${request.method} ${request.url}: ${error instanceof Error ? error.message : "unknown"}\n`,
    );
  else if (verbose)
    process.stderr.write(`${request.method} ${printable(request.url)} ${status} ${Math.round(ms)} ms\n`);
}

// A URL is a stranger's text; a terminal obeys what it reads.
function printable(url: string): string {
  return url.replaceAll(/[^\x21-\x7e]/g, "?");
}

function explained(error: unknown, address: string): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  if (error.code === "EADDRINUSE")
    return new UsageError(`Cannot listen on ${address}: somebody else does`, {
      hint: "Choose another port with --listen, or 0 for any",
      cause: error,
    });
  if (error.code === "EACCES" || error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND")
    return new UsageError(`Cannot listen on ${address}: ${error.message}`, { cause: error });
  return error;
}

async function howTo(server: RegistryServer, flags: Flags): Promise<string> {
  const names = await server.names();
  // What engines run, and no signature.
  const first = names.find((name) => !isCosignName(name)) ?? "NAME:TAG";
  const host = server.host.replace(/^0\.0\.0\.0:/, "127.0.0.1:");
  const plain = server.url.protocol === "http:";
  const lines = [
    ...(flags.text("user") === undefined ? [] : [`podman login${plain ? " --tls-verify=false" : ""} ${host}`]),
    `podman pull${plain ? " --tls-verify=false" : ""} ${host}/${first}`,
    `skopeo copy${plain ? " --src-tls-verify=false" : ""} docker://${host}/${first} oci:copy`,
    `ctr images pull${plain ? " --plain-http" : ""} ${host}/${first}`,
  ];
  const how = flags.on("writable") ? "" : ", read-only";
  return `Serving ${flags.required("place")} at ${server.url.href}${how}; Ctrl-C ends it\n\n${lines.map((line) => `  ${line}\n`).join("")}`;
}
