import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseDigest } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { afterEach, expect, test, vi } from "vitest";
import type { NetworkSource, PortMapping } from "../run-spec.ts";
import { testPlan } from "../spec/run-bundle.suite.ts";
import { type ConnectRequest, type Connection, Networks } from "./networks.ts";
import { networksOf } from "./support.ts";
import { findProgram, runProgram } from "./system-program.ts";

const hasBridge = networksOf().networks.includes("bridge") && findProgram("busybox") !== undefined;
if (!hasBridge && process.env["LADING_TEST_STRICT"] === "1")
  throw new Error(`Cannot test bridge networks: ${networksOf().findings.join("; ")}`);

const ended: AsyncDisposable[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const each of ended.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

interface Lab {
  readonly root: string;
  readonly networks: Networks;
  connect(network: NetworkSource, request?: Request): Promise<Connection>;
}

interface Request extends Partial<Pick<ConnectRequest, "ids">> {
  readonly id?: string;
  readonly ports?: readonly PortMapping[];
}

/** A state folder with a bridge of its own. */
async function lab(): Promise<Lab> {
  const folder = await temporaryFolder();
  const root = folder.path;
  const files = { "/etc/hosts": join(root, "others-hosts") };
  const networks = new Networks({
    root,
    find: async (name) => ({ id: name, name, pid: name === "asleep" ? undefined : process.pid, files }),
  });
  ended.push(folder);
  return {
    root,
    networks,
    async connect(network, { id = "c1", ports = [], ids } = {}) {
      const request = await requestFor(root, network, id, ports);
      const connection = await networks.connect({ ...request, ids });
      ended.push(connection);
      return connection;
    },
  };
}

async function requestFor(
  root: string,
  network: NetworkSource,
  id: string,
  ports: readonly PortMapping[],
): Promise<ConnectRequest> {
  const folder = join(root, "containers", id);
  await mkdir(folder, { recursive: true });
  const plan = testPlan({
    network,
    ports,
    dns: typeof network === "object" || network === "none" ? [] : ["192.0.2.53"],
  });
  const image = { id: parseDigest(`sha256:${"0".repeat(64)}`), name: "test" };
  return {
    record: { id, name: id, engine: "runc", image, created: new Date().toISOString(), plan },
    folder,
    hostname: "box",
  };
}

/** What a shell says inside a container's network. */
async function inside({ joined }: Connection, script: string, flags: readonly string[] = []): Promise<string> {
  const { stdout, stderr } = await runProgram("nsenter", [`--net=${joined.net}`, ...flags, "sh", "-c", script]);
  return stdout + stderr;
}

/** A web server inside; it answers with `text`. */
async function serve(lab: Lab, { joined }: Connection, text: string): Promise<void> {
  const home = join(lab.root, `www-${text}`);
  await mkdir(home);
  await writeFile(join(home, "index.html"), text);
  start("nsenter", [`--net=${joined.net}`, "busybox", "httpd", "-f", "-p", "80", "-h", home]);
  await until(async () => (await inside({ joined, ...rest }, "busybox wget -qO- http://127.0.0.1/")) === text);
}

const rest = { files: {}, ports: [], addresses: [], [Symbol.asyncDispose]: async () => undefined };

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  ended.push({
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await closed;
    },
  });
  return child;
}

/** Another process that connects a container, and does not end by itself. */
async function supervise({ root }: Lab, id: string, ports: readonly PortMapping[]): Promise<ChildProcess> {
  const script = `
    const { Networks } = await import(${JSON.stringify(new URL("networks.ts", import.meta.url).href)});
    const networks = new Networks({ root: ${JSON.stringify(root)}, find: () => undefined });
    const { joined } = await networks.connect(${JSON.stringify(await requestFor(root, "bridge", id, ports))});
    process.stdout.write(joined.net);
    setInterval(() => undefined, 1000);
  `;
  const supervisor = start(process.execPath, ["--conditions=@lading/source", "--input-type=module", "-e", script]);
  await once(supervisor.stdout ?? supervisor, "data");
  return supervisor;
}

async function links(): Promise<string> {
  return (await runProgram("ip", ["-o", "link"])).stdout;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await isSo()) return;
    await delay(20);
  }
  throw new Error("It never came about");
}

async function get(address: string, port: number | undefined): Promise<string> {
  return (await fetch(`http://${address}:${port}/`, { headers: { connection: "close" } })).text();
}

