import { copyFile, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copy, encodeTarHeader, LayoutStore, readTar, type TarHeader } from "@lading/oci";
import { randomImage, startRegistry } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Workspace, workspace } from "../cli/workspace.ts";

/* Bundles that are not what they should be: refused with the reason, and nothing is loaded. */

let work: Workspace;
const at = (name: string): string => join(work.path, name);

beforeAll(async () => {
  work = await workspace();
  const layout = await LayoutStore.create(at("images"));
  for (const name of ["ghcr.io/acme/app:1", "ghcr.io/acme/db:1"]) {
    const image = await randomImage({ layers: 2 });
    await copy(image.source, layout, image.descriptor);
    await layout.tag(image.descriptor, name);
  }
  const places = ["oci:images:ghcr.io/acme/app:1", "oci:images:ghcr.io/acme/db:1"];
  const create = ["bundle", "create", ...places, "-q", "-o"];
  await work.lading([...create, "site.tar"]);
  await work.lading([...create, "delta.tar", "--since", "site.tar"]);
});

afterAll(() => work[Symbol.asyncDispose]());

type Members = Map<string, Buffer>;

/** The bundle with other members; the order stays. */
async function changed(name: string, change: (members: Members) => void): Promise<void> {
  const members: Members = new Map();
  for await (const { header, body } of readTar(fileBytes(at("site.tar")))) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body()) chunks.push(Uint8Array.from(chunk));
    if (header.type === "file") members.set(header.path, Buffer.concat(chunks));
  }
  change(members);
  const tar = [...members].flatMap(([path, content]) => [
    encodeTarHeader({ path, type: "file", size: content.byteLength, mode: 0o644, uid: 0, gid: 0, mtime: 0 }),
    content,
    Buffer.alloc((512 - (content.byteLength % 512)) % 512),
  ]);
  await writeFile(at(name), Buffer.concat([...tar, Buffer.alloc(1024)]));
}

/** The bundle with one more member at its beginning, that has no content. */
async function headed(
  name: string,
  member: Pick<TarHeader, "path" | "type"> & { readonly linkname?: string },
): Promise<void> {
  const header = encodeTarHeader({ linkname: "", ...member, size: 0, mode: 0o644, uid: 0, gid: 0, mtime: 0 });
  await writeFile(at(name), Buffer.concat([header, await readFile(at("site.tar"))]));
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  yield await readFile(path);
}

function largest(members: Members): string {
  const blobs = [...members].filter(([path]) => path.startsWith("blobs/"));
  return blobs.toSorted(([, a], [, b]) => b.byteLength - a.byteLength)[0]?.[0] ?? expect.fail("no blob");
}

function replaceIn(members: Members, path: string, change: (text: string) => string): void {
  members.set(path, Buffer.from(change(members.get(path)?.toString() ?? "")));
}

