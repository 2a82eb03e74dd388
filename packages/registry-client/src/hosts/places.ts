import { homedir } from "node:os";

/** Where configuration of hosts is looked for. */
export interface HostConfigPlaces {
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: HOME of `env`, then the user's folder. */
  readonly home?: string;
  /** Default: `/etc/containers` and `/etc/docker`. */
  readonly systemFolders?: { readonly containers: string; readonly docker: string };
}

export function placesOf({ env = process.env, home, systemFolders }: HostConfigPlaces): Required<HostConfigPlaces> {
  return {
    env,
    home: home ?? env["HOME"] ?? homedir(),
    systemFolders: systemFolders ?? { containers: "/etc/containers", docker: "/etc/docker" },
  };
}