/** Everything that the machine has of a state folder's network; nothing when there is none. */
async function traces(root: string): Promise<readonly string[]> {
  const { name, bridge } = JSON.parse(await readFile(join(root, "network.json"), "utf8"));
  const rules = (await runProgram("iptables-save", [])).stdout.split("\n").filter((line) => line.includes(name));
  const interfaces = (await links()).split("\n").filter((line) => line.includes(bridge));
  const reserved = await readdir(join(root, "network/ipam", name)).catch(() => []);
  const attached = await readdir(join(root, "network/attached"));
  return [...rules, ...interfaces, ...reserved.filter((file) => file.includes("10.")), ...attached];
}

const port80 = { hostPort: 0, containerPort: 80, protocol: "tcp" } as const;

test.runIf(hasBridge)("a published port leads into the container from every address of the host", async () => {
  const here = await lab();
  const connection = await here.connect("bridge", { ports: [port80] });
  await serve(here, connection, "one");

  const [{ hostPort } = port80] = connection.ports;
  expect(connection.ports).toEqual([{ ...port80, hostPort }]);
  expect(await get("127.0.0.1", hostPort)).toBe("one");
  expect(await get("localhost", hostPort)).toBe("one");
  expect(await get(connection.addresses[0] ?? "", 80)).toBe("one");
  if (existsSync("/proc/net/if_inet6")) expect(await get("[::1]", hostPort)).toBe("one");
  // Hairpin: by its own port of the host, and its gateway's address.
  const gateway = (await inside(connection, "ip route")).match(/default via (\S+)/)?.[1];
  expect(await inside(connection, `busybox wget -qO- http://${gateway}:${hostPort}/`)).toBe("one");
});

test.runIf(hasBridge)("a published port of UDP leads there and back", async () => {
  const here = await lab();
  const connection = await here.connect("bridge", { ports: [{ hostPort: 0, containerPort: 53, protocol: "udp" }] });
  const echo = `
    const socket = require("node:dgram").createSocket("udp4").bind(53, () => console.log("ready"));
    socket.on("message", (text, from) => socket.send("<" + text + ">", from.port, from.address));
  `;
  const server = start("nsenter", [`--net=${connection.joined.net}`, process.execPath, "-e", echo]);
  await once(server.stdout ?? server, "data");
  const client = createSocket("udp4").bind(0, "127.0.0.1");
  await once(client, "listening");

  client.send("who", connection.ports[0]?.hostPort, "127.0.0.1");

  const [text] = await once(client, "message");
  expect(String(text)).toBe("<who>");
  client.close();
});

test.runIf(hasBridge)("a port of one address is not there on others", async () => {
  const here = await lab();
  const connection = await here.connect("bridge", { ports: [{ ...port80, hostAddress: "127.0.0.1" }] });
  await serve(here, connection, "local");

  expect(await get("127.0.0.1", connection.ports[0]?.hostPort)).toBe("local");
  await expect(get("127.0.0.2", connection.ports[0]?.hostPort)).rejects.toThrow();
});

test.runIf(hasBridge)("containers on a bridge reach each other and the host, and the files say where", async () => {
  const here = await lab();
  const [one, two] = await Promise.all([here.connect("bridge"), here.connect("bridge", { id: "c2" })]);
  await serve(here, one, "one");
  const host = createServer((socket) => socket.end("the host")).listen(0, "0.0.0.0");
  await once(host, "listening");
  const place = host.address();
  const port = typeof place === "object" && place !== null ? place.port : 0;

  expect(await inside(two, `busybox wget -qO- http://${one.addresses[0]}/`)).toBe("one");
  const hosts = await readFile(two.files["/etc/hosts"] ?? "", "utf8");
  const gateway = /^(\S+)\thost\.containers\.internal/m.exec(hosts)?.[1];
  expect(await inside(two, `busybox nc ${gateway} ${port} </dev/null`)).toBe("the host");
  expect(hosts).toContain(`${two.addresses[0]}\tbox c2\n`);
  expect(await readFile(two.files["/etc/hostname"] ?? "", "utf8")).toBe("box\n");
  expect(await readFile(two.files["/etc/resolv.conf"] ?? "", "utf8")).toContain("nameserver 192.0.2.53\n");
  host.close();
});

