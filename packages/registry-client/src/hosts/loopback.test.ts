import { cases, casesIn } from "@lading/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { hostnameOf, isLoopbackHost } from "./loopback.ts";

const schemeCase = z.object({
  kind: z.string(),
  domain: z.string().optional(),
  scheme: z.string().optional(),
  reg: z.string().optional(),
});

test.runIf(cases !== undefined).each(casesIn("registry/registry-scheme.json", schemeCase))(
  "plain HTTP is guessed for loopback alone: $domain$reg",
  ({ kind, domain, scheme, reg }) => {
    // Other clients do so for private networks too (RFC 1918); a name that can be somebody else's machine must be asked for.
    expect(isLoopbackHost(domain ?? reg ?? "")).toBe(kind === "scheme" && scheme === "http");
  },
);

test.each([
  ["localhost", true],
  ["LOCALHOST:5000", true],
  ["registry.localhost:5000", true],
  ["localhost.", true],
  ["[::1]:5000", true],
  ["[::ffff:127.0.0.1]:5000", true],
  ["127.255.0.1", true],
  ["localhost.test", false],
  ["notlocalhost", false],
  ["0.0.0.0", false],
  ["127.1", false],
  ["2130706433", false],
  ["128.0.0.1", false],
  ["[::2]", false],
  ["", false],
])("%s is loopback: %s", (host, loopback) => {
  expect(isLoopbackHost(host)).toBe(loopback);
});

test.each([
  ["a.test:5000", "a.test"],
  ["a.test", "a.test"],
  ["[::1]:5000", "::1"],
  ["[::1]", "::1"],
  ["::1", "::1"],
])("the host of %s is %s", (host, name) => {
  expect(hostnameOf(host)).toBe(name);
});
