import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createSocket } from "node:dgram";
import type { Container } from "@lading/runner";
import { expect, test } from "vitest";
import { type Bench, eventually, watched } from "./bench.ts";
import { hostNamespace } from "./isolation.ts";

/** Networks, ports, and the files that say who is where. */
export function networks(bench: () => Bench): void {
  const serving = "mkdir /tmp/www; echo hello > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www";
  const hasBridge = (): boolean => bench().info.networks.includes("bridge");

  test("none is a loopback interface that is up, and nothing else", async () => {
    const { lines } = await bench().look({ network: "none" });

    expect(lines("interfaces").filter((line) => line.endsWith(" up"))).toEqual(["lo up"]);
    expect(lines("interfaces").map((line) => line.split(" ")[0])).not.toContain("eth0");
    expect((await bench().sh("ip route | wc -l")).stdout.trim()).toBe("0");
  });

  test("host is the network of this machine", async () => {
    const server = createServer((socket) => socket.end("from the host\n")).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { stdout } = await bench().sh(`nc 127.0.0.1 ${portOf(server)} </dev/null; readlink /proc/self/ns/net`, {
        network: "host",
      });
      expect(stdout).toBe(`from the host\nnet:[${hostNamespace("net")}]\n`);
    } finally {
      server.close();
    }
  });

  test("a bridge gives an address that the host reaches, and that is told, or is refused", async () => {
    if (!hasBridge()) {
      expect(() => bench().plan({ command: ["true"], network: "bridge" })).toThrow(
        "Cannot connect a container to a bridge",
      );
      return;
    }
    await using container = await bench().shell(serving, { network: "bridge" });
    await container.start(watched);

    const { addresses } = await container.info();
    const inside = (await bench().exec(container, ["ip", "-o", "-4", "addr", "show", "eth0"])).stdout;

    expect(addresses).toContain(/inet ([\d.]+)/.exec(inside)?.[1]);
    expect((await bench().exec(container, ["ip", "route"])).stdout).toMatch(/^default via /);
    // The bridge of a user who is not root is not on the host's side.
    if (!bench().info.rootless) expect(await answer(`http://${addresses[0]}:8080/`)).toBe("hello\n");
  });

  test("containers on the bridge reach each other", async () => {
    if (!hasBridge()) return;
    await using server = await bench().shell(serving, { network: "bridge" });
    await server.start(watched);
    const { addresses } = await server.info();

    const { stdout } = await bench().sh(
      `for i in $(seq 50); do wget -q -O - http://${addresses[0]}:8080/ 2>/dev/null && exit; sleep 0.1; done`,
      { network: "bridge" },
    );

    expect(stdout).toBe("hello\n");
  });

  test("a container that joins another's network talks to it on the loopback interface", async () => {
    await using server = await bench().shell(serving, { network: "none" });
    await server.start(watched);

    const { stdout } = await bench().sh(
      "for i in $(seq 50); do wget -q -O - http://127.0.0.1:8080/ 2>/dev/null && exit; sleep 0.1; done",
      { network: { container: server.id } },
    );

    expect(stdout).toBe("hello\n");
  });

  test("a port that is published is reached from the host, and the kernel's choice is told", async () => {
    if (!hasBridge()) return;
    await using container = await bench().shell(serving, {
      network: "bridge",
      ports: [{ hostAddress: "127.0.0.1", hostPort: 0, containerPort: 8080, protocol: "tcp" }],
    });
    await container.start(watched);

    const { ports } = await container.info();

    expect(ports).toEqual([
      { hostAddress: "127.0.0.1", hostPort: expect.any(Number), containerPort: 8080, protocol: "tcp" },
    ]);
    expect(ports[0]?.hostPort).toBeGreaterThan(0);
    expect(await answer(`http://127.0.0.1:${ports[0]?.hostPort}/`)).toBe("hello\n");
  });

  test("a port that was named is that one, on every address", async () => {
    if (!hasBridge()) return;
    const port = await freePort();
    await using container = await bench().shell(serving, {
      network: "bridge",
      ports: [{ hostPort: port, containerPort: 8080, protocol: "tcp" }],
    });
    await container.start(watched);

    expect((await container.info()).ports).toMatchObject([{ hostPort: port, containerPort: 8080, protocol: "tcp" }]);
    expect(await answer(`http://127.0.0.1:${port}/`)).toBe("hello\n");
  });

  test("datagrams reach a port that is published for them", async () => {
    // busybox has nothing that listens for them: a program of the host does, in the container's network.
    if (!hasBridge() || bench().info.rootless) return;
    await using container = await bench().idle({
      network: "bridge",
      ports: [{ hostAddress: "127.0.0.1", hostPort: 0, containerPort: 5353, protocol: "udp" }],
    });
    const { ports, pid } = await container.info();
    const echo = `require("node:dgram").createSocket("udp4").on("message", (text, { port, address }) => socket.send(text, port, address)).bind(5353)`;
    const listener = spawn("nsenter", [`--net=/proc/${pid}/ns/net`, process.execPath, "-e", `const socket = ${echo}`]);
    const socket = createSocket("udp4");
    const heard: string[] = [];
    socket.on("message", (text) => heard.push(text.toString()));
    try {
      await eventually("an answer", async () => {
        socket.send("over here", ports[0]?.hostPort, "127.0.0.1");
        return heard.length > 0;
      });
      expect(heard[0]).toBe("over here");
    } finally {
      socket.close();
      listener.kill();
    }
  });

  test("a port that somebody listens on is refused, and nothing is left", async () => {
    if (!hasBridge()) return;
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const made: Container[] = [];
    try {
      const attempt = async (): Promise<void> => {
        const container = await bench().shell("true", {
          network: "bridge",
          ports: [{ hostAddress: "127.0.0.1", hostPort: portOf(server), containerPort: 80, protocol: "tcp" }],
        });
        made.push(container);
        await container.start(watched);
      };
      await expect(attempt()).rejects.toMatchObject({ code: "PORT_TAKEN" });
    } finally {
      server.close();
      for (const container of made) await container.remove({ force: true });
    }
  });

  test("a port is free again when its container has ended", async () => {
    if (!hasBridge()) return;
    const port = await freePort();
    const ports = [{ hostAddress: "127.0.0.1", hostPort: port, containerPort: 8080, protocol: "tcp" as const }];
    await using first = await bench().idle({ network: "bridge", ports });
    await first.stop();

    await using second = await bench().shell(serving, { network: "bridge", ports });
    await second.start(watched);
    expect(await answer(`http://127.0.0.1:${port}/`)).toBe("hello\n");
    await second.stop({ grace: 0 });

    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    server.close();
  });

  test("/etc/hosts knows the container itself, and the hosts that were added", async () => {
    const { lines } = await bench().look({ hostname: "box", addHosts: ["other.example:192.0.2.7"] });

    const hosts = new Map(
      lines("hosts")
        .map((line) => line.trim().split(/\s+/))
        .flatMap(([address = "", ...hosted]) => hosted.map((name) => [name, address] as const).toReversed())
        .toReversed(),
    );
    expect(hosts.get("other.example")).toBe("192.0.2.7");
    expect(hosts.get("localhost")).toMatch(/^127\.0\.0\.1$|^::1$/);
    expect(hosts.has("box")).toBe(true);
  });

  test("host-gateway is an address of the host, on a bridge and on the host's network", async () => {
    for (const network of ["host", ...(hasBridge() ? (["bridge"] as const) : [])] as const) {
      const { stdout } = await bench().sh("grep host-box /etc/hosts", { network, addHosts: ["host-box:host-gateway"] });

      expect(stdout).toMatch(/^(?:\d+\.){3}\d+\thost-box\n$/);
    }
  });

  test("/etc/resolv.conf names the servers that were asked for", async () => {
    if (!hasBridge()) return;
    const { lines } = await bench().look({ network: "bridge", dns: ["192.0.2.53", "192.0.2.54"] });

    const servers = lines("resolv").filter((line) => line.startsWith("nameserver"));
    expect(servers).toEqual(["nameserver 192.0.2.53", "nameserver 192.0.2.54"]);
  });

  test("sysctls of its own network are set, and those of the host are not", async () => {
    const name = "net.core.somaxconn";
    const { sysctls } = await bench().look({ sysctls: { [name]: "77" } });

    expect(sysctls["net/core/somaxconn"]).toBe("77");
    expect((await bench().look()).sysctls["net/core/somaxconn"]).not.toBe("77");
  });

  test("ports below 1024 are anybody's", async () => {
    const { stdout, stderr } = await bench().sh(
      "nc -l -p 80 > /tmp/heard & for i in $(seq 50); do echo hello | nc -w 20 127.0.0.1 80 2>/dev/null && break; sleep 0.1; done; wait; cat /tmp/heard",
      { user: "app" },
    );

    expect(stderr).toBe("");
    expect(stdout).toBe("hello\n");
  });
}

function portOf(server: ReturnType<typeof createServer>): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("Expected a port");
  return address.port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  return port;
}

/** What an HTTP server answers, once it listens. */
function answer(url: string): Promise<string> {
  return eventually(`${url} answers`, async () => {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(2000) })).text();
    } catch {
      return undefined;
    }
  });
}
