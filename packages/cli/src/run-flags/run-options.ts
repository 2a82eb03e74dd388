import type { Options } from "yargs";

const text = (group: string, describe: string, more: Options = {}): Options => ({
  type: "string",
  requiresArg: true,
  describe,
  group,
  ...more,
});
const list = (group: string, describe: string, more: Options = {}): Options =>
  text(group, describe, { array: true, ...more });
const toggle = (group: string, describe: string, more: Options = {}): Options => ({
  type: "boolean",
  describe,
  group,
  ...more,
});

const program = "What runs:";
const kept = "How it is kept:";
const files = "Files:";
const network = "Network:";
const isolation = "Isolation:";
const limits = "Limits:";

/** The flags of `run` that say what a container is, in docker's and podman's words. */
export const runOptions: Readonly<Record<string, Options>> = {
  interactive: toggle(program, "give it standard input", { alias: "i" }),
  tty: toggle(program, "give it a terminal", { alias: "t" }),
  env: list(program, "NAME=value, or NAME for the value that it has here", { alias: "e" }),
  "env-file": list(program, "a file of such lines"),
  workdir: text(program, "where it starts", { alias: "w" }),
  user: text(program, "USER[:GROUP], names or numbers of the image", { alias: "u" }),
  "group-add": list(program, "one more group of the user"),
  entrypoint: text(program, "in place of the image's: a word, or a JSON array"),
  init: toggle(program, "a process 1 that reaps others and passes signals on"),
  "stop-signal": text(program, "default: the image's, else SIGTERM"),
  "stop-timeout": text(program, "seconds between it and SIGKILL; default: 10"),

  detach: toggle(kept, "run in the background, and print the ID", { alias: "d" }),
  name: text(kept, "default: made up"),
  rm: toggle(kept, "remove it when it has ended"),
  restart: text(kept, "no|always|on-failure[:N]|unless-stopped"),
  label: list(kept, "NAME=value", { alias: "l" }),
  cidfile: text(kept, "write its ID to this file"),

  volume: list(files, "SRC:DST[:ro], a path of this machine or the name of a volume", { alias: "v" }),
  mount: list(files, "type=bind|volume|tmpfs,src=…,dst=…[,readonly]"),
  tmpfs: list(files, "PATH[:size=…,mode=…], a file system in memory"),
  "read-only": toggle(files, "the image's files cannot be changed"),
  device: list(files, "SRC[:DST[:rwm]], a device of this machine"),
  "shm-size": text(files, "bytes of /dev/shm; default: 64m"),
  "allow-dangerous-mounts": toggle(files, "also mount what hands over the machine, such as / and sockets of engines"),

  network: text(network, "none|bridge|host|container:ID|ns:PATH; default: the profile's", { alias: "net" }),
  publish: list(network, "[[ADDRESS:]HOSTPORT:]PORT[/udp], or ranges", { alias: "p" }),
  "publish-all": toggle(network, "every port that the image exposes, at ports that are free", { alias: "P" }),
  hostname: text(network, "default: the container's ID", { alias: "h" }),
  dns: list(network, "a server of names, in place of this machine's"),
  "add-host": list(network, "NAME:ADDRESS, one more line of /etc/hosts"),

  profile: text(isolation, "what it may do: strict|default|docker|unconfined", {
    choices: ["strict", "default", "docker", "unconfined"],
  }),
  "cap-add": list(isolation, "a capability more, or ALL"),
  "cap-drop": list(isolation, "a capability less, or ALL"),
  "security-opt": list(isolation, "seccomp=FILE|unconfined, no-new-privileges[=false], mask=PATH, unmask=PATH|ALL"),
  userns: text(isolation, "ids: host|auto|keep-id; default: the profile's"),
  uidmap: list(isolation, "CONTAINER:HOST:SIZE, ids mapped one by one"),
  gidmap: list(isolation, "the same of groups; default: as --uidmap"),
  pid: text(isolation, "processes: private|host|container:ID|ns:PATH"),
  ipc: text(isolation, "shared memory and queues: the same words"),
  uts: text(isolation, "hostname: the same words"),
  cgroupns: text(isolation, "control groups: private|host"),
  timens: text(isolation, "clocks: private|host; default: host"),
  sysctl: list(isolation, "NAME=value, a kernel parameter of its namespaces"),

  memory: text(limits, "at most so many bytes: 512m, 2g", { alias: "m" }),
  "memory-swap": text(limits, "with swap; default: as --memory; -1: no limit"),
  "memory-reservation": text(limits, "bytes left to it when memory is short"),
  cpus: text(limits, "at most so many processors: 1.5"),
  "cpuset-cpus": text(limits, "only these: 0-1,3"),
  "cpu-shares": text(limits, "weight beside others; 1024 is usual", { alias: "c" }),
  "pids-limit": text(limits, "at most so many processes; default: 2048; -1: no limit"),
  ulimit: list(limits, "NAME=SOFT[:HARD], as in nofile=1024:4096"),
  "oom-score-adj": text(limits, "-1000 to 1000, higher ends sooner when memory is short"),
  "best-effort": toggle(limits, "leave out what this machine cannot do, and say so"),
};
