import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { formatPlatform, hostPlatform, type Platform } from "@lading/oci";
import { RunnerError } from "../errors.ts";

/** What 64-bit processors run besides their own. */
const compatible: Readonly<Record<string, readonly string[]>> = { amd64: ["386"], arm64: ["arm"] };
/** What binfmt_misc's usual entries call an architecture. */
const emulators: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  arm64: "aarch64",
  "386": "i386",
  loong64: "loongarch64",
  mips64le: "mips64el",
};

/**
 * Refuses an image whose programs this machine cannot run: another system's, or another processor's
 * that the kernel has no emulator for (binfmt_misc). Throws RunnerError UNSUPPORTED.
 */
export function refusePlatform(platform: Platform, folder: string = "/proc/sys/fs/binfmt_misc"): void {
  const host = hostPlatform();
  const { os, architecture } = platform;
  if (os === "linux") {
    if (architecture === host.architecture || compatible[host.architecture]?.includes(architecture) === true) return;
    if (isEmulated(emulators[architecture] ?? architecture, folder)) return;
  }
  throw new RunnerError(
    "UNSUPPORTED",
    `Cannot run an image for ${formatPlatform(platform)}: this machine is ${formatPlatform(host)}`,
    {
      hint:
        os === "linux"
          ? "Name an image of this platform, or install an emulator: qemu-user-static with binfmt-support"
          : "Name an image for linux",
    },
  );
}

function isEmulated(architecture: string, folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some(
    (name) => name.endsWith(architecture) && readFileSync(join(folder, name), "utf8").startsWith("enabled"),
  );
}