test.runIf(hasBridge)("a container does not reach what listens on the host's loopback interface", async () => {
  const here = await lab();
  const connection = await here.connect("bridge", { ports: [port80] });
  const host = createSocket("udp4").bind(0, "127.0.0.1");
  await once(host, "listening");
  const heard: string[] = [];
  host.on("message", (text) => heard.push(String(text)));
  const send = `bash -c "echo hello >/dev/udp/127.0.0.1/${host.address().port}"`;
  const { gateway } = /via (?<gateway>\S+)/.exec(await inside(connection, "ip route"))?.groups ?? {};

  // What whoever has CAP_NET_ADMIN can do there: send packets for 127.0.0.1 out of the interface.
  const address = connection.addresses[0];
  const reroute = `ip route del local 127.0.0.0/8 dev lo table local; ip route del local 127.0.0.1 dev lo table local;
    ip route add 127.0.0.1 via ${gateway} dev eth0 src ${address}`;
  expect(await inside(connection, `${reroute}; ip route get 127.0.0.1`)).toContain(`via ${gateway}`);
  expect(await inside(connection, send)).toBe("");
  await delay(50);

  expect(heard).toEqual([]);
  host.close();
});

test.runIf(hasBridge)("a port that is busy is told with who has it, and nothing is left", async () => {
  const here = await lab();
  const host = createServer().listen(0, "127.0.0.1");
  await once(host, "listening");
  const place = host.address();
  const hostPort = typeof place === "object" && place !== null ? place.port : 0;
  const port = { ...port80, hostAddress: "127.0.0.1", hostPort };

  await expect(here.connect("bridge", { ports: [port] })).rejects.toMatchObject({
    code: "PORT_TAKEN",
    message: expect.stringMatching(
      new RegExp(`^Cannot publish 127.0.0.1:${hostPort}/tcp: .+ \\(process ${process.pid}\\) has it$`),
    ),
  });
  host.close();
  const one = await here.connect("bridge", { ports: [port80] });
  const same = { ...port80, hostPort: one.ports[0]?.hostPort ?? 0 };
  await expect(here.connect("bridge", { id: "c2", ports: [same] })).rejects.toThrow('container "c1" has it');

  await one[Symbol.asyncDispose]();
  expect(await traces(here.root)).toEqual([]);
});

test.runIf(hasBridge)("many come and go at once, and what they leave is nothing", async () => {
  const here = await lab();
  const connections = await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      here.connect("bridge", { id: `c${index}`, ports: index < 2 ? [port80] : [] }),
    ),
  );
  expect(new Set(connections.flatMap(({ addresses }) => addresses)).size).toBe(6);
  // Each once, whoever was first.
  expect((await traces(here.root)).filter((trace) => trace.includes("MASQUERADE"))).toHaveLength(1);

  await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));

  expect(await traces(here.root)).toEqual([]);
});

test.runIf(hasBridge)(
  "a port that a killed supervisor had is given to the next, with no rule of the former",
  async () => {
    const here = await lab();
    const supervisor = await supervise(here, "old", [port80]);
    const hostPort = Number(/--dports (\d+)/.exec((await traces(here.root)).join("\n"))?.[1]);
    supervisor.kill("SIGKILL");
    await once(supervisor, "exit");

    const connection = await here.connect("bridge", { id: "new", ports: [{ ...port80, hostPort }] });
    await serve(here, connection, "new");

    expect(await get("127.0.0.1", hostPort)).toBe("new");
    await connection[Symbol.asyncDispose]();
    expect(await traces(here.root)).toEqual([]);
  },
);

test.runIf(hasBridge)(
  "of a supervisor that is killed the kernel takes the namespace, and cleanUp the rest",
  async () => {
    const here = await lab();
    const supervisor = await supervise(here, "c1", [port80]);
    const { bridge } = JSON.parse(await readFile(join(here.root, "network.json"), "utf8"));
    expect(await links()).toContain(`master ${bridge}`);

    supervisor.kill("SIGKILL");

    await until(async () => !(await links()).includes(`master ${bridge}`));
    await here.networks.cleanUp("c1");
    expect(await traces(here.root)).toEqual([]);
    await here.networks.cleanUp("c1");
    await new Networks({ root: join(here.root, "none"), find: () => Promise.reject(new Error()) }).cleanUp("c1");
  },
);

test.runIf(hasBridge)("a user namespace owns the network that is made with it", async () => {
  const here = await lab();
  const ranges = [{ containerId: 0, hostId: 300_000, size: 65_536 }];
  const connection = await here.connect("bridge", { ids: { uidMap: ranges, gidMap: ranges } });
  await serve(here, connection, "mapped");

  const asRoot = [`--user=${connection.joined.user}`];
  expect(await inside(connection, "id -u; cat /proc/self/uid_map", asRoot)).toMatch(/^0\n\s+0\s+300000\s+65536\n$/);
  expect(
    await inside(
      connection,
      "cd /proc/sys/net/ipv4; echo 7 >ip_unprivileged_port_start; cat ip_unprivileged_port_start",
      asRoot,
    ),
  ).toBe("7\n");
  expect(await get(connection.addresses[0] ?? "", 80)).toBe("mapped");
  expect((await runProgram("stat", ["-c", "%u", connection.files["/etc/hosts"] ?? ""])).stdout).toBe("300000\n");
});

