import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startRegistry } from "@lading/testkit";
import { expect, test } from "vitest";
import { workspace } from "./workspace.ts";

const example = fileURLToPath(new URL("../../examples/static-site/site", import.meta.url));

test("the example's site is put where the base's server looks, with the base's user and port", async () => {
  await using registry = await startRegistry();
  await using work = await workspace({ "default.conf": "server {}\n" });
  const base = `${registry.host}/library/nginx:alpine`;
  const server = ["--user", "nginx", "--expose", "80", "--cmd", '["nginx"]'];
  const pushed = await work.lading(["build", "--add", "default.conf:/etc/nginx/", ...server, "-t", base, "--push"]);
  expect(pushed).toMatchObject({ status: 0 });

  expect(await work.lading(["build", example, "--from", base, "-o", "oci:out"])).toMatchObject({ status: 0 });
  const { stdout } = await work.lading(["inspect", "--json", "oci:out"]);
  expect(JSON.parse(stdout)).toMatchObject({
    image: {
      config: {
        config: { User: "nginx", Cmd: ["nginx"], ExposedPorts: { "80/tcp": {} } },
        history: [{}, { comment: "site" }],
      },
    },
  });
  expect(await work.lading(["export", "oci:out", "tree"])).toMatchObject({ status: 0 });
  expect(await work.names("tree/usr/share/nginx/html")).toEqual(["about", "index.html", "style.css"]);
  expect(await work.names("tree/usr/share/nginx/html/about")).toEqual(["index.html"]);
});

test("a package.json beside index.html is a Node project, and --add is a site of its own", async () => {
  await using work = await workspace({ "index.html": "hello\n", "package.json": '{ "main": "index.html" }' });
  const planned = await work.lading(["build", "--offline", "--dry-run"]);
  expect(planned.stderr).toContain("node:24-slim");
  const added = await work.lading(["build", "--add", "index.html:/srv/", "--dry-run"]);
  expect(added.stdout).toContain("/srv/index.html");
  expect(added.stdout).not.toContain("package.json");
});

test("what a site lacks is told with the way out", async () => {
  await using work = await workspace({ "site/index.html": "hello\n" });
  const without = await work.lading(["build", "site"]);
  expect(without).toMatchObject({ status: 2, stdout: "" });
  expect(without.stderr).toContain('Cannot build the site in "site" without a base that serves it');
  expect(without.stderr).toContain("--from: nginx:alpine, caddy or httpd");

  const unknown = await work.lading(["build", "site", "--from", `oci:${join(work.path, "base")}`]);
  expect(unknown).toMatchObject({ status: 2, stdout: "" });
  expect(unknown.stderr).toContain("Name the folder with --app-root");
  const relative = await work.lading(["build", "site", "--from", "nginx", "--app-root", "html"]);
  expect(relative).toMatchObject({ status: 2, stdout: "" });
  expect(relative.stderr).toContain("expected an absolute path in the image");
});
