import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { readdir, readFile, stat, utimes } from "node:fs/promises";
import { basename, join } from "node:path";
import { LayoutStore, openImage, readTree } from "@lading/oci";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Workspace, workspace } from "./workspace.ts";

/*
 * What ADD fetches, from a server on this machine: into the cache, through proxies, locked and offline.
 */

interface Served extends AsyncDisposable {
  /** Ends with a slash. */
  readonly url: string;
  /** Paths with what they were asked for under, in order. */
  readonly requests: string[];
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Served> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push([request.url, request.headers["if-none-match"]].filter((part) => part !== undefined).join(" "));
    answer(request, response);
  });
  const url = await new Promise<string>((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(`http://127.0.0.1:${address.port}/`);
    }),
  );
  return {
    url,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

let work: Workspace;
beforeEach(async () => void (work = await workspace()));
afterEach(async () => await work[Symbol.asyncDispose]());

const build = async (...flags: string[]) => await work.lading(["build", "-q", "-o", "oci:out", ...flags]);

/** What the cache notes of URLs; never nothing. */
async function records(): Promise<readonly string[]> {
  const entries = await readdir(work.cache, { recursive: true, withFileTypes: true });
  const files = entries.filter(({ parentPath }) => basename(parentPath) === "downloads");
  expect(files).not.toHaveLength(0);
  return await Promise.all(files.map(async ({ parentPath, name }) => await readFile(join(parentPath, name), "utf8")));
}

test("a URL of ADD is fetched once while its server names it the same, and offline is what it was", async () => {
  let etag = '"one"';
  await using server = await serve((request, response) => {
    const headers = { etag, "last-modified": "Thu, 01 Jan 2015 00:00:00 GMT" };
    if (request.headers["if-none-match"] === etag) response.writeHead(304, headers).end();
    else response.writeHead(200, headers).end(`content ${etag}`);
  });
  await work.write({ Dockerfile: `FROM scratch\nADD ${server.url}dir/file /to/\n` });
  const first = await build();
  expect(first).toMatchObject({ status: 0, stderr: "" });
  const store = await LayoutStore.open(`${work.path}/out`);
  const tree = await readTree(await openImage(store, await store.resolve(first.stdout.trim())));
  expect(tree.lstat("to/file")?.header).toMatchObject({ mode: 0o600, mtime: Date.UTC(2015) / 1000, size: 13 });
  expect(await build()).toEqual(first);
  expect(server.requests).toEqual(["/dir/file", '/dir/file "one"']);

  etag = '"two"';
  const offline = await build("--offline");
  expect(offline.stdout).toBe(first.stdout);
  const second = await build();
  expect(second.stdout).not.toBe(first.stdout);
  await build("--no-cache");
  expect(server.requests.slice(2)).toEqual(['/dir/file "one"', "/dir/file"]);
});

test("a URL is fetched through the proxy of the environment", async () => {
  await using proxy = await serve((request, response) => response.end(`by proxy: ${request.url}`));
  await work.write({ Dockerfile: "FROM scratch\nADD http://files.invalid/a /\n" });
  const built = await work.lading(["build", "-q", "-o", "oci:out"], { http_proxy: proxy.url, no_proxy: "" });
  expect(built).toMatchObject({ status: 0, stderr: "" });
  expect(proxy.requests.join()).toContain("files.invalid");
});

test("a URL that cannot be had is told at its line, and so is one that is not there offline", async () => {
  await using server = await serve((_, response) => response.writeHead(404).end());
  await work.write({ Dockerfile: `FROM scratch\nADD ${server.url}file /\n` });
  const missing = await build();
  expect(missing).toMatchObject({ status: 1, stdout: "" });
  expect(missing.stderr).toContain(`error: Cannot fetch "${server.url}file": 404 Not Found\n  --> Dockerfile:2:5\n`);
  const offline = await build("--offline");
  expect(offline.stderr).toContain(`error: Cannot fetch "${server.url}file" offline: it was never fetched`);
  expect(server.requests).toHaveLength(1);
});

test("what a checksum names and the cache has is asked of nobody; a wrong one is refused", async () => {
  await using server = await serve((_, response) => response.end("content"));
  const sum = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
  await work.write({ Dockerfile: `FROM scratch\nARG SUM\nADD --checksum=$SUM ${server.url}file /\n` });
  const first = await build("--build-arg", `SUM=${sum}`);
  expect(first).toMatchObject({ status: 0, stderr: "" });
  expect(await build("--build-arg", `SUM=${sum}`)).toEqual(first);
  expect(server.requests).toEqual(["/file"]);
  const wrong = await build("--build-arg", `SUM=${sum.replace(/.$/, "0")}`);
  expect(wrong).toMatchObject({ status: 1, stdout: "" });
  expect(wrong.stderr).toContain(`its checksum is ${sum}, not ${sum.replace(/.$/, "0")}\n  --> Dockerfile:3:16\n`);
});

test("a download that a build uses is none that cache prune takes for unused", async () => {
  await using server = await serve((_, response) => response.end("content"));
  const sum = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
  await work.write({ Dockerfile: `FROM scratch\nADD --checksum=sha256:${sum} ${server.url}file /\n` });
  expect(await build()).toMatchObject({ status: 0 });
  const blob = (await readdir(work.cache, { recursive: true })).find((each) => each.endsWith(sum));
  const path = join(work.cache, blob ?? "");
  await utimes(path, new Date(0), new Date(0));
  expect(await build()).toMatchObject({ status: 0 });
  expect((await stat(path)).mtimeMs).toBeGreaterThan(0);
  expect(server.requests).toEqual(["/file"]);
});

test("lading lock pins URLs with variables, as a build with the same arguments would fetch them", async () => {
  let version = "1";
  await using server = await serve((request, response) => response.end(`${request.url} ${version}`));
  await work.write({
    Dockerfile: `FROM scratch\nARG V=1\nARG TARGETARCH\nADD ${server.url}$V/$TARGETARCH /file\n`,
  });
  const arguments_ = ["--build-arg", "V=2", "--platform", "linux/amd64,linux/arm64"];
  expect(await work.lading(["lock", "-q", ...arguments_])).toMatchObject({ status: 0 });
  expect(JSON.parse(await work.read("lading.lock"))).toMatchObject({
    urls: {
      [`${server.url}2/amd64`]: expect.stringMatching(/^sha256:/),
      [`${server.url}2/arm64`]: expect.stringMatching(/^sha256:/),
    },
  });
  const locked = await build("--locked", ...arguments_);
  expect(locked).toMatchObject({ status: 0, stderr: "" });
  const refused = await build("--locked", "--platform", "linux/amd64");
  expect(refused).toMatchObject({ status: 1, stdout: "" });
  expect(refused.stderr).toContain(`Cannot add "${server.url}1/amd64" with --locked: lading.lock does not have it`);

  version = "2";
  expect(await build("--locked", "--offline", ...arguments_)).toEqual(locked);
  const drift = await work.lading(["build", "-q", "-o", "oci:out", "--no-cache", ...arguments_]);
  expect(drift).toMatchObject({ status: 1 });
  expect(drift.stderr).toContain("Run `lading lock --update` if that is meant");
});

test("what is locked and in the cache is built also when the URL gives another file by now", async () => {
  let year = 2015;
  await using server = await serve((_, response) => {
    const modified = new Date(Date.UTC(year)).toUTCString();
    response.writeHead(200, { etag: `"${year}"`, "last-modified": modified }).end(`of ${year}`);
  });
  await work.write({ Dockerfile: `FROM scratch\nADD ${server.url}file /\n` });
  expect(await work.lading(["lock", "-q"])).toMatchObject({ status: 0 });
  const first = await build("--locked");
  expect(first).toMatchObject({ status: 0, stderr: "" });
  year = 2016;
  await work.write({ "other/Dockerfile": await work.read("Dockerfile") });
  expect(await build("other")).toMatchObject({ status: 0, stderr: "" });
  expect(server.requests).toHaveLength(2);
  expect(await build("--locked")).toEqual(first);
  expect(server.requests).toHaveLength(2);
});

test("the password in a URL is sent, and is neither in messages nor in the lock nor in the cache", async () => {
  const sent = `Basic ${Buffer.from("ci:s3cret").toString("base64")}`;
  await using server = await serve((request, response) => {
    response.writeHead(request.headers.authorization === sent && request.url === "/file" ? 200 : 404).end("content");
  });
  const { host } = new URL(server.url);
  await work.write({ Dockerfile: `FROM scratch\nARG T\nARG F=file\nADD http://ci:$T@${host}/$F /\n` });
  const password = ["--build-arg", "T=s3cret"];
  expect(await work.lading(["lock", ...password])).toMatchObject({ status: 0 });
  const lock = await work.read("lading.lock");
  expect(Object.keys(JSON.parse(lock).urls)).toEqual([`${server.url}file`]);
  expect(await build("--locked", ...password)).toMatchObject({ status: 0, stderr: "" });
  expect(server.requests).toEqual(["/file"]);
  // Whose password it was is not what names a file.
  expect(await build("--locked", "--build-arg", "T=another")).toMatchObject({ status: 0, stderr: "" });
  const messages = [
    await build(...password, "--build-arg", "F=none"),
    await build(...password, "--build-arg", "F=none", "--offline"),
    await build(...password, "--build-arg", "F=none", "--locked"),
  ];
  expect(messages.map(({ status }) => status)).toEqual([1, 1, 1]);
  for (const { stderr } of messages) expect(stderr).toContain(`"${server.url}none"`);
  expect(JSON.stringify([messages, lock, await records()])).not.toContain("s3cret");
});

test("values of a URL's query are sent and name the file in the lock, and are in no message and not in the cache", async () => {
  await using server = await serve((request, response) => {
    response.writeHead(request.url === "/file?v=1&token=s3cret" ? 200 : 404).end("content");
  });
  await work.write({ Dockerfile: `FROM scratch\nARG T\nARG F=file\nADD ${server.url}$F?v=1&token=$T#part /\n` });
  const token = ["--build-arg", "T=s3cret"];
  const locked = await work.lading(["lock", ...token]);
  expect(locked.stderr).toContain(`added ${server.url}file?v=…&token=…#part: sha256:`);
  expect(Object.keys(JSON.parse(await work.read("lading.lock")).urls)).toEqual([
    `${server.url}file?v=1&token=s3cret#part`,
  ]);
  expect(await build("--locked", ...token)).toMatchObject({ status: 0, stderr: "" });
  await work.write({ "lading.lock": (await work.read("lading.lock")).replace(/sha256:\w{4}/, "sha256:0000") });
  const messages = [
    locked,
    await build(...token),
    await work.lading(["build", "-o", "oci:out", "--offline", "--build-arg", "F=none", ...token]),
    await build(...token, "--build-arg", "F=none"),
    await build(...token, "--build-arg", "F=none", "--locked"),
    await build(...token, "--build-arg", "F=none?s3cret&"),
  ];
  expect(messages.map(({ status }) => status)).toEqual([0, 1, 1, 1, 1, 1]);
  for (const { stderr } of messages) expect(stderr).toMatch(/\?(?:…&)?v=…&token=…#part/);
  expect(JSON.stringify([messages, await records()])).not.toContain("s3cret");
});

test("lading lock takes secrets for hosts, as a build does", async () => {
  await using server = await serve((request, response) => {
    response.writeHead(request.headers.authorization === "Bearer t0k" ? 200 : 401).end("content");
  });
  await work.write({ Dockerfile: `FROM scratch\nADD ${server.url}file /\n`, token: "t0k\n" });
  const refused = await work.lading(["lock", "-q"]);
  expect(refused).toMatchObject({ status: 1, stdout: "" });
  expect(refused.stderr).toContain(`Cannot fetch "${server.url}file"`);
  const secret = ["--secret", "id=HTTP_AUTH_TOKEN_127.0.0.1,src=token"];
  expect(await work.lading(["lock", "-q", ...secret])).toMatchObject({ status: 0, stderr: "" });
  expect(Object.keys(JSON.parse(await work.read("lading.lock")).urls)).toEqual([`${server.url}file`]);
  expect(await work.read("lading.lock")).not.toContain("t0k");
  expect(await build("--locked", "--no-cache", ...secret)).toMatchObject({ status: 0, stderr: "" });
});

test("lading lock says which URLs only a build knows", async () => {
  await work.write({
    "base/Dockerfile": "FROM scratch\nCOPY Dockerfile /\nENV FROM_BASE=x\n",
    Dockerfile: "FROM oci:base-image\nADD http://files.invalid/$FROM_BASE /\n",
  });
  await work.lading(["build", "-q", "-o", "oci:base-image", "base"]);
  const locked = await work.lading(["lock", "-q"]);
  expect(locked).toMatchObject({ status: 0 });
  expect(locked.stderr).toContain("warning: not locked http://files.invalid/$FROM_BASE (Dockerfile:2): $FROM_BASE may");
  const json = await work.lading(["lock", "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    unlocked: [{ place: "http://files.invalid/$FROM_BASE", file: "Dockerfile", line: 2, variables: ["FROM_BASE"] }],
  });
  expect((await build("--locked")).stderr).toContain("with --locked: lading.lock does not have it");
});
