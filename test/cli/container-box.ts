import { spawn } from "node:child_process";
import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { run } from "../interop/command.ts";
import { ladingCommand } from "../interop/lading.ts";
import { type Workspace, workspace } from "./workspace.ts";

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A workspace with containers of its own, and an image of busybox in `image.tar`. */
export interface ContainerBox extends AsyncDisposable {
  readonly work: Workspace;
  /** What the command needs in its environment to find these containers. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The place of the image. */
  readonly image: string;
  /** Runs `lading` there, with containers of this box. */
  lading(args: readonly string[], env?: Readonly<Record<string, string | undefined>>): Promise<Outcome>;
  /** `lading run …flags IMAGE …command`, without a network unless a flag asks for one. */
  run(flags: readonly string[], command?: readonly string[]): Promise<Outcome>;
  /** Begins `lading …`, and gives what it takes to send it a signal. */
  begin(args: readonly string[]): Begun;
}

interface Begun {
  readonly pid: number;
  readonly outcome: Promise<Outcome>;
  /** Resolves when it has written this to stdout. */
  wrote(words: string): Promise<void>;
}

const applets = "sh cat echo env false grep hostname id kill ls ps sleep stat stty test touch true tty wc".split(" ");

/** With containers on the engine that `env` chooses: LADING_ENGINE and the like. */
export async function containerBox(env: Readonly<Record<string, string | undefined>>): Promise<ContainerBox> {
  const work = await workspace();
  const root = join(work.path, "root");
  await mkdir(join(root, "bin"), { recursive: true });
  for (const folder of ["etc", "tmp", "home"]) await mkdir(join(root, folder));
  await copyFile((await run("sh", ["-c", "command -v busybox"])).trim(), join(root, "bin/busybox"));
  for (const name of applets) await symlink("busybox", join(root, "bin", name));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n");
  await work.write({
    "lading.yaml": `name: acme/box:1\nlayers: [{ name: root, add: [{ src: root, dest: / }] }]\ncmd: [sh]\nexpose: [8080]\n`,
  });
  await work.lading(["build", "-q", "-o", "oci-archive:image.tar"]);
  const settings = { LADING_ROOT: join(work.path, "state"), ...env };
  const lading: ContainerBox["lading"] = async (args, more) => await work.lading(args, { ...settings, ...more });
  const image = "oci-archive:image.tar";
  return {
    work,
    env: settings,
    image,
    lading,
    run: async (flags, command = []) => {
      const networked = flags.some((flag) => flag === "--network" || flag === "-p" || flag === "-P");
      return await lading(["run", ...(networked ? [] : ["--network", "none"]), ...flags, image, ...command]);
    },
    begin: (args) => begin(args, work, settings),
    [Symbol.asyncDispose]: async () => {
      await lading(["rm", "-f", "-a"]);
      await work[Symbol.asyncDispose]();
    },
  };
}

function begin(
  args: readonly string[],
  { path, cache }: Workspace,
  settings: Readonly<Record<string, string | undefined>>,
): Begun {
  const child = spawn(ladingCommand, args, {
    cwd: path,
    env: { ...process.env, LADING_CACHE_DIR: cache, NO_COLOR: "1", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let written = "";
  child.stdout.on("data", (chunk: Buffer) => (written += chunk.toString()));
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const outcome = Promise.all([text(child.stderr), exit]).then(([stderr, status]) => ({
    status,
    stdout: written,
    stderr,
  }));
  return {
    pid: child.pid ?? 0,
    outcome,
    wrote: async (words) => {
      while (!written.includes(words)) {
        if (child.exitCode !== null) throw new Error(`It ended: ${(await outcome).stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}
