import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RegistryError } from "../errors.ts";
import { proxyFromEnvironment } from "./proxy.ts";

const proxyOf = (env: Record<string, string>, url: string): string | undefined =>
  proxyFromEnvironment(env)(new URL(url))?.href;

test.each([
  [{}, "https://r.test/", undefined],
  [{ HTTPS_PROXY: "http://p.test:3128" }, "https://r.test/", "http://p.test:3128/"],
  [{ HTTPS_PROXY: "http://p.test:3128" }, "http://r.test/", undefined],
  [{ HTTP_PROXY: "http://p.test:3128" }, "https://r.test/", undefined],
  [{ HTTP_PROXY: "p.test:3128" }, "http://r.test/", "http://p.test:3128/"],
  [{ ALL_PROXY: "socks5://p.test:1080" }, "http://r.test/", "socks5://p.test:1080"],
  [
    { ALL_PROXY: "http://all.test", https_proxy: "https://me:secret@p.test" },
    "https://r.test/",
    "https://me:secret@p.test/",
  ],
  [{ HTTPS_PROXY: "http://upper.test", https_proxy: "http://lower.test" }, "https://r.test/", "http://lower.test/"],
  [{ HTTPS_PROXY: "http://upper.test", https_proxy: "" }, "https://r.test/", "http://upper.test/"],
])("with %j, %s goes by %s", (env, url, proxy) => {
  expect(proxyOf(env, url)).toBe(proxy);
});

test.each(["localhost", "a.localhost", "127.0.0.1", "127.9.9.9:5000", "[::1]:5000"])(
  "%s is never reached by a proxy",
  (host) => {
    const env = { HTTP_PROXY: "http://p.test", HTTPS_PROXY: "http://p.test" };
    expect(proxyOf(env, `http://${host}/`)).toBeUndefined();
    expect(proxyOf(env, `https://${host}/`)).toBeUndefined();
  },
);

test.each([
  ["*", "https://r.test/", true],
  ["r.test", "https://r.test/", true],
  ["R.test", "https://r.TEST/", true],
  ["r.test", "https://a.r.test/", true],
  ["r.test", "https://other.test/", false],
  ["r.test", "https://evil-r.test/", false],
  [".r.test", "https://a.r.test/", true],
  [".r.test", "https://r.test/", false],
  ["*.r.test", "https://a.r.test/", true],
  ["*.r.test", "https://r.test/", false],
  ["a.test, r.test", "https://r.test/", true],
  ["a.test r.test", "https://r.test/", true],
  ["r.test.", "https://r.test/", true],
  ["r.test:5000", "https://r.test:5000/", true],
  ["r.test:5000", "https://r.test/", false],
  ["r.test:443", "https://r.test/", true],
  ["r.test:80", "http://r.test/", true],
  ["10.0.0.0/8", "https://10.1.2.3:5000/", true],
  ["10.0.0.0/8", "https://11.1.2.3/", false],
  ["10.0.0.0/8", "https://r.test/", false],
  ["10.0.0.0/99", "https://10.1.2.3/", false],
  ["10.1.2.3", "https://10.1.2.3/", true],
  ["10.1.2.3", "https://10.1.2.30/", false],
  ["10.1.2.3:5000", "https://10.1.2.3:5000/", true],
  ["10.1.2.3:5000", "https://10.1.2.3:5001/", false],
  ["2001:db8::1", "https://[2001:db8:0::1]/", true],
  ["[2001:db8::1]", "https://[2001:db8::1]:5000/", true],
  ["[2001:db8::1]:5000", "https://[2001:db8::1]:5000/", true],
  ["[2001:db8::1]:5000", "https://[2001:db8::1]/", false],
  ["2001:db8::/32", "https://[2001:db8:1::2]/", true],
  ["2001:db8::/32", "https://10.0.0.1/", false],
  ["", "https://r.test/", false],
])("NO_PROXY=%j leaves %s out: %s", (exceptions, url, out) => {
  const env = { HTTP_PROXY: "http://p.test", HTTPS_PROXY: "http://p.test", NO_PROXY: exceptions };
  expect(proxyOf(env, url) === undefined).toBe(out);
});

test.each(["http://", "ftp://me:secret@p.test", "http://me:secret@p.test:port"])(
  "the proxy %j is refused when it is needed, without its password",
  (proxy) => {
    const env = { HTTPS_PROXY: proxy };
    expect(proxyOf(env, "http://r.test/")).toBeUndefined();
    expect(() => proxyOf(env, "https://r.test/")).toThrow(RegistryError);
    expect(() => proxyOf(env, "https://r.test/")).not.toThrow("secret");
  },
);

test("NO_PROXY may be anything", () => {
  const part = fc.constantFrom("*", ".", ":", "/", "[", "]", "1", "255", "a", ",", " ", "::");
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const env = { HTTPS_PROXY: "http://p.test", NO_PROXY: parts.join("") };
      expect([undefined, "http://p.test/"]).toContain(proxyOf(env, "https://r.test/"));
    }),
  );
});
