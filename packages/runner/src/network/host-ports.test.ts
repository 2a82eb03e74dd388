import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createSocket } from "node:dgram";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { HostPorts } from "./host-ports.ts";

const held: HostPorts[] = [];
afterEach(async () => {
  await Promise.all(held.splice(0).map((ports) => ports[Symbol.asyncDispose]()));
});

async function hold(...wanted: Parameters<typeof HostPorts.hold>): Promise<HostPorts> {
  const ports = await HostPorts.hold(...wanted);
  held.push(ports);
  return ports;
}

const nobody = (): undefined => undefined;

test.each(["tcp", "udp"] as const)(
  "a port of %s that the kernel chose is held until it is let go",
  async (protocol) => {
    const request = { hostAddress: "127.0.0.1", hostPort: 0, containerPort: 80, protocol };
    const ports = await hold([request], nobody);
    const hostPort = ports.mappings[0]?.hostPort ?? 0;
    expect(ports.mappings).toEqual([{ ...request, hostPort }]);
    expect(hostPort).toBeGreaterThan(0);

    await expect(hold([{ ...request, hostPort }], nobody)).rejects.toMatchObject({
      code: "PORT_TAKEN",
      message: expect.stringContaining(`Cannot publish 127.0.0.1:${hostPort}/${protocol}: `),
    });
    await expect(hold([{ ...request, hostPort }], () => "web")).rejects.toThrow('container "web" has it');

    await ports[Symbol.asyncDispose]();
    expect((await hold([{ ...request, hostPort }], nobody)).mappings).toEqual([{ ...request, hostPort }]);
  },
);

test("a port of every address is held on each", async () => {
  const ports = await hold([{ hostPort: 0, containerPort: 80, protocol: "tcp" }], nobody);
  const hostPort = ports.mappings[0]?.hostPort ?? 0;

  const one = { hostAddress: "127.0.0.1", hostPort, containerPort: 80, protocol: "tcp" } as const;
  await expect(hold([one], nobody)).rejects.toMatchObject({ code: "PORT_TAKEN" });
});

test("when one of several ports is taken, none is held", async () => {
  const blocker = createSocket("udp4");
  blocker.bind(0, "127.0.0.1");
  await once(blocker, "listening");
  const free = { hostAddress: "127.0.0.1", hostPort: 0, containerPort: 80, protocol: "tcp" } as const;
  const first = await hold([free], nobody);
  const [mapping = free] = first.mappings;
  await first[Symbol.asyncDispose]();

  const taken = {
    hostAddress: "127.0.0.1",
    hostPort: blocker.address().port,
    containerPort: 1,
    protocol: "udp",
  } as const;
  await expect(hold([mapping, taken], nobody)).rejects.toMatchObject({ code: "PORT_TAKEN" });

  await hold([mapping], nobody);
  blocker.close();
});

test("an address that is not this machine's is refused", async () => {
  const mapping = { hostAddress: "192.0.2.77", hostPort: 0, containerPort: 80, protocol: "tcp" } as const;
  await expect(hold([mapping], nobody)).rejects.toMatchObject({
    code: "SPEC",
    message: "Cannot publish 192.0.2.77:0/tcp: this machine does not have that address",
  });
});

test("what reaches the socket is passed on, half-closed connections too", async () => {
  const echo = createServer(
    { allowHalfOpen: true },
    (socket) => void text(socket).then((all) => socket.end(`<${all}>`)),
  );
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const target = echo.address();
  const containerPort = typeof target === "object" && target !== null ? target.port : 0;
  const ports = await hold([{ hostAddress: "127.0.0.1", hostPort: 0, containerPort, protocol: "tcp" }], nobody);
  ports.passTo("127.0.0.1");

  const socket = connect({ port: ports.mappings[0]?.hostPort ?? 0, host: "127.0.0.1", allowHalfOpen: true });
  socket.end("all of it");

  expect(await text(socket)).toBe("<all of it>");
  echo.close();
});
