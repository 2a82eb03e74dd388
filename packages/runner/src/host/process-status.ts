import { capabilityNames } from "../security/capabilities.ts";

/** What /proc/PID/status says that matters to isolation; ids are in the numbers of whoever reads it. */
export interface ProcessStatus {
  /** `R`, `S`, `Z`: see proc_pid_status(5). */
  readonly state: string;
  /** In effect. */
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Names of capabilities(7), sorted by number. */
  readonly capabilities: Readonly<
    Record<"effective" | "permitted" | "inheritable" | "bounding" | "ambient", readonly string[]>
  >;
  readonly noNewPrivileges: boolean;
  readonly seccomp: "disabled" | "strict" | "filter";
}

export function parseStatus(text: string): ProcessStatus {
  const fields = new Map(
    text.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.replace(/^[^:]*:\s*/, "")]),
  );
  const numbers = (name: string): readonly number[] =>
    (fields.get(name) ?? "")
      .split(/\s+/)
      .filter((word) => word !== "")
      .map(Number);
  const capabilities = (name: string): readonly string[] => capabilitiesOf(fields.get(name) ?? "0");
  const seccomp = fields.get("Seccomp");
  return {
    state: (fields.get("State") ?? "").charAt(0),
    // Real, effective, saved, of the file system.
    uid: numbers("Uid")[1] ?? 0,
    gid: numbers("Gid")[1] ?? 0,
    groups: numbers("Groups"),
    capabilities: {
      effective: capabilities("CapEff"),
      permitted: capabilities("CapPrm"),
      inheritable: capabilities("CapInh"),
      bounding: capabilities("CapBnd"),
      ambient: capabilities("CapAmb"),
    },
    noNewPrivileges: fields.get("NoNewPrivs") === "1",
    seccomp: seccomp === "2" ? "filter" : seccomp === "1" ? "strict" : "disabled",
  };
}

/** A set as the kernel writes it, in hexadecimal; one that is newer than our names is called by its number. */
function capabilitiesOf(mask: string): readonly string[] {
  const names: string[] = [];
  let bits = BigInt(`0x${mask}`);
  for (let number = 0; bits > 0n; number++, bits >>= 1n)
    if ((bits & 1n) === 1n) names.push(capabilityNames[number] ?? `CAP_${number}`);
  return names;
}
