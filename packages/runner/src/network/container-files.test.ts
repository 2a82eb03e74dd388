import { expect, test } from "vitest";
import { hostsFile, resolvConf, withServers } from "./container-files.ts";

const host = "# the host's\n127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # both\n\n127.0.1.1  box box.lan\n";

test("hosts has what was added, then the host's entries, then the host and the container", () => {
  expect(
    hostsFile({
      host,
      addHosts: ["db:10.1.2.3", "six:[fd00::1]", "seven:fd00::7", "up:host-gateway"],
      gateway: "10.9.0.1",
      own: { address: "10.9.0.2", names: ["web", "web"] },
    }).split("\n"),
  ).toEqual([
    "10.1.2.3\tdb",
    "fd00::1\tsix",
    "fd00::7\tseven",
    "10.9.0.1\tup",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost",
    "127.0.1.1\tbox box.lan",
    "10.9.0.1\thost.containers.internal host.docker.internal",
    "10.9.0.2\tweb",
    "",
  ]);
});

test("a host without hosts still has localhost", () => {
  expect(hostsFile({ host: "", addHosts: [], gateway: undefined, own: undefined })).toBe(
    "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
  );
});

test.each([
  ["no-address", "expected NAME:ADDRESS"],
  [":1.2.3.4", "expected NAME:ADDRESS"],
  ["two words:1.2.3.4", "expected NAME:ADDRESS"],
  ["a\nb:1.2.3.4", "expected NAME:ADDRESS"],
  ["a:1.2.3", '"1.2.3" is not an IP address'],
  ["a:1.2.3.4\n6.6.6.6 evil", "is not an IP address"],
  ["a:host-gateway", "does not lead to the host"],
])("an added host %j is refused", (entry, why) => {
  const request = { host, addHosts: [entry], gateway: undefined, own: undefined };
  expect(() => hostsFile(request)).toThrow(expect.objectContaining({ code: "SPEC" }));
  expect(() => hostsFile(request)).toThrow(why);
});

test("resolv.conf leaves out what cannot be reached, and keeps search domains and options", () => {
  const text =
    "; a comment\nsearch lan corp.example\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\noptions edns0 trust-ad\n";
  expect(resolvConf({ host: text, upstream: "nameserver 10.0.0.9\n", dns: [] })).toBe(
    "search lan corp.example\nnameserver 10.0.0.2\noptions edns0 trust-ad\n",
  );
});

test("behind systemd-resolved the servers are those that it asks", () => {
  const stub = "nameserver 127.0.0.53\noptions edns0\nsearch .\n";
  expect(resolvConf({ host: stub, upstream: "# written by it\nnameserver 10.0.0.9\n", dns: [] })).toBe(
    "nameserver 10.0.0.9\noptions edns0\n",
  );
});

test("servers that were asked for replace the host's", () => {
  expect(resolvConf({ host: "nameserver 10.0.0.2\nsearch lan\n", upstream: undefined, dns: ["9.9.9.9", "::1"] })).toBe(
    "search lan\nnameserver 9.9.9.9\nnameserver ::1\n",
  );
  expect(withServers("nameserver 10.0.0.2\nsearch lan\n", ["9.9.9.9"])).toBe("nameserver 9.9.9.9\nsearch lan\n");
  expect(withServers("# as it is\nnameserver 10.0.0.2\n", [])).toBe("# as it is\nnameserver 10.0.0.2\n");
});

test("without any server that can be reached, public ones are named", () => {
  expect(resolvConf({ host: "nameserver ::1\n", upstream: undefined, dns: [] })).toBe(
    "nameserver 8.8.8.8\nnameserver 8.8.4.4\n",
  );
});