const wrong: readonly (readonly [what: string, make: (name: string) => Promise<void>, message: string | RegExp])[] = [
  [
    "cut off",
    async (name) => {
      await copyFile(at("site.tar"), at(name));
      await truncate(at(name), 6000);
    },
    "ends after the archive does",
  ],
  [
    "with a byte of a layer changed",
    async (name) =>
      await changed(name, (members) => {
        const content = members.get(largest(members));
        if (content !== undefined) content[700] = (content[700] ?? 0) ^ 1;
      }),
    /Cannot read sha256:[0-9a-f]{64}: the content is sha256:/,
  ],
  [
    "without a layer",
    async (name) => await changed(name, (members) => void members.delete(largest(members))),
    "which it names, is not in it",
  ],
  [
    "with a changed manifest",
    async (name) =>
      await changed(name, (members) => {
        const manifest = [...members].find(([, content]) => content.includes('"layers"'))?.[0] ?? "";
        replaceIn(members, manifest, (text) => text.replace(/"size":(\d)/, '"size":$19'));
      }),
    /Cannot read sha256:/,
  ],
  [
    "whose index names what is not there",
    async (name) =>
      await changed(name, (members) =>
        replaceIn(members, "index.json", (text) => text.replace(/sha256:[0-9a-f]{64}/, `sha256:${"0".repeat(64)}`)),
      ),
    "which is not in it",
  ],
  [
    "whose manifest.json swaps two names",
    async (name) =>
      await changed(name, (members) =>
        replaceIn(members, "manifest.json", (text) =>
          text
            .replaceAll("acme/app:1", "acme/x:1")
            .replaceAll("acme/db:1", "acme/app:1")
            .replaceAll("acme/x:1", "acme/db:1"),
        ),
      ),
    "and its index.json does not",
  ],
  [
    "with a member that leads out",
    async (name) => await changed(name, (members) => void members.set("../../etc/cron.d/evil", Buffer.from("*"))),
    "leads out of it",
  ],
  [
    "with an absolute path",
    async (name) => await headed(name, { path: "/etc/cron.d/evil", type: "file" }),
    "leads out of it",
  ],
  [
    "with a link to an absolute path",
    async (name) => await headed(name, { path: "blobs", type: "symlink", linkname: "/etc" }),
    'the link "blobs" to "/etc" leads out of it',
  ],
  [
    "with a link that climbs out",
    async (name) => await headed(name, { path: "blobs/evil", type: "symlink", linkname: "../../evil" }),
    'the link "blobs/evil" to "../../evil" leads out of it',
  ],
  [
    "with a hardlink",
    async (name) => await headed(name, { path: "blobs/evil", type: "hardlink", linkname: "/etc/shadow" }),
    '"blobs/evil" is a hardlink',
  ],
  [
    "with a device",
    async (name) => await headed(name, { path: "blobs/evil", type: "block" }),
    "is neither file nor folder nor link",
  ],
  [
    "whose index.json is a link to another file of it",
    async (name) => {
      await changed(name, (members) => {
        members.set("other.json", members.get("index.json") ?? Buffer.alloc(0));
        members.delete("index.json");
      });
      const header = encodeTarHeader({
        path: "index.json",
        type: "symlink",
        linkname: "other.json",
        size: 0,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
      });
      await writeFile(at(name), Buffer.concat([header, await readFile(at(name))]));
    },
    '"index.json" is a link and not a file',
  ],
  [
    "with a member twice",
    async (name) => await headed(name, { path: "index.json", type: "file" }),
    'it holds "index.json" twice',
  ],
  [
    "whose index calls an image by the digest of another",
    async (name) =>
      await changed(name, (members) =>
        replaceIn(members, "index.json", (text) =>
          text.replaceAll("ghcr.io/acme/app:1", `ghcr.io/acme/app@sha256:${"0".repeat(64)}`),
        ),
      ),
    /its index\.json calls sha256:[0-9a-f]{64} "ghcr\.io\/acme\/app@sha256:0{64}"/,
  ],
  [
    "whose index gives two images one name",
    async (name) =>
      await changed(name, (members) =>
        replaceIn(members, "index.json", (text) => text.replaceAll("acme/db:1", "acme/app:1")),
      ),
    /its index\.json calls both sha256:[0-9a-f]{64} and sha256:[0-9a-f]{64} "ghcr\.io\/acme\/app:1"/,
  ],
  [
    "with an index.json of two meanings",
    async (name) =>
      await changed(name, (members) =>
        replaceIn(members, "index.json", (text) => text.replace("{", '{"manifests":[],')),
      ),
    "manifests",
  ],
  ["that is no bundle but a text", async (name) => await writeFile(at(name), "hello\n".repeat(500)), "Cannot read"],
  ["that is empty", async (name) => await writeFile(at(name), ""), "it has no oci-layout"],
];

describe.each(wrong)("a bundle %s", (what, make, message) => {
  test("is neither verified nor loaded", async () => {
    await using registry = await startRegistry();
    const name = `${what.replaceAll(/\W+/g, "-")}.tar`;
    await make(name);
    const verified = await work.lading(["bundle", "verify", name]);
    expect([verified.status, verified.stdout]).toEqual([1, ""]);
    expect(verified.stderr).toMatch(message);
    for (const to of ["oci:loaded", `${registry.host}/mirror`, "oci-archive:loaded.tar"]) {
      const loaded = await work.lading(["bundle", "load", name, "--to", to]);
      expect([loaded.status, loaded.stdout]).toEqual([1, ""]);
      expect(loaded.stderr).toMatch(message);
    }
    expect((await work.names()).filter((each) => each.startsWith("loaded") || each.startsWith("."))).toEqual([]);
    expect(registry.requests).toEqual([]);
  });
});

test("another bundle than was expected is refused", async () => {
  const digest = `sha256:${"1".repeat(64)}`;
  const { status, stderr } = await work.lading([
    "bundle",
    "load",
    "site.tar",
    "--to",
    "oci:loaded",
    "--digest",
    digest,
  ]);
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/it is the bundle sha256:[0-9a-f]{64}, and not sha256:1111/),
  ]);
});

