import { homedir } from "node:os";
import { join } from "node:path";

export interface AuthPlaces {
  /** Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: HOME, or the account's. */
  readonly home?: string;
  /** User id; what podman names its folder in /run for. */
  readonly uid?: number;
  readonly platform?: NodeJS.Platform;
  /** The one file of credentials, as `--authfile` names it; else REGISTRY_AUTH_FILE does. */
  readonly authFile?: string;
}

export interface AuthPath {
  readonly path: string;
  /** "auth": podman's auth.json. "docker": config.json, whose `credsStore` counts. "legacy": ~/.dockercfg. */
  readonly kind: "auth" | "docker" | "legacy";
  /** The variable or flag that named it, when one did: such a file must be there. */
  readonly named?: string;
}

/**
 * The files that credentials are looked for in, first to last (containers-auth.json(5)): podman's,
 * then Docker's. A file named by flag or by REGISTRY_AUTH_FILE is the only one.
 */
export function authPaths(places: AuthPlaces = {}): readonly AuthPath[] {
  const { env = process.env, platform = process.platform } = places;
  if (places.authFile !== undefined) return [{ path: places.authFile, kind: "auth", named: "--authfile" }];
  const named = set(env["REGISTRY_AUTH_FILE"]);
  if (named !== undefined) return [{ path: named, kind: "auth", named: "REGISTRY_AUTH_FILE" }];
  const home = places.home ?? set(env["HOME"]) ?? homedir();
  const uid = places.uid ?? process.getuid?.();
  const paths: AuthPath[] = [
    { path: runtimeFile(env, home, uid, platform), kind: "auth" },
    { path: join(set(env["XDG_CONFIG_HOME"]) ?? join(home, ".config"), "containers", "auth.json"), kind: "auth" },
    { path: join(set(env["DOCKER_CONFIG"]) ?? join(home, ".docker"), "config.json"), kind: "docker" },
    { path: join(home, ".dockercfg"), kind: "legacy" },
  ];
  return paths.filter(({ path }, index) => paths.findIndex((other) => other.path === path) === index);
}

// Only Linux has a folder for the time that somebody is logged in.
function runtimeFile(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
  uid: number | undefined,
  platform: NodeJS.Platform,
): string {
  if (platform !== "linux" || uid === undefined) return join(home, ".config", "containers", "auth.json");
  const runtime = set(env["XDG_RUNTIME_DIR"]);
  return join(runtime === undefined ? `/run/containers/${uid}` : join(runtime, "containers"), "auth.json");
}

function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
