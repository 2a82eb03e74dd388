import { formatReference } from "@lading/oci";
import { expect, test } from "vitest";
import { parseRegistryPrefix, parseRenaming, rename, underPrefix } from "./rename.ts";

const rules = ["ghcr.io=registry.example.com/ghcr", "ghcr.io/acme=localhost", "nginx:1=ghcr.io/own/nginx:2"].map(
  parseRenaming,
);

test.each([
  ["ghcr.io/acme/app:1", "localhost/app:1"],
  ["ghcr.io/acmecorp/app:1", "registry.example.com/ghcr/acmecorp/app:1"],
  ["docker.io/library/nginx:1", "ghcr.io/own/nginx:2"],
  ["docker.io/library/nginx:1.27", "docker.io/library/nginx:1.27"],
  ["quay.io/acme/app:1", "quay.io/acme/app:1"],
])("%s becomes %s: whole components, by the rule that says most", (from, to) => {
  expect(rename(from, rules)).toBe(to);
});

test.each([
  ["ghcr.io/acme/app:1", false, "registry:5000/mirror/acme/app:1"],
  ["ghcr.io/acme/app:1", true, "registry:5000/mirror/ghcr.io/acme/app:1"],
  ["localhost:3000/app:1", true, "registry:5000/mirror/localhost/app:1"],
  ["registry:5000/mirror/app:1", false, "registry:5000/mirror/app:1"],
])("%s goes below a prefix (with its host: %s) as %s", (name, scoped, to) => {
  const prefix = parseRegistryPrefix("registry:5000/mirror/") ?? expect.fail("no prefix");
  expect(formatReference(underPrefix(name, prefix, scoped))).toBe(to);
});

test.each([
  ["localhost", { registry: "localhost", path: "" }],
  ["docker://ghcr.io/acme/mirror", { registry: "ghcr.io", path: "acme/mirror" }],
  ["registry:5000", { registry: "registry:5000", path: "" }],
])("%s is a registry", (text, prefix) => {
  expect(parseRegistryPrefix(text)).toMatchObject(prefix);
});

test.each(["acme", "acme/app", "oci:folder", "podman:", "ghcr.io/Acme", "ghcr.io/acme/app:1"])("%s is none", (text) => {
  expect(parseRegistryPrefix(text)).toBeUndefined();
});
