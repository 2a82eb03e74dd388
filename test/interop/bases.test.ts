import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { type Docker, startDocker } from "./dockerd.ts";
import { lading, writeFiles } from "./lading.ts";
import { readTree, type TreeEntry } from "./tree.ts";

// What distributions' images have: a sticky /tmp, /lib as a link, accounts by name, folders of other owners.
const base = `
mkdir -p etc usr/lib opt/cache/sub opt/gone/deep srv var/log
install -d -m 1777 tmp
ln -s usr/lib lib
echo 'root:x:0:0::/:/bin/sh' > etc/passwd; echo 'app:x:1500:1600::/srv:/bin/sh' >> etc/passwd
echo 'root:x:0:' > etc/group; echo 'app:x:1600:' >> etc/group; echo 'web:x:1700:' >> etc/group
for file in usr/lib/base.so opt/cache/a opt/cache/sub/b opt/gone/deep/c etc/motd etc/unwanted srv/kept; do
  echo "$file" > $file
done
chown 1500:1700 srv; chmod 2750 srv
chown 3:4 var/log; chmod 700 var/log
chmod 711 opt/cache
find . -type f -exec touch -d @1700000000 {} +
`;

const description = `
name: localhost/app:1
layers:
  - name: changes
    remove: [/etc/unwanted, /opt/cache/*, /opt/gone]
    add:
      - { content: "new\\n", dest: /tmp/new }
      - { src: app.so, dest: /lib/ }
      - { content: "page\\n", dest: /srv/www/index.html, owner: "app:web", mode: "0640" }
      - { content: "welcome\\n", dest: /etc/motd }
      - { content: "log\\n", dest: /var/log/app }
      - { content: "fresh\\n", dest: /opt/cache/fresh }
  - name: more
    remove: [/usr/lib/base.so]
    add:
      - { content: "newer\\n", dest: /tmp/new }
      - { content: "two\\n", dest: /opt/cache/sub/two }
cmd: [/none]
`;

// The same, by hand.
const byHand = `
rm -r etc/unwanted opt/cache/* opt/gone usr/lib/base.so
echo newer > tmp/new
echo app > usr/lib/app.so
mkdir srv/www; chmod u=rwx,go=rx,g-s srv/www; chgrp 0 srv/www
echo page > srv/www/index.html; chown 1500:1700 srv/www/index.html; chmod 640 srv/www/index.html
echo welcome > etc/motd
echo log > var/log/app; chgrp 0 var/log/app
echo fresh > opt/cache/fresh
mkdir opt/cache/sub; echo two > opt/cache/sub/two
touch -d @1 tmp/new usr/lib/app.so srv/www/index.html etc/motd var/log/app opt/cache/fresh opt/cache/sub/two
`;

describe.runIf(installed("umoci", "tar") && isRoot)("layers over a base of somebody else's", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let expected: ReadonlyMap<string, Partial<TreeEntry>>;
  const at = (name: string): string => join(folder.path, name);

  beforeAll(async () => {
    folder = await temporaryFolder();
    const layout = at("base");
    await run("umoci", ["init", "--layout", layout]);
    await run("umoci", ["new", "--image", `${layout}:1`]);
    await run("umoci", ["unpack", "--image", `${layout}:1`, at("base-bundle")]);
    const root = at("base-bundle/rootfs");
    await run("sh", ["-ec", `umask 022; ${base}`], { cwd: root });
    await run("umoci", ["repack", "--image", `${layout}:1`, at("base-bundle")]);

    await writeFiles(folder.path, { "context/app.so": "app\n", "context/lading.yaml": description });
    const outputs = ["--output", `oci:${at("layout")}:1`, "--output", `oci-archive:${at("app.tar")}`];
    await lading(["build", at("context"), "--from", `oci:${layout}:1`, ...outputs]);

    await run("cp", ["--archive", root, at("expected")]);
    await run("sh", ["-ec", `umask 022; ${byHand}`], { cwd: at("expected") });
    expected = await treeAt(at("expected"));
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  test("umoci unpacks what the same changes by hand make", async () => {
    await run("umoci", ["unpack", "--image", `${at("layout")}:1`, at("bundle")]);
    expect(await treeAt(at("bundle/rootfs"))).toEqual(expected);
  });

  describe.runIf(installed("dockerd", "docker", "containerd", "runc", "unshare"))("in Docker", () => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await startDocker();
    });
    afterAll(() => docker[Symbol.asyncDispose]());

    test("a container starts with what the same changes by hand make", async () => {
      await docker(["load", "--input", at("app.tar")]);
      await docker(["create", "--name", "app", "--network", "none", "localhost/app:1"]);
      await docker(["export", "--output", at("container.tar"), "app"]);
      await mkdir(at("container"));
      await run("tar", ["-xpf", at("container.tar"), "--numeric-owner", "-C", at("container")]);
      expect(await treeAt(at("container"))).toEqual(expected);
    });
  });
});

// What Docker puts into every container.
const ofDocker = /^(?:\.dockerenv|(?:dev|proc|sys)(?:\/.*)?|etc\/(?:hostname|hosts|mtab|resolv\.conf))$/;

/** Without the times of directories, which filling them changes, and of links, which umoci does not set. */
async function treeAt(root: string): Promise<ReadonlyMap<string, Partial<TreeEntry>>> {
  const entries = [...(await readTree(root))].filter(([path]) => !ofDocker.test(path));
  return new Map(entries.map(([path, { mtime, ...rest }]) => [path, rest.kind === "file" ? { mtime, ...rest } : rest]));
}