test("what nothing speaks of is told, and left where it is", async () => {
  await changed("strays.tar", (members) => void members.set("blobs/sha256/extra", Buffer.from("x")));
  const { status, stderr } = await work.lading(["bundle", "load", "strays.tar", "--to", "oci:strays"]);
  expect([status, stderr]).toEqual([0, expect.stringContaining("nothing in it speaks of blobs/sha256/extra")]);
});

describe("a delta without what it builds on", () => {
  test("is not loaded", async () => {
    await using registry = await startRegistry();
    const empty = await LayoutStore.create(at("empty"));
    for (const to of ["oci:empty", `${registry.host}/mirror`, "oci-archive:loaded.tar"]) {
      const { status, stderr } = await work.lading(["bundle", "load", "delta.tar", "--to", to]);
      expect([status, stderr]).toEqual([1, expect.stringContaining("without what it builds on")]);
    }
    expect(await empty.list()).toEqual([]);
    expect(registry.requests.filter(({ method }) => method !== "GET" && method !== "HEAD")).toEqual([]);
    expect(await work.names()).not.toContain("loaded.tar");
  });

  test("is loaded with its file, or where that was loaded before", async () => {
    await using registry = await startRegistry();
    const to = `${registry.host}/mirror`;
    expect((await work.lading(["bundle", "load", "delta.tar", "--to", to, "--base", "site.tar"])).status).toBe(0);
    expect((await work.lading(["bundle", "load", "site.tar", "--to", "oci:twice"])).status).toBe(0);
    expect((await work.lading(["bundle", "load", "delta.tar", "--to", "oci:twice"])).status).toBe(0);
  });
});

test.each([
  [["bundle", "create", "-o", "x.tar"], "no image was named"],
  [["bundle", "create", "oci:images:ghcr.io/acme/app:1"], "without --output FILE"],
  [["bundle", "create", "oci:images:ghcr.io/acme/app:1", "-o", "-"], "it is written to a file"],
  [["bundle", "create", "oci:images=what is this", "-o", "x.tar"], 'expected a full name behind "="'],
  [["bundle", "create", "oci:images", "-o", "x.tar", "--split", "1kB"], "1 MB or more"],
  [["bundle", "create", "oci:images", "-o", "x.tar", "--split", "many"], "expected a number and kB"],
  [
    ["bundle", "create", "oci:images:ghcr.io/acme/app:1", "-o", "site.tar", "--since", "./site.tar"],
    "it builds on the bundle that is there",
  ],
  [["bundle", "load", "site.tar"], "without --to"],
  [["bundle", "load", "site.tar", "--to", "acme"], "no host of a registry"],
  [["bundle", "load", "site.tar", "--to", "oci:x:1"], "its images have names of their own"],
  [["bundle", "load", "site.tar", "--to", "docker-archive:x.tar"], "neither platforms nor signatures"],
  [["bundle", "load", "site.tar", "--to", "oci:x", "--rename", "a"], "expected FROM=TO"],
  [["bundle", "load", "site.tar", "--to", "oci:x", "--rename", "ghcr.io=a/UP"], "that is no name of an image"],
  [
    [
      "bundle",
      "load",
      "site.tar",
      "--to",
      "oci:x",
      "--rename",
      "ghcr.io/acme/app:1=a/b:1",
      "--rename",
      "ghcr.io/acme/db:1=a/b:1",
    ],
    "both would be called docker.io/a/b:1",
  ],
])("%j is refused", async (args, message) => {
  const { status, stdout, stderr } = await work.lading(args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
  expect(await work.names()).not.toContain("x");
});

test.each([
  [["bundle", "verify", "nowhere.tar"], "Cannot find nowhere.tar"],
  [["bundle", "create", "oci:images", "-o", "nowhere/x.tar"], "there is no folder nowhere"],
  [["bundle", "create", "oci:images", "-o", "x.tar"], "Cannot choose an image in images"],
  [["bundle", "create", "oci:images:ghcr.io/acme/app:1", "-o", "x.tar", "--since", "nowhere"], "Cannot find nowhere"],
])("%j fails, and says why", async (args, message) => {
  const { status, stderr } = await work.lading(args);
  expect([status, stderr]).toEqual([1, expect.stringContaining(message)]);
});
