import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect, createServer as createNetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startRegistry, temporaryFolder } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificate, issueCertificate, makeAuthority } from "../interop/certificates.ts";
import { installed } from "../interop/command.ts";
import { startDockerRegistry } from "../interop/docker-registry.ts";
import { attempt, expectRefusal, small } from "./attempt.ts";
import { atHome, expectTold, fill, layout, run, startWeb } from "./registry-server.ts";

const zeros = `sha256:${"0".repeat(64)}`;
const basic = {
  type: "basic",
  check: (user: string, password: string) => user === "ada" && password === "right",
} as const;

describe.runIf(installed("openssl"))("a certificate", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let authority: Certificate;
  let server: { readonly cert: Buffer; readonly key: Buffer };
  let issued: Certificate;

  beforeAll(async () => {
    folder = await temporaryFolder();
    authority = await makeAuthority(folder.path);
    issued = await issueCertificate(folder.path, "server", authority);
    server = { cert: await readFile(issued.certificate), key: await readFile(issued.key) };
  });
  afterAll(async () => await folder[Symbol.asyncDispose]());

  const trusting = async (host: string): Promise<Record<string, string>> => ({
    [`.config/containers/certs.d/${host}/ca.crt`]: await readFile(authority.certificate, "utf8"),
  });

  test("of an authority that nobody knows is refused, with where to put the authority's", async () => {
    await using place = await small();
    await using web = await startWeb((_, response) => response.writeHead(404).end(), server);
    expectTold(await run(place, ["pull", `${web.host}/acme/app:1`]), {
      says: [
        `Cannot read ${web.host}/acme/app:1`,
        "unable to verify",
        `/certs.d/${web.host}/ca.crt`,
        "--tls-verify=false",
      ],
    });
  });

  test("for another host is refused as such: no authority would help", async () => {
    await using place = await small();
    await using web = await startWeb((_, response) => response.writeHead(404).end(), server);
    const proxy = await tunnel(Number(new URL(`http://${web.host}`).port));
    try {
      const outcome = await run(
        place,
        ["pull", "registry.test:5000/acme/app:1"],
        await trusting("registry.test:5000"),
        {
          env: { HTTPS_PROXY: proxy.url, https_proxy: "" },
        },
      );
      expectTold(outcome, { says: ["the certificate is for another host", "hint: Use a name"] });
    } finally {
      proxy.close();
    }
  });

  test("of the client that is missing is asked for, and not six times", async () => {
    await using place = await small();
    const ca = await readFile(authority.certificate);
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      await using web = await startWeb((_, response) => response.end(), {
        ...server,
        ca,
        requestCert: true,
        rejectUnauthorized: true,
        maxVersion: version,
      });
      let connections = 0;
      web.server.on("connection", () => connections++);
      expectTold(await run(place, ["pull", `${web.host}/acme/app:1`], await trusting(web.host)), {
        says: [
          "client certificate",
          `hint: Put certificate and key at /etc/containers/certs.d/${web.host}/client.cert`,
        ],
      });
      expect(connections).toBeLessThan(4);
    }
  });

  test.runIf(installed("docker-registry"))("of the client is asked for by docker-registry too", async () => {
    await using place = await small();
    await layout(place);
    await using registry = await startDockerRegistry({ tls: { ...issued, clientAuthority: authority.certificate } });
    const push = ["push", "oci:layout:1", `${registry.host}/acme/app:1`];
    expectTold(await run(place, push, await trusting(registry.host)), {
      says: [`Cannot push ${registry.host}/acme/app:1`, "client certificate"],
    });
  });
});

