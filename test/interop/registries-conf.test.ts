import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatReference, parseReference } from "@lading/oci";
import { loadHostConfig } from "@lading/registry-client";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { attempt, installed } from "./command.ts";

/*
 * Where skopeo looks for an image with some registries.conf, and where we do. Nobody answers at these
 * addresses: what counts is who is asked in which order. (`pull-from-mirror` is younger than Debian's skopeo.)
 */

const digest = `sha256:${"0".repeat(64)}`;

const conf = `
  unqualified-search-registries = ["127.0.0.8:1"]
  [[registry]]
  prefix = "example.com/foo"
  location = "127.0.0.9:1/bar"
  [[registry.mirror]]
  location = "127.0.0.2:1/m"
  [[registry.mirror]]
  location = "127.0.0.3:1"
  insecure = true
  [[registry]]
  prefix = "example.com/foo/pinned"
  location = "127.0.0.4:1/pinned"
  mirror-by-digest-only = true
  [[registry.mirror]]
  location = "127.0.0.5:1"
  [[registry]]
  prefix = "docker.io"
  location = "127.0.0.6:1"
  [[registry]]
  prefix = "docker.io/library/alpine:3"
  location = "127.0.0.7:1/special:3"
  [[registry]]
  prefix = "*.wild.test"
  location = "127.0.0.10:1/w"
  [[registry]]
  prefix = "*.deep.wild.test"
  location = "127.0.0.11:1/w"
  [[registry]]
  location = "bad.test"
  blocked = true
  [[registry]]
  prefix = "nowhere.test"
  location = "NOT A HOST"
`;

const version1 = `
  [registries.search]
  registries = ["docker.io"]
  [registries.insecure]
  registries = ["127.0.0.2:1"]
  [registries.block]
  registries = ["bad.test"]
`;

/** The names that skopeo tries, in order; undefined when it refuses. */
async function skopeoTries(file: string, home: string, reference: string): Promise<readonly string[] | undefined> {
  const args = ["--debug", "--registries-conf", file, "inspect", `docker://${reference}`];
  const { stderr } = await attempt("skopeo", args, { env: { HOME: home } });
  const tried = [...stderr.matchAll(/Trying to access \\"([^"\\]+)\\"/g)].flatMap(([, name]) => name ?? []);
  return tried.length === 0 || /registry .* is blocked/.test(stderr) ? undefined : tried;
}

async function weTry(file: string, home: string, text: string): Promise<readonly string[] | undefined> {
  const config = await loadHostConfig({ env: {}, home, registriesConf: file });
  const reference = parseReference(text);
  try {
    const { mirrors, primary } = config.route(reference);
    return [...mirrors, primary].map(({ registry, repository }) =>
      formatReference({ ...reference, registry, repository }),
    );
  } catch {
    return undefined;
  }
}

test.runIf(installed("skopeo")).each([
  ["example.com/foo/a:1", conf],
  ["example.com/foo:1", conf],
  [`example.com/foo/a@${digest}`, conf],
  ["example.com/foo/pinned:1", conf],
  ["example.com/foo/pinned/b:1", conf],
  [`example.com/foo/pinned@${digest}`, conf],
  ["docker.io/library/alpine:3", conf],
  ["docker.io/library/alpine:3.1", conf],
  ["docker.io/acme/app:1", conf],
  ["a.wild.test/app:1", conf],
  ["a.deep.wild.test/app:1", conf],
  ["a.wild.test:5000/app:1", conf],
  ["bad.test/a:1", conf],
  ["nowhere.test/a:1", conf],
  ["127.0.0.2:1/a:1", version1],
  ["bad.test/a:1", version1],
])("skopeo and we look at the same places (%#: %s)", async (reference, text) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "registries.conf");
  await writeFile(file, text);
  const expected = await skopeoTries(file, folder.path, reference);
  expect(await weTry(file, folder.path, reference)).toEqual(expected);
});
