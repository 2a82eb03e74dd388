import { expect, test } from "vitest";
import { freeSubnet, routedRanges } from "./free-subnet.ts";
import { formatIpv4Range, overlap, parseIpv4Range } from "./ipv4.ts";

const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
br0	0000D00A	00000000	0001	0	0	0	00FCFFFF	0	0	0
own	0004D00A	00000000	0001	0	0	0	00FCFFFF	0	0	0
`;

test("routes are read, but for the default one and those of the bridge itself", () => {
  expect(routedRanges(table, "own").map(formatIpv4Range)).toEqual(["10.208.0.0/22"]);
});

test("the subnet is the first free one from where the seed says", () => {
  expect(freeSubnet(0, [])).toBe("10.208.0.0/22");
  expect(freeSubnet(0, routedRanges(table, ""))).toBe("10.208.8.0/22");
  expect(freeSubnet(1023, [])).toBe("10.223.252.0/22");
  expect(freeSubnet(1023, [parseIpv4Range("10.223.255.7")])).toBe("10.208.0.0/22");
});

test("a route to all of 10.0.0.0/8 leaves the other private ranges, and routes to all of them nothing", () => {
  const taken = [parseIpv4Range("10.0.0.0/8")];
  expect(freeSubnet(0, taken)).toBe("172.24.0.0/22");
  expect(freeSubnet(5, [...taken, parseIpv4Range("172.16.0.0/12")])).toBe("192.168.212.0/22");
  expect(freeSubnet(0, ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(parseIpv4Range))).toBeUndefined();
});

test.each([
  ["10.0.0.0/8", "10.255.255.255", true],
  ["10.0.0.0/9", "10.128.0.0/9", false],
  ["0.0.0.0/0", "192.168.1.1", true],
  ["192.168.1.77/24", "192.168.1.0", true],
])("%s and %s overlap: %s", (a, b, expected) => {
  expect(overlap(parseIpv4Range(a), parseIpv4Range(b))).toBe(expected);
  expect(overlap(parseIpv4Range(b), parseIpv4Range(a))).toBe(expected);
});

test.each(["10.0.0", "10.0.0.256", "10.0.0.1/33", "::1", "10.0.0.1/x", ""])("%j is no range", (text) => {
  expect(() => parseIpv4Range(text)).toThrow(SyntaxError);
});
