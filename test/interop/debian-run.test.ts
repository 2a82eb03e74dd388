import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { lading, writeFiles } from "./lading.ts";
import { startPodman } from "./podman.ts";
import { packDebian } from "./debian-root.ts";

/*
 * What RUN does with the programs that people run in it: dpkg, its scripts and accounts, on a Debian. umoci and podman
 * unpack the layers that came of it, and must find what the last program saw.
 */

const canRun = isRoot && installed("runc", "setpriv", "unshare", "umoci", "podman", "dpkg-query", "dpkg-deb", "tar");

const packages = "base-files base-passwd bash coreutils dash diffutils dpkg findutils grep libc-bin passwd sed".split(
  " ",
);

/** Everything there is below a folder, a line each, but what a runtime mounts, and this script with what it writes. */
const look = String.raw`
set -eu
cd "$1"
apart="-path ./listing -o -path ./proc -o -path ./sys -o -path ./dev -o -path ./work -o -path ./etc/hosts -o -path ./etc/resolv.conf"
{
  find . -xdev \( $apart \) -prune -o -type d -printf '%P/ %m %U:%G\n' -o -type l -printf '%P -> %l %U:%G\n' \
    -o -printf '%P %y %m %U:%G %s\n'
  find . -xdev \( $apart \) -prune -o -type f -exec sha256sum {} +
} | LC_ALL=C sort
`;

const dockerfile = `FROM scratch AS debian
ADD root.tar /
COPY status /var/lib/dpkg/
RUN cp /usr/share/base-passwd/passwd.master /etc/passwd && cp /usr/share/base-passwd/group.master /etc/group && \\
    pwconv && ldconfig && chmod 1777 /tmp && touch /var/lib/dpkg/available

FROM debian
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN --mount=type=bind,source=app.deb,target=/work/app.deb dpkg --install /work/app.deb
RUN <<END
test "$(stat -c %U:%G /var/lib/app/own)" = app:app
useradd --create-home --shell /bin/bash person
chmod 4750 /usr/bin/app
ln /usr/bin/app /usr/bin/app-too
rm -r /usr/share/base-files
mkdir /usr/share/base-files
ln -s ../app /usr/share/base-files/app
rm /etc/issue.net
mv /usr/share/common-licenses /licenses
echo one > /var/one
ln /var/one /var/two
END
RUN dpkg --verify app; dpkg --remove app; mkfifo /var/lib/pipe
USER person
RUN id -un > ~/me && cp -r /etc/skel ~/skel
USER root
RUN --mount=type=bind,source=look.sh,target=/work/look.sh bash /work/look.sh / > /listing
`;

const postinst = `#!/bin/sh
set -e
groupadd --system app
useradd --system --gid app --no-create-home app
chown app:app /var/lib/app/own
`;

test.runIf(canRun)("umoci and podman make of RUN's layers what its programs saw", { timeout: 300_000 }, async () => {
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await mkdir(at("context"));
  await writeFile(at("context/status"), await packDebian(at("context/root.tar"), packages));
  await writeFiles(at("context"), { Dockerfile: dockerfile, "look.sh": look });
  await writeFiles(at("deb"), {
    "DEBIAN/control":
      "Package: app\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: a program\n",
    "DEBIAN/conffiles": "/etc/app.conf\n",
    "DEBIAN/postinst": postinst,
    "etc/app.conf": "a=1\n",
    "usr/bin/app": "#!/bin/sh\necho app\n",
    "usr/share/app/data": "data\n",
    "var/lib/app/own": "",
  });
  await run("chmod", ["-R", "u=rwX,go=rX", at("deb")]);
  await run("chmod", ["755", at("deb/DEBIAN/postinst"), at("deb/usr/bin/app")]);
  await run("dpkg-deb", ["--root-owner-group", "--build", at("deb"), at("context/app.deb")]);

  const env = { LADING_CACHE_DIR: at("cache"), LADING_ROOT: at("state") };
  const outputs = ["--output", `oci:${at("layout")}:1`, "--output", `oci-archive:${at("image.tar")}`];
  await lading(["build", at("context"), "--progress=plain", "--tag", "localhost/debian:1", ...outputs], { env });

  await run("umoci", ["unpack", "--image", `${at("layout")}:1`, at("bundle")]);
  const root = at("bundle/rootfs");
  const seen = (await readFile(join(root, "listing"), "utf8")).trim().split("\n");
  const listing = async (path: string): Promise<readonly string[]> =>
    (await run("sh", ["-c", look, "sh", path])).trim().split("\n");
  expect(await listing(root)).toEqual(seen);
  expect(seen).toEqual(
    expect.arrayContaining([
      "etc/app.conf f 644 0:0 4",
      "licenses/ 755 0:0",
      "licenses/GPL -> GPL-3 0:0",
      "usr/bin/app-too f 4750 0:0 19",
      "usr/share/base-files/app -> ../app 0:0",
      "var/lib/pipe p 644 0:0 0",
      expect.stringMatching(/^home\/person\/skel\/\.profile f 644 (?!0)/),
    ]),
  );
  expect(
    seen.filter((line) =>
      /^usr\/share\/common-licenses\/|^etc\/issue\.net|^usr\/bin\/app |^usr\/share\/base-files\/motd/.test(line),
    ),
  ).toEqual([]);

  expect((await stat(join(root, "var/one"))).nlink).toBe(2);

  await using podman = await startPodman();
  await podman(["load", "--input", at("image.tar")]);
  await podman(["create", "--name", "judge", "localhost/debian:1", "true"]);
  await podman(["export", "--output", at("exported.tar"), "judge"]);
  await mkdir(at("exported"));
  await run("tar", ["-xpf", at("exported.tar"), "--same-owner", "--numeric-owner", "-C", at("exported")]);
  expect(await listing(at("exported"))).toEqual(seen);
  expect((await stat(at("exported/var/two"))).nlink).toBe(2);
});
