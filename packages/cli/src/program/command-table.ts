import type { Command } from "../program.ts";

/** A command of the table: its module is loaded only when it is called. */
export interface CommandEntry {
  readonly usage: string;
  readonly describe: string;
  /** The heading above it and what follows, in the help. */
  readonly heading?: string;
  /** Whether everything after the first positional is another program's: `lading run app ls -l`. */
  readonly passesOn?: true;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** All commands, in the order in which the help has them. */
export const commands: readonly CommandEntry[] = [
  {
    heading: "Images from files:",
    usage: "build [context]",
    describe: "Build an image from files",
    load: async () => await import("../commands/build.ts"),
  },
  {
    usage: "init [context]",
    describe: "Write down as lading.yaml what a build makes",
    load: async () => await import("../commands/init.ts"),
  },
  {
    usage: "lock [context]",
    describe: "Pin base images by digest",
    load: async () => await import("../commands/lock.ts"),
  },
  {
    heading: "Containers:",
    usage: "run <image> [command..]",
    describe: "Run a program of an image, isolated",
    passesOn: true,
    load: async () => await import("../commands/run.ts"),
  },
  {
    usage: "ps",
    describe: "List containers",
    load: async () => await import("../commands/ps.ts"),
  },
  {
    usage: "logs <container>",
    describe: "Show what a container's program wrote",
    load: async () => await import("../commands/logs.ts"),
  },
  {
    usage: "exec <container> [command..]",
    describe: "Run a command in a container",
    passesOn: true,
    load: async () => await import("../commands/exec.ts"),
  },
  {
    usage: "stop [containers..]",
    describe: "Stop containers",
    load: async () => await import("../commands/stop.ts"),
  },
  {
    usage: "start <containers..>",
    describe: "Start containers again",
    load: async () => await import("../commands/start.ts"),
  },
  {
    usage: "kill <containers..>",
    describe: "Send a signal to containers",
    load: async () => await import("../commands/kill.ts"),
  },
  {
    usage: "wait <containers..>",
    describe: "Wait until containers end, and print their exit codes",
    load: async () => await import("../commands/wait.ts"),
  },
  {
    usage: "rm [containers..]",
    describe: "Remove containers",
    load: async () => await import("../commands/rm.ts"),
  },
  {
    usage: "cp <source> <destination>",
    describe: "Copy files to or from a container",
    load: async () => await import("../commands/cp.ts"),
  },
  {
    usage: "port <container> [port]",
    describe: "Show where published ports are reached",
    load: async () => await import("../commands/port.ts"),
  },
  {
    usage: "stats [containers..]",
    describe: "Show what containers use",
    load: async () => await import("../commands/stats.ts"),
  },
  {
    usage: "images",
    describe: "List the images that an engine has",
    load: async () => await import("../commands/images.ts"),
  },
  {
    usage: "rmi <images..>",
    describe: "Remove images from an engine",
    load: async () => await import("../commands/rmi.ts"),
  },
  {
    heading: "What is in an image:",
    usage: "inspect <place>",
    describe: "Show what an image is made of, or how a container is isolated",
    load: async () => await import("../commands/inspect.ts"),
  },
  {
    usage: "diff <a> <b>",
    describe: "Compare two images, file by file",
    load: async () => await import("../commands/diff.ts"),
  },
  {
    usage: "sbom <place>",
    describe: "List an image's packages as an SBOM",
    load: async () => await import("../commands/sbom.ts"),
  },
  {
    usage: "digest <place>",
    describe: "Print the digest that a place names",
    load: async () => await import("../commands/digest.ts"),
  },
  {
    usage: "export <place> <destination>",
    describe: "Unpack an image's files into a folder, or as a tar to -",
    load: async () => await import("../commands/export.ts"),
  },
  {
    heading: "Places and registries:",
    usage: "pull <source> [destination]",
    describe: "Fetch an image into a file",
    load: async () => await import("../commands/pull.ts"),
  },
  {
    usage: "push <place> [names..]",
    describe: "Send an image to a registry, under one name or several",
    load: async () => await import("../commands/push.ts"),
  },
  {
    usage: "copy [source] [destination]",
    describe: "Copy an image to another place, unchanged, or a list of images",
    load: async () => await import("../commands/copy.ts"),
  },
  {
    usage: "tags <repository>",
    describe: "List the tags of a repository",
    load: async () => await import("../commands/tags.ts"),
  },
  {
    usage: "referrers <place>",
    describe: "List signatures, SBOMs and attestations of an image",
    load: async () => await import("../commands/referrers.ts"),
  },
  {
    usage: "delete <place>",
    describe: "Delete a tag or a manifest from a registry",
    load: async () => await import("../commands/delete.ts"),
  },
  {
    usage: "serve <place>",
    describe: "Serve images as a registry",
    load: async () => await import("../commands/serve.ts"),
  },
  {
    usage: "login [registry]",
    describe: "Keep credentials for a registry, once it has taken them",
    load: async () => await import("../commands/login.ts"),
  },
  {
    usage: "logout [registry]",
    describe: "Forget the credentials of a registry",
    load: async () => await import("../commands/logout.ts"),
  },
  {
    heading: "Trust:",
    usage: "keygen",
    describe: "Make a key pair to sign with",
    load: async () => await import("../commands/keygen.ts"),
  },
  {
    usage: "sign <place>",
    describe: "Sign an image",
    load: async () => await import("../commands/sign.ts"),
  },
  {
    usage: "attest <place>",
    describe: "Sign a statement about an image",
    load: async () => await import("../commands/attest.ts"),
  },
  {
    usage: "verify <place>",
    describe: "Check who signed an image, or attested something of it",
    load: async () => await import("../commands/verify.ts"),
  },
  {
    heading: "Without a network:",
    usage: "bundle create [places..]",
    describe: "Put images, with what belongs to them, into one file",
    load: async () => await import("../commands/bundle/create.ts"),
  },
  {
    usage: "bundle list <files..>",
    describe: "List the images of a bundle",
    load: async () => await import("../commands/bundle/list.ts"),
  },
  {
    usage: "bundle verify <files..>",
    describe: "Check that a bundle is whole and unchanged",
    load: async () => await import("../commands/bundle/verify.ts"),
  },
  {
    usage: "bundle load <files..>",
    describe: "Verify a bundle, and put its images where they are used",
    load: async () => await import("../commands/bundle/load.ts"),
  },
  {
    heading: "This machine:",
    usage: "cache [action]",
    describe: "Show or clean what builds left: ls, prune, clear, dir",
    load: async () => await import("../commands/cache.ts"),
  },
  {
    usage: "doctor",
    describe: "Check this machine for what Lading needs",
    load: async () => await import("../commands/doctor.ts"),
  },
];

/** The word that calls a command, or the two: `bundle create`. */
export function nameOf({ usage }: CommandEntry): string {
  return usage.replace(/ [[<].*$/, "");
}

/** The command that a command line calls, and how many of its words that takes. */
export function calledBy(args: readonly string[]): {
  readonly entry: CommandEntry | undefined;
  readonly words: number;
} {
  for (const words of [2, 1]) {
    const name = args.slice(0, words).join(" ");
    const entry = commands.find((each) => nameOf(each) === name);
    if (entry !== undefined) return { entry, words };
  }
  return { entry: undefined, words: 0 };
}

/** What is said of commands whose first word is the same, by that word. */
export const commandGroups: ReadonlyMap<string, string> = new Map([
  ["bundle", "Carry images to where there is no network: create, list, verify, load"],
]);

/** The commands that begin with a word of `commandGroups`. */
export function commandsOf(group: string): readonly CommandEntry[] {
  return commands.filter((entry) => nameOf(entry).startsWith(`${group} `));
}
