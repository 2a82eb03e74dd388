import { RunnerError } from "../errors.ts";
import type { Bridge } from "./bridge.ts";
import { findProgram, runProgram } from "./system-program.ts";

/*
 * Rules that a bridge has once, whatever is behind it. CNI's bridge and firewall plugins make some
 * for each container, which takes several times as long as everything else, and the bridge plugin
 * (to 1.1) leaves those of a container whose namespace is gone.
 */

/** Rules by table. */
type Rules = Readonly<Record<string, readonly string[]>>;

/** What there is to be in each table, as iptables-restore(8) takes it. */
function wantedRules({ name, bridge, subnet }: Bridge): Rules {
  const mark = `-m comment --comment ${name}`;
  return {
    nat: [`-A POSTROUTING -s ${subnet} ! -o ${bridge} ${mark} -j MASQUERADE`],
    filter: [
      // docker and some firewalls drop what is forwarded and not named.
      `-I FORWARD -i ${bridge} ${mark} -j ACCEPT`,
      `-I FORWARD -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT ${mark} -j ACCEPT`,
      // portmap lets addresses of the loopback interface be routed to the bridge (route_localnet), so
      // a container could ask for the host's own (CVE-2020-8558).
      `-I INPUT -i ${bridge} -d 127.0.0.0/8 -m conntrack --ctstate NEW ${mark} -j DROP`,
    ],
  };
}

/** Whether all of a bridge's rules are in place. Throws RunnerError UNSUPPORTED without iptables, ENGINE when it fails. */
export async function hasBridgeRules(bridge: Bridge): Promise<boolean> {
  const found = await foundRules(bridge);
  return Object.entries(wantedRules(bridge)).every(([table, wanted]) => wanted.length === found[table]?.length);
}

/** Puts them in place, each once. Throws as `hasBridgeRules`. */
export async function addBridgeRules(bridge: Bridge): Promise<void> {
  await changeRules(await foundRules(bridge), wantedRules(bridge));
}

/** Takes them away. */
export async function removeBridgeRules(bridge: Bridge): Promise<void> {
  await changeRules(await foundRules(bridge), {});
}

/** The tables at once: the kernel takes its time for each where something is deleted. */
async function changeRules(old: Rules, wanted: Rules): Promise<void> {
  const tables = new Set([...Object.keys(old), ...Object.keys(wanted)]);
  await Promise.all(
    [...tables].map((table) => restore(table, [...(old[table] ?? []).map(deleted), ...(wanted[table] ?? [])])),
  );
}

/** The rules that name the bridge, by table, as iptables-save(8) writes them. */
async function foundRules({ name }: Bridge): Promise<Rules> {
  const found: Record<string, string[]> = {};
  let table = "";
  for (const line of (await iptables("iptables-save", [], "")).split("\n"))
    if (line.startsWith("*")) table = line.slice(1);
    else if (line.startsWith("-A ") && / --comment "?([^" ]+)/.exec(line)?.[1] === name)
      (found[table] ??= []).push(line);
  return found;
}

function deleted(rule: string): string {
  return rule.replace(/^-A /, "-D ");
}

/** All of them or, when one cannot be, none. */
async function restore(table: string, rules: readonly string[]): Promise<void> {
  await iptables("iptables-restore", ["-w", "--noflush"], [`*${table}`, ...rules, "COMMIT", ""].join("\n"));
}

async function iptables(name: string, args: readonly string[], input: string): Promise<string> {
  const path = findProgram(name);
  if (path === undefined) throw missingIptables();
  const { code, stdout, stderr } = await runProgram(path, args, { input });
  if (code === 0) return stdout;
  throw new RunnerError("ENGINE", `Cannot set up the bridge: ${name} failed: ${stderr.trim()}`);
}

function missingIptables(): RunnerError {
  const nft = findProgram("nft") === undefined ? "" : " (nft alone is not enough)";
  return new RunnerError("UNSUPPORTED", `Cannot set up the bridge: iptables is not installed${nft}`, {
    hint: "Install iptables: your distribution packages it, in most for nftables",
  });
}