/** A proxy that leads every name to one port of loopback, so that names need no name server. */
async function tunnel(port: number): Promise<{ readonly url: string; close(): void }> {
  const server = createServer();
  server.on("connect", (_, socket, head) => {
    const up = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      up.write(head);
      up.pipe(socket).pipe(up);
    });
    for (const each of [up, socket]) each.on("error", () => void (up.destroy(), socket.destroy()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("Cannot tell the address of the proxy");
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close().closeAllConnections() };
}

test("a registry without TLS that is not on this machine is refused, with how to allow it", async () => {
  await using place = await small();
  await using registry = await startRegistry();
  await fill(registry, "acme/app:1");
  const proxy = await tunnel(Number(registry.url.port));
  try {
    const env = { HTTPS_PROXY: proxy.url, https_proxy: "" };
    expectTold(await run(place, ["pull", "registry.test:5000/acme/app:1"], {}, { env }), {
      says: ["Cannot read registry.test:5000/acme/app:1", "does not speak TLS", "--plain-http", "insecure = true"],
    });
  } finally {
    proxy.close();
  }
});

test("a proxy that is down or refuses is what is named, not the registry", async () => {
  await using place = await small();
  const refuses = createServer();
  refuses.on("connect", (_, socket) => socket.end("HTTP/1.1 403 No\r\n\r\n"));
  refuses.listen(0, "127.0.0.1");
  await once(refuses, "listening");
  const address = refuses.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  try {
    for (const [url, says] of [
      ["http://127.0.0.1:1", "connection refused by the proxy 127.0.0.1:1"],
      [`http://user:s3cret@127.0.0.1:${port}`, `the proxy 127.0.0.1:${port} answered 403`],
    ] as const)
      expectTold(
        await run(place, ["pull", "registry.test/acme/app:1"], {}, { env: { HTTPS_PROXY: url, https_proxy: "" } }),
        { says: [says, "hint: Check HTTPS_PROXY"] },
      );
  } finally {
    refuses.close();
  }
});

test("what speaks neither HTTP nor TLS is told as such", async () => {
  await using place = await small();
  const server = createNetServer((socket) => void socket.on("error", () => undefined).write("SSH-2.0-OpenSSH\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const host = `127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`;
  try {
    expectTold(await run(place, ["pull", `${host}/acme/app:1`]), {
      says: [`Cannot read ${host}/acme/app:1`, "the answer is no HTTP", "hint: Is it a registry?"],
    });
  } finally {
    server.close();
  }
});

type Files = (host: string) => Readonly<Record<string, string>>;
const dockerConfig =
  (value: (host: string) => object): Files =>
  (host) => ({
    ".docker/config.json": JSON.stringify(value(host)),
  });

test.each<readonly [string, Files, readonly string[]]>([
  ["config.json is cut off", () => ({ ".docker/config.json": '{"auths": {"s3cret' }), ["config.json", "is not JSON"]],
  ["auth.json is text", () => ({ "run/containers/auth.json": "s3cret" }), ["auth.json", "is not JSON", "hint: "]],
  ["auths is a list", dockerConfig(() => ({ auths: [] })), ["config.json", '"auths" is not what it must be']],
  [
    "auth is no Base64",
    dockerConfig((host) => ({ auths: { [host]: { auth: "s3cret!" } } })),
    ["config.json", "not Base64"],
  ],
  [
    "auth has no password",
    dockerConfig((host) => ({ auths: { [host]: { auth: "YWJj" } } })),
    ["config.json", "no colon", "hint: Log in again"],
  ],
  [
    "a helper is missing",
    dockerConfig((host) => ({ credHelpers: { [host]: "gone" } })),
    ['"docker-credential-gone"', "not on PATH", "hint: "],
  ],
  [
    "registries.conf is cut off",
    () => ({ ".config/containers/registries.conf": "x = [\n[[registry" }),
    ["registries.conf", "line 2, column 3"],
  ],
  [
    "registries.conf has a number for a name",
    () => ({ ".config/containers/registries.conf": "[[registry]]\nlocation=5\n" }),
    ["registries.conf", "registry.0.location", "expected string"],
  ],
  [
    "registries.conf blocks it",
    (host) => ({ ".config/containers/registries.conf": `[[registry]]\nlocation='${host}'\nblocked=true\n` }),
    ["Refuse to use", "registries.conf blocks"],
  ],
  [
    "the authority is no certificate",
    (host) => ({ [`.config/containers/certs.d/${host}/ca.crt`]: "s3cret" }),
    ["ca.crt", "there is no PEM certificate in it"],
  ],
  [
    "a client's key has no certificate",
    (host) => ({ [`.config/containers/certs.d/${host}/client.key`]: "s3cret" }),
    ["client.key", "its certificate client.cert is missing"],
  ],
  [
    "a client's certificate is none",
    (host) => ({
      [`.config/containers/certs.d/${host}/client.key`]: "s3cret",
      [`.config/containers/certs.d/${host}/client.cert`]: "s3cret",
    }),
    ["client.cert", "it is not PEM"],
  ],
])("when %s, the file is named", async (_, files, says) => {
  await using place = await small();
  await using registry = await startRegistry({ auth: basic });
  expectTold(await run(place, ["pull", `${registry.host}/acme/app:1`], files(registry.host)), { says });
});

test.each([
  ["crashes", "echo boom >&2; exit 3", "exit code 3: boom"],
  ["is killed", "kill -9 $$", "ended by SIGKILL"],
  ["answers nonsense", 'echo \'{"Username": "ada", "Secret": s3cret\'', "is not what a helper answers"],
])("a credential helper that %s is named", async (_, script, says) => {
  await using place = await small({ "bin/docker-credential-bad": `#!/bin/sh\n${script}\n` });
  await using registry = await startRegistry({ auth: basic });
  const env = { PATH: `${place.path}/bin:${process.env["PATH"] ?? ""}` };
  const executable = { through: ["sh", "-c", `chmod +x bin/docker-credential-bad; exec "$0" "$@"`], env };
  const files = { ".docker/config.json": JSON.stringify({ credsStore: "bad" }) };
  expectTold(await run(place, ["pull", `${registry.host}/acme/app:1`], files, executable), {
    says: ["docker-credential-bad", says, "hint: Try it alone: docker-credential-bad get"],
  });
});

test("files that flags name have to be there", async () => {
  await using place = await small();
  await using registry = await startRegistry({ auth: basic });
  for (const flag of ["--authfile", "--registries-conf", "--cert-dir"])
    expectTold(await run(place, ["pull", flag, "/nonexistent/x", `${registry.host}/acme/app:1`]), {
      says: "/nonexistent/x",
    });
});

// Node's own recursive mkdir never returns below /proc.
test("login says which file it cannot write, and nothing waits for it; logout of nobody is no error", async () => {
  await using place = await small();
  await using registry = await startRegistry({ auth: basic });
  const stdin = { through: ["sh", "-c", 'echo right | "$0" "$@"'] };
  const login = ["login", "-u", "ada", "--password-stdin", "--authfile", "/proc/gone/auth.json", registry.host];
  expectTold(await run(place, login, {}, stdin), { says: ['"/proc/gone/auth.json"', "hint: "] });
  expect(await run(place, ["logout", registry.host])).toEqual({
    status: 0,
    stdout: `Not logged in to ${registry.host}\n`,
    stderr: "",
  });
});

test("offline, what is missing is told and no connection is opened", async () => {
  await using place = await small();
  await using web = await startWeb((_, response) => response.end());
  let connections = 0;
  web.server.on("connection", () => connections++);
  const add = ["build", "--offline", "--add", "src:/x"];
  for (const base of [`${web.host}/acme/base:1`, `${web.host}/acme/base@${zeros}`])
    expectTold(await run(place, [...add, "--from", base, "-o", "oci-archive:out.tar"]), {
      says: [`Cannot use ${base} offline`, "hint: Run the build once without --offline"],
    });
  expectTold(await run(place, [...add, "--push", "-t", `${web.host}/acme/app:1`]), {
    says: "with --offline: it is in a registry",
    status: 2,
  });
  expect(connections).toBe(0);
  expect(await place.names()).toEqual(["src"]);
});

const bad = "127.0.0.1:1/acme/app";
test.each([
  ["a name in upper case", ["pull", "127.0.0.1:1/Acme/app"], "must be lower case"],
  ["a name in upper case to copy to", ["copy", "oci:layout:1", "127.0.0.1:1/Acme/app"], "must be lower case"],
  ["a name in upper case to push to", ["push", "oci:layout:1", "127.0.0.1:1/Acme/app"], "must be lower case"],
  ["a tag with a space", ["push", "oci:layout:1", `${bad}:a b`], '"a b" is not a tag'],
  ["two tags", ["push", "oci:layout:1", "acme/app:1:2"], '"1:2" is not a tag'],
  ["a digest of other content", ["push", "oci:layout:1", `${bad}@${zeros}`], "the content is sha256:"],
  ["Docker's own images", ["push", "oci:layout:1", "nginx"], "Docker's official images"],
  ["half a digest", ["digest", `${bad}@sha256:12`], "is not a sha256 or sha512 digest"],
  ["a scheme", ["inspect", "https://ghcr.io/a/b"], "a name has no scheme"],
  ["nothing", ["referrers", ""], "it is empty"],
  ["a tag where a repository is due", ["tags", `${bad}:1`], "hint: Write the repository alone"],
  ["a digest where a repository is due", ["tags", `${bad}@${zeros}`], "hint: Write the repository alone"],
  ["a repository to delete", ["delete", bad], "it says neither tag nor digest"],
  ["a file to delete", ["delete", "oci:layout"], "expected a reference to a registry"],
  ["a registry to serve", ["serve", "acme/app"], "Cannot serve"],
  [
    "a digest for what is built",
    ["build", "--add", "src:/x", "--push", "-t", `${bad}@${zeros}`],
    "comes out of the build",
  ],
  ["no name to push", ["build", "--add", "src:/x", "--push"], "Cannot push an image without a name"],
  ["a host that is none to log in to", ["login", "a b"], '"a b" is not a host'],
  ["a terminal's commands", ["export", "\u001b[31mx", "out"], "is not a repository path"],
])("refused as wrong usage: %s", async (_, args, says) => {
  await using place = await small();
  await layout(place);
  expectTold(await run(place, args), { says, status: 2 });
});

test("a port that cannot be is refused with the name", async () => {
  await using place = await small();
  expectTold(await run(place, ["pull", "127.0.0.1:99999/acme/app"]), { says: '"127.0.0.1:99999"' });
});

test.each([
  ["an unknown key", "images:\n  - source: a/b:1\n    target: c/d\n    platfrom: x\n", 'Unknown key "platfrom"'],
  ["no target", "images:\n  - source: a/b:1\n", 'Missing key "target"'],
  ["a bad pattern", 'images:\n  - source: a/b\n    target: c/d\n    tags: ["/(/"]\n', '"/(/" is not valid'],
  ["tags of one image", "images:\n  - source: a/b:1\n    target: c/d\n    tags: x\n", "it is no repository"],
  ["nothing", "", "it is empty"],
  ["broken YAML", "images: [\n", "Not valid YAML"],
])("a list to copy with %s is refused as a whole", async (_, text, says) => {
  await using place = await small({ "sync.yaml": text });
  expectTold(await run(place, ["copy", "--file", "sync.yaml"]), { says: ["sync.yaml", says], status: 2 });
});

test("of a list the other images are copied when some fail, and --json says why in full", async () => {
  await using place = await small();
  await using registry = await startRegistry();
  await fill(registry, "acme/app:1");
  const to = `${registry.host}/mirror`;
  const sources = [`${registry.host}/none:1`, "127.0.0.1:1/acme/app:1", `${registry.host}/acme/app:1`];
  await place.write({
    "sync.yaml": `images:\n${sources.map((source, at) => `  - source: ${source}\n    target: ${to}/${at}\n`).join("")}`,
  });
  const { status, stdout, stderr } = await run(place, ["copy", "--json", "--file", "sync.yaml"]);
  expect(status).toBe(1);
  const results: unknown[] = stdout
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(results).toEqual([
    expect.objectContaining({ outcome: "failed", error: expect.stringContaining("404 Not Found") }),
    expect.objectContaining({ outcome: "failed", error: expect.stringContaining("connection refused") }),
    expect.objectContaining({ outcome: "copied" }),
  ]);
  expect(stderr).toContain("3 images: 1 copied, 2 failed");
});

test.each([
  ["a pull", "oci-archive:out.tar"],
  ["a pull for Docker", "docker-archive:out.tar"],
  ["a push", undefined],
])("Ctrl-C ends %s, and nothing half-written is left", async (_, destination) => {
  await using place = await small();
  let stalls = false;
  const stalled = Promise.withResolvers<void>();
  await using registry = await startRegistry({
    intercept: async (request, { response }, next) => {
      const { method, operation } = request;
      if (!stalls || !(operation === "put-upload" || (operation === "blob" && method === "GET"))) return await next();
      if (method === "GET") response.flushHeaders();
      stalled.resolve();
    },
  });
  const name = `${registry.host}/acme/app:1`;
  await fill(registry, "acme/app:1", { size: 300_000 });
  await layout(place);
  stalls = true;
  const before = await place.names();
  const args = destination === undefined ? ["push", "oci:layout:1", `${name}0`] : ["pull", name, destination];
  const outcome = await attempt(place, args, {
    env: await atHome(place),
    meanwhile: async (pid) => {
      await stalled.promise;
      await sleep(50);
      process.kill(pid, "SIGINT");
    },
  });
  expectInterrupted(outcome);
  expect(await place.names()).toEqual(before);
});

function expectInterrupted({ status, stdout, stderr }: Awaited<ReturnType<typeof attempt>>): void {
  expect({ status, stdout }).toEqual({ status: 130, stdout: "" });
  expect(stderr).toMatch(/^error: Interrupted$/m);
  expect(() => expectRefusal({ status: 1, stdout, stderr }, { says: "Interrupted" })).not.toThrow();
}
