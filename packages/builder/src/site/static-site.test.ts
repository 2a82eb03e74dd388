import { expect, test } from "vitest";
import { describeStaticSite } from "./static-site.ts";

test.each([
  ["nginx:alpine", "/usr/share/nginx/html"],
  ["docker://mirror.example.org/hub/library/nginx@sha256:" + "0".repeat(64), "/usr/share/nginx/html"],
  ["nginxinc/nginx-unprivileged", "/usr/share/nginx/html"],
  ["caddy:2", "/usr/share/caddy"],
  ["httpd:2.4", "/usr/local/apache2/htdocs"],
])("on %s a site is put into %s", (from, dest) => {
  expect(describeStaticSite({ shown: "site", from })).toMatchObject({
    from,
    layers: [{ name: "site", add: [{ src: ["."], dest }] }],
  });
});

test.each(["bitnami/nginx", "alpine", "oci:nginx", "scratch"])("which folder %s serves must be said", (from) => {
  expect(() => describeStaticSite({ shown: "site", from })).toThrow(
    `Cannot build the site in "site" on ${from}: which folder it serves is not known`,
  );
  const spec = describeStaticSite({ shown: "site", from, appRoot: "/srv" });
  expect(spec.layers).toMatchObject([{ add: [{ dest: "/srv" }] }]);
});

test("a site without a base is refused with the ways out", () => {
  expect(() => describeStaticSite({ shown: "site", from: undefined })).toThrow(
    'Cannot build the site in "site" without a base that serves it',
  );
});
