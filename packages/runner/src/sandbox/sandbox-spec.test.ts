import { expect, test } from "vitest";
import { sandboxSpec } from "./sandbox-spec.ts";

test("a sandbox has what its containers share, and the least of everything else", () => {
  const ports = [{ hostPort: 0, containerPort: 80, protocol: "tcp" }] as const;
  expect(sandboxSpec({ name: "pod", hostname: "pod", ports })).toMatchObject({
    name: "pod",
    hostname: "pod",
    ports,
    network: "bridge",
    profile: "strict",
    pid: "private",
    uts: "private",
  });
});

test("on the host's network its name is the host's as well", () => {
  expect(sandboxSpec({ network: "host" })).not.toHaveProperty("uts");
});
