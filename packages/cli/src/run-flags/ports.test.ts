import { expect, test } from "vitest";
import { parsePublish, publishExposed } from "./ports.ts";

test.each([
  ["80", [{ hostPort: 0, containerPort: 80, protocol: "tcp" }]],
  ["8080:80", [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }]],
  ["53:53/UDP", [{ hostPort: 53, containerPort: 53, protocol: "udp" }]],
  ["127.0.0.1:8080:80", [{ hostAddress: "127.0.0.1", hostPort: 8080, containerPort: 80, protocol: "tcp" }]],
  ["127.0.0.1::80", [{ hostAddress: "127.0.0.1", hostPort: 0, containerPort: 80, protocol: "tcp" }]],
  ["[::1]:8080:80", [{ hostAddress: "::1", hostPort: 8080, containerPort: 80, protocol: "tcp" }]],
  ["[::1]::80/udp", [{ hostAddress: "::1", hostPort: 0, containerPort: 80, protocol: "udp" }]],
  [
    "8000-8001:80-81",
    [
      { hostPort: 8000, containerPort: 80, protocol: "tcp" },
      { hostPort: 8001, containerPort: 81, protocol: "tcp" },
    ],
  ],
  ["0:80", [{ hostPort: 0, containerPort: 80, protocol: "tcp" }]],
])("--publish %s", (text, expected) => {
  expect(parsePublish(text)).toEqual(expected);
});

test.each([
  ["", "expected [[ADDRESS:]HOSTPORT:]PORT[/PROTOCOL]"],
  ["a", '"a" is no port'],
  ["80:", "expected [[ADDRESS:]HOSTPORT:]PORT"],
  ["80:0", '"0" is no port'],
  ["70000:80", '"70000" is no port'],
  ["90-80", '"90-80" is no port'],
  ["80/sctp", '"sctp" is no protocol that can be published, expected tcp or udp'],
  ["localhost:80:80", '"localhost" is no address of the host'],
  ["::1:80:80", "expected [[ADDRESS:]HOSTPORT:]PORT"],
  ["[1.2.3.4]:80:80", '"[1.2.3.4]" is no address of the host'],
  ["8000-8002:80-81", "3 ports of the host cannot lead to 2 of the container"],
])('--publish "%s" is refused in words', (text, words) => {
  expect(() => parsePublish(text)).toThrow(words);
});

test("exposed ports that are published by hand are not published twice", () => {
  const published = parsePublish("8080:80");
  expect(publishExposed(["80/tcp", "80/udp", "90"], published)).toEqual([
    { hostPort: 0, containerPort: 80, protocol: "udp" },
    { hostPort: 0, containerPort: 90, protocol: "tcp" },
  ]);
});
