import { formatPlatform, hostPlatform, type Platform } from "@lading/oci";

/**
 * The arguments that every build has by itself: TARGETPLATFORM and its parts, BUILDPLATFORM and its parts, and TARGETSTAGE, which
 * is "default" unless a stage is asked for. What `given` has of them goes before.
 */
export function platformArgs(
  target: Platform,
  stage: string | undefined,
  given: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const host = { ...hostPlatform(), os: "linux" };
  const own = { ...argsOf("TARGET", target), ...argsOf("BUILD", host), TARGETSTAGE: stage ?? "default" };
  return Object.fromEntries(Object.entries(own).map(([name, value]) => [name, given[name] ?? value]));
}

function argsOf(prefix: string, platform: Platform): Readonly<Record<string, string>> {
  return {
    [`${prefix}PLATFORM`]: formatPlatform(platform),
    [`${prefix}OS`]: platform.os,
    [`${prefix}OSVERSION`]: platform["os.version"] ?? "",
    [`${prefix}ARCH`]: platform.architecture,
    [`${prefix}VARIANT`]: platform.variant ?? "",
  };
}
