import { readFile } from "node:fs/promises";
import { parseSeccompProfile, type RunSpec, type SeccompProfile } from "@lading/runner";
import { UsageError } from "../usage.ts";
import { known, misread } from "./misread.ts";

type Security = Pick<RunSpec, "noNewPrivileges" | "seccomp" | "mask" | "unmask">;

const flag = "security-opt";
const words = ["no-new-privileges", "seccomp", "mask", "unmask", "systempaths", "apparmor", "label"] as const;

/**
 * docker's and podman's `--security-opt`, each `NAME=VALUE` or `NAME:VALUE`; a seccomp profile
 * is read from its file. Throws UsageError.
 */
export async function parseSecurityOptions(texts: readonly string[]): Promise<Security> {
  const options = await Promise.all(texts.map(parseOption));
  return {
    noNewPrivileges: options.findLast((option) => "noNewPrivileges" in option)?.noNewPrivileges,
    seccomp: options.findLast((option) => "seccomp" in option)?.seccomp,
    mask: options.flatMap(({ mask = [] }) => mask),
    unmask: options.flatMap(({ unmask = [] }) => unmask),
  };
}

async function parseOption(text: string): Promise<Security> {
  const [, name = "", value] = /^([^=:]*)(?:[=:](.*))?$/s.exec(text) ?? [];
  const option = known({ flag, value: text, what: "security option" }, name, words);
  if (option === "no-new-privileges") return { noNewPrivileges: switchedOn(text, value ?? "true") };
  if (value === undefined || value === "") throw misread(flag, text, `"${name}" needs a value`);
  switch (option) {
    case "seccomp":
      if (value === "unconfined") return { seccomp: value };
      // docker's word for its own profile, which here is the one of --profile.
      if (value === "builtin") return { seccomp: undefined };
      return { seccomp: await seccompFile(text, value) };
    case "mask":
      return { mask: value.split(":").map((path) => absolute(text, path)) };
    case "unmask":
      return { unmask: value.split(":").map((path) => (path.toUpperCase() === "ALL" ? "ALL" : absolute(text, path))) };
    case "systempaths":
      known({ flag, value: text, what: "choice" }, value, ["unconfined"]);
      return { unmask: ["ALL"] };
    case "apparmor":
      // So it is anyway; any other profile would be promised and not given.
      if (value === "unconfined") return {};
      throw misread(flag, text, "this version sets no AppArmor profile", "Seccomp and capabilities hold everywhere");
    case "label":
      if (value === "disable") return {};
      throw misread(flag, text, "this version sets no SELinux label", "Seccomp and capabilities hold everywhere");
    default:
      return option satisfies never;
  }
}

async function seccompFile(text: string, path: string): Promise<SeccompProfile> {
  try {
    return parseSeccompProfile(await readFile(path, "utf8"));
  } catch (cause) {
    throw new UsageError(`Cannot use --${flag} "${text}"`, { cause });
  }
}

function switchedOn(text: string, value: string): boolean {
  return known({ flag, value: text, what: "choice" }, value, ["true", "false"]) === "true";
}

function absolute(text: string, path: string): string {
  if (path.startsWith("/")) return path;
  throw misread(flag, text, `"${path}" is no absolute path`);
}
