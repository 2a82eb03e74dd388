import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, statSync } from "node:fs";
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { attempt, run } from "../interop/command.ts";

/** Somebody who is not root, with ids of their own to map, for as long as a test takes. */
export interface UnprivilegedUser extends AsyncDisposable {
  readonly name: string;
  readonly home: string;
  /** Where others may write what this user is to read. */
  readonly folder: string;
  /** Runs a program as this user, and ends all that it left running. */
  attempt(command: string, args: readonly string[], options?: { readonly cwd?: string }): ReturnType<typeof attempt>;
}

/*
 * The program gets namespaces of its own for mounts and processes: what it leaves mounted or running
 * ends with it, podman's pause process among it, and cures for this machine are seen by nobody else.
 * Their first process stays root's: who becomes somebody else does not die with their parent any more.
 */
const script = `
if ! [ "$1" = yes ]; then
  mount -t tmpfs -o mode=755 lading /dev/net
  mknod -m 666 /dev/net/tun c 10 200
fi
shift
"$@"
exit
`;

/*
 * Ends with its input, which ends with whoever makes the user, be it by SIGKILL: an account is left on
 * no machine. What ran as that user is dying then, which userdel would not wait for.
 */
const farewell = `
while read -r _; do :; done
userdel --force "$1" || groupdel "$1"
rm -rf "$2"
`;

export interface MakeUserOptions {
  /** Whether they get ids to map (subuid(5)). Default: true. */
  readonly subordinateIds?: boolean;
}

/** Makes a user on this machine; takes root. Disposing of them removes them, and what is theirs. */
export async function makeUser({ subordinateIds = true }: MakeUserOptions = {}): Promise<UnprivilegedUser> {
  const place = await temporaryFolder();
  const at = (name: string): string => join(place.path, name);
  const name = `lading-${randomBytes(4).toString("hex")}`;
  const guard = spawn("sh", ["-ec", farewell, "sh", name, place.path], {
    stdio: ["pipe", "ignore", "inherit"],
    // Of a session of its own: keys that end the tests do not end it.
    detached: true,
  });
  guard.unref();
  chmodSync(place.path, 0o755);
  // Where groups are counted apart from users, as on many machines: one number is not taken for the other.
  await run("groupadd", ["--key", "GID_MIN=61000", "--key", "GID_MAX=64999", name]);
  const ids = subordinateIds ? [] : ["--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0"];
  await run("useradd", [...ids, "--gid", name, "--create-home", "--home-dir", at("home"), "--shell", "/bin/sh", name]);
  const uid = Number(await run("id", ["-u", name]));
  const gid = Number(await run("id", ["-g", name]));
  for (const folder of ["run", "tmp", "files"]) {
    await mkdir(at(folder), { mode: 0o700 });
    await chown(at(folder), uid, gid);
  }
  await mkdir(at("home/.config/containers"), { recursive: true });
  // Before podman's first use: else it may choose to copy every layer, and stays with that.
  await writeFile(at("home/.config/containers/storage.conf"), '[storage]\ndriver = "overlay"\n');
  await run("chown", ["-R", `${uid}:${gid}`, at("home")]);
  const env = {
    HOME: at("home"),
    USER: name,
    PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    TMPDIR: at("tmp"),
    XDG_RUNTIME_DIR: at("run"),
  };
  return {
    name,
    home: at("home"),
    folder: at("files"),
    attempt: (command, args, { cwd = at("home") } = {}) => {
      const unshare = ["--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc"];
      const shell = ["sh", "-ec", script, "sh", isOpenToAll("/dev/net/tun") ? "yes" : "no"];
      const setpriv = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--inh-caps=-all"];
      const clean = ["env", "--ignore-environment", ...Object.entries(env).map(([key, value]) => `${key}=${value}`)];
      const withThis = ["--pdeathsig", "KILL", "unshare"];
      return attempt("setpriv", [...withThis, ...unshare, ...shell, ...setpriv, ...clean, command, ...args], { cwd });
    },
    async [Symbol.asyncDispose]() {
      guard.ref();
      guard.stdin.end();
      const [code] = await once(guard, "exit");
      if (code !== 0) throw new Error(`Cannot remove the user ${name}: exit code ${code}`);
    },
  };
}

/** Whether somebody who is not root gets there: every folder above must let them through. */
export function isReachable(path: string): boolean {
  for (let at = path; ; at = join(at, "..")) {
    if ((statSync(at).mode & 0o005) !== 0o005) return false;
    if (at === "/") return true;
  }
}

/** udev opens it to everybody; without it only root may make tunnels. */
function isOpenToAll(device: string): boolean {
  return existsSync(device) && (statSync(device).mode & 0o006) === 0o006;
}
