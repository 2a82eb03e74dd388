import type { Digest } from "./digest.ts";
import { sortKeys } from "./json.ts";
import type { Platform } from "./platform.ts";

/** An image's config (image-spec config.md), with Docker's additions. Unknown fields are kept. */
export interface ImageConfig extends Platform {
  /** RFC 3339. */
  readonly created?: string;
  readonly author?: string;
  readonly config?: ContainerConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly History[];
}

/** What a container of the image runs with. */
export interface ContainerConfig {
  readonly User?: string;
  /** Keys are `80/tcp`. */
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  /** Entries are `NAME=value`. */
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly ArgsEscaped?: boolean;
  /** Docker's; not in the OCI spec. */
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
  /** Seconds. */
  readonly StopTimeout?: number;
}

/** Times are nanoseconds, as Go's durations are; 0 or absent is the default. */
export interface Healthcheck {
  /** `["NONE"]`, `["CMD", …argv]` or `["CMD-SHELL", command]`. */
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** How a layer, or a change of the config alone (`empty_layer`), came to be. */
export interface History {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

// The order of the structs in image-spec specs-go/v1/config.go and, after ArgsEscaped, moby's.
const order = {
  config: "created author architecture variant os os.version os.features config rootfs history".split(" "),
  container:
    "User ExposedPorts Env Entrypoint Cmd Volumes WorkingDir Labels StopSignal ArgsEscaped Healthcheck OnBuild Shell StopTimeout".split(
      " ",
    ),
  healthcheck: "Test Interval Timeout StartPeriod StartInterval Retries".split(" "),
  history: "created created_by author comment empty_layer".split(" "),
};

/** The same config with its keys in the one order it is written in: the spec's, then unknown fields as they came. */
export function orderConfig(config: ImageConfig): ImageConfig {
  const { config: container, history, rootfs } = config;
  return inOrder(
    {
      ...config,
      rootfs: { ...rootfs, type: rootfs.type, diff_ids: rootfs.diff_ids },
      ...(container === undefined ? {} : { config: orderContainer(container) }),
      ...(history === undefined ? {} : { history: history.map((entry) => inOrder(entry, order.history)) }),
    },
    order.config,
  );
}

function orderContainer(container: ContainerConfig): ContainerConfig {
  const { ExposedPorts, Volumes, Labels, Healthcheck } = container;
  return inOrder(
    {
      ...container,
      ...(ExposedPorts === undefined ? {} : { ExposedPorts: sortKeys(ExposedPorts) }),
      ...(Volumes === undefined ? {} : { Volumes: sortKeys(Volumes) }),
      ...(Labels === undefined ? {} : { Labels: sortKeys(Labels) }),
      ...(Healthcheck === undefined ? {} : { Healthcheck: inOrder(Healthcheck, order.healthcheck) }),
    },
    order.container,
  );
}

function inOrder<T extends object>(value: T, keys: readonly string[]): T {
  const rank = (key: string): number => (keys.includes(key) ? keys.indexOf(key) : keys.length);
  const copy = { ...value };
  for (const key of Object.keys(value).toSorted((a, b) => rank(a) - rank(b))) {
    // Deleting and setting again moves the key to the end, so all end up in order.
    const kept: unknown = Reflect.get(value, key);
    Reflect.deleteProperty(copy, key);
    Object.defineProperty(copy, key, { value: kept, enumerable: true, configurable: true, writable: true });
  }
  return copy;
}