test.runIf(hasBridge)("rules that a firewall dropped are there again with the next container", async () => {
  const here = await lab();
  await here.connect("bridge");
  const { name, subnet } = JSON.parse(await readFile(join(here.root, "network.json"), "utf8"));
  const rule = ["POSTROUTING", "-s", subnet, "!", "-o", name.replace("-", ""), "-m", "comment", "--comment", name];
  await runProgram("iptables", ["-w", "-t", "nat", "-D", ...rule, "-j", "MASQUERADE"]);
  expect((await traces(here.root)).join()).not.toContain("MASQUERADE");

  await here.connect("bridge", { id: "c2" });

  expect((await traces(here.root)).filter((trace) => trace.startsWith("-A"))).toHaveLength(4);
});

test.runIf(hasBridge)("a subnet that somebody else came to use is left to him", async () => {
  const here = await lab();
  const first = await here.connect("bridge");
  const [address] = first.addresses;
  await first[Symbol.asyncDispose]();
  const veth = `vl${process.pid}`;
  await runProgram("ip", ["link", "add", veth, "type", "veth", "peer", "name", `${veth}p`]);
  ended.push({ [Symbol.asyncDispose]: async () => void (await runProgram("ip", ["link", "delete", veth])) });
  await runProgram("ip", ["address", "add", `${address}/30`, "dev", veth]);
  await runProgram("ip", ["link", "set", veth, "up"]);

  const second = await here.connect("bridge");

  expect(second.addresses[0]?.split(".", 3)).not.toEqual(address?.split(".", 3));
});

test.runIf(hasBridge)("what a plugin says when it fails is told, and what others did is undone", async () => {
  const here = await lab();
  const plugins = join(here.root, "plugins");
  await mkdir(plugins);
  const answer = `{"cniVersion":"0.4.0","code":7,"msg":"no ports today","details":"come again"}`;
  await writeFile(join(plugins, "portmap"), `#!/bin/sh\n[ $CNI_COMMAND = DEL ] || { echo '${answer}'; exit 1; }\n`);
  await chmod(join(plugins, "portmap"), 0o755);
  vi.stubEnv("CNI_PATH", plugins);

  await expect(here.connect("bridge", { ports: [port80] })).rejects.toMatchObject({
    code: "ENGINE",
    message: 'Cannot connect the container: CNI plugin "portmap" failed: no ports today: come again',
  });

  expect(await traces(here.root)).toEqual([]);
});

test("without a bridge the runtime makes the namespace, and resolv.conf is the image's where there is no network", async () => {
  const here = await lab();
  const mask = process.umask(0o077);
  const none = await here.connect("none").finally(() => process.umask(mask));
  const host = await here.connect("host", { id: "c2" });

  expect((await stat(none.files["/etc/hosts"] ?? "")).mode & 0o777).toBe(0o644);
  expect(none).toMatchObject({ joined: {}, ports: [], addresses: [] });
  expect(Object.keys(none.files).sort()).toEqual(["/etc/hostname", "/etc/hosts"]);
  expect(await readFile(none.files["/etc/hosts"] ?? "", "utf8")).toContain("127.0.0.1\tbox c1\n");
  expect(host.joined).toEqual({});
  expect(await readFile(host.files["/etc/resolv.conf"] ?? "", "utf8")).toMatch(/^nameserver 192\.0\.2\.53\n/);
  await rm(join(here.root, "containers"), { recursive: true });
});

test("another container's network comes with its files; it has to run", async () => {
  const here = await lab();
  const connection = await here.connect({ container: "web" });

  expect(connection.joined).toEqual({ net: `/proc/${process.pid}/ns/net` });
  expect(connection.files).toEqual({
    "/etc/hosts": join(here.root, "others-hosts"),
    "/etc/hostname": join(here.root, "containers/c1/etc/hostname"),
  });
  await expect(here.connect({ container: "asleep" })).rejects.toMatchObject({ code: "STATE" });
  await expect(here.connect({ path: "/proc/self/ns/nothing" })).rejects.toMatchObject({ code: "SPEC" });
  await expect(here.connect({ path: "/etc/passwd" })).rejects.toThrow("the file is no namespace");
});
