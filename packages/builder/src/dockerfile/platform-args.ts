import { formatPlatform, hostPlatform, type Platform } from "@lading/oci";

/** The arguments that every build has by itself: TARGETPLATFORM and its parts, BUILDPLATFORM and its parts. */
export function platformArgs(target: Platform): Readonly<Record<string, string>> {
  const host = { ...hostPlatform(), os: "linux" };
  return { ...argsOf("TARGET", target), ...argsOf("BUILD", host) };
}

function argsOf(prefix: string, platform: Platform): Readonly<Record<string, string>> {
  return {
    [`${prefix}PLATFORM`]: formatPlatform(platform),
    [`${prefix}OS`]: platform.os,
    [`${prefix}ARCH`]: platform.architecture,
    [`${prefix}VARIANT`]: platform.variant ?? "",
  };
}
