import { RunnerError } from "../errors.ts";

/** capabilities(7); the position is the number of the capability. */
export const capabilityNames: readonly string[] =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    .split(" ")
    .map((name) => `CAP_${name}`);

/**
 * The capabilities that are left of `given` after `--cap-drop` and `--cap-add`, as docker and podman
 * read them: names with or without CAP_, in any case, or ALL; what is named beats ALL, and of the
 * two lists that name the same one the drop wins. ALL adds `all`, by default every one there is.
 * Sorted by number. Throws RunnerError SPEC.
 */
export function changeCapabilities(
  given: readonly string[],
  {
    add = [],
    drop = [],
    all = capabilityNames,
  }: {
    readonly add?: readonly string[] | undefined;
    readonly drop?: readonly string[] | undefined;
    readonly all?: readonly string[];
  },
): readonly string[] {
  const added = add.map((name) => parseCapability(name));
  const dropped = drop.map((name) => parseCapability(name));
  const left = new Set(added.includes("ALL") ? all : dropped.includes("ALL") ? [] : given);
  for (const name of added) if (name !== "ALL") left.add(name);
  for (const name of dropped) left.delete(name);
  return capabilityNames.filter((name) => left.has(name));
}

/** Those that a list names, without ALL. Throws RunnerError SPEC. */
export function namedCapabilities(names: readonly string[]): readonly string[] {
  return names.map((name) => parseCapability(name)).filter((name) => name !== "ALL");
}

function parseCapability(text: string): string {
  const upper = text.toUpperCase();
  if (upper === "ALL") return upper;
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!capabilityNames.includes(name))
    throw new RunnerError("SPEC", `Cannot use capability "${text}": there is none of that name`, {
      hint: "Names are those of capabilities(7), as in NET_ADMIN, or ALL",
    });
  return name;
}
