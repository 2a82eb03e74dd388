import type { ContainerInfo } from "@lading/runner";
import { expect, test } from "vitest";
import { parseFilters } from "./container-filter.ts";

const container: ContainerInfo = {
  id: `4bd1${"0".repeat(60)}`,
  name: "web-1",
  engine: "runc",
  image: { id: `sha256:${"ab".repeat(32)}`, name: "docker.io/library/nginx:1.27" },
  args: ["nginx"],
  labels: { app: "web", empty: "" },
  created: "2026-08-01T12:00:00Z",
  status: "exited",
  startedAt: undefined,
  exit: { code: 3, oomKilled: false, finishedAt: "2026-08-01T12:00:01Z" },
  pid: undefined,
  restarts: 0,
  ports: [],
  addresses: [],
};

test.each([
  ["name=web", true],
  ["name=^eb", false],
  ["id=4bd1", true],
  ["id=bd1", false],
  ["status=exited", true],
  ["status=running", false],
  ["label=app", true],
  ["label=app=web", true],
  ["label=app=db", false],
  ["label=empty=", true],
  ["ancestor=nginx", true],
  ["ancestor=nginx:1.27", true],
  ["ancestor=library/nginx", true],
  ["ancestor=ginx", false],
  ["ancestor=abab", true],
  ["exited=3", true],
  ["exited=0", false],
  ["engine=podman", false],
])("%s: %s", (filter, expected) => {
  expect(parseFilters([filter])(container)).toBe(expected);
});

test("one of each key is enough, but labels must all be there", () => {
  expect(parseFilters(["status=running", "status=exited", "name=web"])(container)).toBe(true);
  expect(parseFilters(["label=app=web", "label=missing"])(container)).toBe(false);
});

test.each([
  ["state=up", '"state" is no key, expected name, id, status, label, ancestor, exited or engine'],
  ["running", "expected KEY=VALUE"],
  ["status=runing", '"runing" is no status, expected created, running, paused or exited'],
  ["name=(", '"(" is no regular expression'],
  ["exited=none", '"none" is no exit code'],
])('--filter "%s" is refused in words', (filter, words) => {
  expect(() => parseFilters([filter])).toThrow(words);
});
