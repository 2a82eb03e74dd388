import type { ContainerInfo } from "@lading/runner";
import { expect, test } from "vitest";
import { showContainers } from "./show-containers.ts";

const now = Date.parse("2026-08-01T12:00:00Z");
const container: ContainerInfo = {
  id: `0123456789abcdef${"0".repeat(48)}`,
  name: "web",
  engine: "podman",
  image: { id: `sha256:${"ab".repeat(32)}`, name: "docker.io/library/nginx:1.27" },
  args: ["nginx", "-g", "daemon off;", "-e", "stderr"],
  labels: {},
  created: "2026-08-01T11:00:00Z",
  status: "running",
  startedAt: "2026-08-01T11:55:00Z",
  exit: undefined,
  pid: 1,
  restarts: 0,
  ports: [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" },
    { hostAddress: "::1", hostPort: 53, containerPort: 53, protocol: "udp" },
  ],
  addresses: [],
};

test("containers are listed as docker lists them", () => {
  const exited: ContainerInfo = {
    ...container,
    name: "job",
    engine: "runc",
    args: ["true"],
    status: "exited",
    exit: { code: 137, oomKilled: true, finishedAt: "2026-08-01T11:59:57Z" },
    ports: [],
  };
  expect(showContainers([container, exited], { whole: false, now })).toBe(`\
CONTAINER ID  IMAGE       COMMAND                 CREATED            STATUS                      PORTS                                   ENGINE  NAMES
0123456789ab  nginx:1.27  "nginx -g 'daemon of…"  About an hour ago  Up 5 minutes                0.0.0.0:8080->80/tcp, [::1]:53->53/udp  podman  web
0123456789ab  nginx:1.27  "true"                  About an hour ago  Exited (137) 3 seconds ago                                          runc    job
`);
});
