import { createServer } from "node:net";
import { expect, test } from "vitest";
import { parseListeners, whoListens } from "./listeners.ts";

test("sockets that listen are told from those that are connected", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1593 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9A2F 01 00000000:00000000 00:00000000 00000000     0        0 1600 1 0 20 4 30 10 -1
`;
  expect(parseListeners(table)).toEqual([{ port: 8080, inode: "1593" }]);
});

test.runIf(process.platform === "linux")("the process that listens on a port is named", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    expect(await whoListens("tcp", port)).toMatch(new RegExp(`\\(process ${process.pid}\\)$`));
    expect(await whoListens("udp", port)).toBeUndefined();
  } finally {
    server.close();
  }
});
