import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { openAgentSocket } from "./agent-socket.ts";

test("an agent answers through a socket with a mode of its own, which goes with what opened it", async () => {
  await using folder = await temporaryFolder();
  const [source, path] = [join(folder.path, "agent"), join(folder.path, "ours")];
  const agent = createServer({ allowHalfOpen: true }, (client) => {
    client.once("data", (asked) => client.end(`${String(asked)} yes`));
  }).listen(source);
  await once(agent, "listening");
  try {
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const socket = await openAgentSocket(path, { source, mode: 0o640, ...owner });
    expect(statSync(path).mode & 0o777).toBe(0o640);
    const client = connect(path);
    client.write("key?");
    expect(await text(client)).toBe("key? yes");
    await socket[Symbol.asyncDispose]();
    expect(existsSync(path)).toBe(false);
  } finally {
    agent.close();
  }
});
