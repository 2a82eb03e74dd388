import { expect, test } from "vitest";
import { noCredentials, plainConfig, startServer } from "./server.suite.ts";
import { AddressGuard, addressKind } from "./address-guard.ts";
import { HttpRegistryHost } from "./host.ts";
import { Wire } from "./wire.ts";

const registry = new URL("https://registry.example/");

test.each([
  ["8.8.8.8", "unicast"],
  ["2001:4860:4860::8888", "unicast"],
  ["64:ff9b::808:808", "unicast"],
  ["127.8.9.1", "loopback"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "loopback"],
  ["64:ff9b::7f00:1", "loopback"],
  ["10.1.2.3", "private"],
  ["172.31.0.1", "private"],
  ["192.168.0.1", "private"],
  ["fd12::1", "private"],
  ["169.254.169.254", "linkLocal"],
  ["::ffff:a9fe:a9fe", "linkLocal"],
  ["fe80::1%eth0", "linkLocal"],
  ["100.64.0.1", "carrierGradeNat"],
  ["0.0.0.0", "unspecified"],
  ["::", "unspecified"],
  ["224.0.0.1", "multicast"],
  ["255.255.255.255", "broadcast"],
  ["not an address", "reserved"],
])("%s is %s", (address, kind) => {
  expect(addressKind(address)).toBe(kind);
});

test.each([
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://0x7f.1/",
  "https://[::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://localhost/",
  "https://a.localhost./",
  "https://0.0.0.0/",
  "https://169.254.169.254/",
  "https://10.0.0.1:8443/",
  "http://cdn.example/",
  "http://registry.example/",
  "ftp://cdn.example/",
  "https://user:word@cdn.example/",
])("a public registry may not lead to %s", (url) => {
  const guard = new AddressGuard(registry);
  expect(() => guard.check(new URL(url), registry, "the redirect of GET x")).toThrow(
    expect.objectContaining({ code: "UNSAFE_URL" }),
  );
});

test("who would leave https on its own host is told of proxies, whether a registry or not", () => {
  const guard = new AddressGuard(registry);
  expect(() => guard.check(new URL("http://registry.example/"), registry, "the redirect of GET x")).toThrow(
    expect.objectContaining({ hint: expect.stringMatching(/^The server does not know that it is behind a TLS proxy/) }),
  );
});

test("a public registry may lead to other public hosts", () => {
  const guard = new AddressGuard(registry);
  guard.check(new URL("https://cdn.example/blob?X-Amz-Signature=1"), registry, "a redirect");
  guard.check(new URL("https://8.8.8.8/"), registry, "a redirect");
});

test("a registry on a private network may lead to its like, and not to loopback or link-local", () => {
  const base = new URL("https://10.1.1.1:5000/");
  const guard = new AddressGuard(base);
  guard.check(new URL("https://10.2.2.2/"), base, "a redirect");
  for (const url of ["https://127.0.0.1/", "https://169.254.169.254/"])
    expect(() => guard.check(new URL(url), base, "a redirect")).toThrow(
      expect.objectContaining({ code: "UNSAFE_URL" }),
    );
});

/** Names of a test, with addresses. */
function names(table: Readonly<Record<string, readonly string[]>>): {
  lookup: NonNullable<ConstructorParameters<typeof AddressGuard>[1]>;
  asked: string[];
} {
  const asked: string[] = [];
  return {
    asked,
    lookup: (hostname, _, callback) => {
      asked.push(hostname);
      callback(
        null,
        (table[hostname] ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
    },
  };
}

function hostAt(url: URL, lookup: NonNullable<ConstructorParameters<typeof AddressGuard>[1]>) {
  const wire = new Wire({ hostConfig: plainConfig(), userAgent: "test" });
  const host = new HttpRegistryHost({
    endpoint: { registry: url.host, base: url, repository: "a", plainHttp: "only", verifyTls: true },
    wire,
    guard: new AddressGuard(url, lookup),
    keychain: noCredentials,
  });
  return { host, [Symbol.asyncDispose]: () => wire.close() };
}

test.each(["10.9.9.9", "169.254.169.254", "::ffff:192.168.0.1", "0.0.0.0"])(
  "a name that resolves to %s is refused where the registry is on loopback",
  async (address) => {
    const { lookup } = names({ "registry.test": ["127.0.0.1"], "inside.test": [address] });
    await using server = await startServer((_, response) =>
      response.writeHead(307, { location: "http://inside.test:1/secret" }).end(),
    );
    await using at = hostAt(new URL(`http://registry.test:${server.url.port}/`), lookup);
    await expect(at.host.exchange({ method: "GET", url: "v2/a", scopes: [] })).rejects.toMatchObject({
      code: "UNSAFE_URL",
      message: expect.stringContaining("inside.test"),
    });
  },
);

test("a name is connected to at the address that was judged, and asked for once", async () => {
  const { lookup, asked } = names({ "registry.test": ["127.0.0.1"], "cdn.test": ["10.0.0.1", "127.0.0.1"] });
  await using cdn = await startServer((_, response) => response.end("blob"));
  await using server = await startServer((_, response) =>
    response.writeHead(307, { location: `http://cdn.test:${cdn.url.port}/blob` }).end(),
  );
  await using at = hostAt(new URL(`http://registry.test:${server.url.port}/`), lookup);
  const response = await at.host.exchange({ method: "GET", url: "v2/a", scopes: [] });
  expect(Buffer.from(await response.read(100)).toString()).toBe("blob");
  expect(asked).toEqual(["registry.test", "cdn.test"]);
});
