import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { digestOf, type Options } from "@lading/oci";
import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import { readHost } from "../host/read-host.ts";
import { refusePlatform } from "../image/runnable-platform.ts";
import { type Connection, Networks } from "../network/networks.ts";
import type { ResolvedUser } from "../image/user.ts";
import { planContainer } from "../plan-container.ts";
import { cgroupOf, removeCgroups } from "../runc/cgroups.ts";
import { findRuntime } from "../runc/find-runtime.ts";
import { likeRoot, OverlayFolder } from "../runc/overlay-folder.ts";
import { runcInfo } from "../runc/runc-info.ts";
import { Runtime } from "../runc/runtime.ts";
import { runtimeSpec } from "../runtime-spec.ts";
import { stateFolder } from "../state/state-folder.ts";
import type { EngineInfo } from "../engine.ts";
import { type MountPoint, makeMountPoints } from "./mount-points.ts";
import { moreIds, ownerHere, ownIds } from "./own-ids.ts";
import { basesFolder, sweepUnfinished } from "./step-bases.ts";
import { FilesOf } from "./step-files.ts";
import { removeFolder, stepId } from "./step-folder.ts";
import { prepareMounts } from "./step-mounts.ts";
import { abandonedFolders, takeFolder } from "./step-owner.ts";
import { type OnOutput, runProgram } from "./step-process.ts";
import type { Step } from "./step.ts";

export interface RuncStepsOptions {
  /** The state folder. Default: as `stateFolder`. */
  readonly root?: string | undefined;
  /** The path of runc or crun. Default: as `findRuntime`. */
  readonly runtime?: string | undefined;
}

/** How a step ended, and what it has changed. */
export interface StepEnd extends AsyncDisposable {
  /** 128 and the number of the signal that ended the program. */
  readonly exitCode: number;
  /** The upper folder of its overlay. Goes when this is disposed of. */
  readonly changes: string;
}

export interface RunStepOptions extends Options {
  readonly onOutput?: OnOutput | undefined;
}

/** What every step is called by itself: a name of the machine would be another one elsewhere. */
const hostname = "build";
const patience = 2000; // milliseconds

/*
 * Below the state folder:
 *
 *   build/trees/…            bases, as those of images
 *   build/ids-NAME/trees/…   those of who is in a user namespace
 *   build/steps/ID/…         see step-owner.ts
 *   build/steps/ID/trees/…   what was built on bases so far
 *   build/steps/ID/HEX/…     a step, called as its container
 */

/**
 * Runs programs for the changes that they make to files, with runc or crun: what RUN of a Dockerfile
 * asks for. They get what docker gives: root with the profile `docker`, and no more of this machine
 * than was asked for. Takes root, or the root of a user namespace with ids of its own.
 */
export class RuncSteps implements AsyncDisposable {
  readonly #root: string;
  readonly #runtime: string;
  readonly #folder: string;
  readonly #files: FilesOf;
  readonly #networks: Networks;
  readonly #ids = ownIds();
  #ready: Promise<EngineInfo> | undefined;

  /** Touches nothing yet. Throws RunnerError NO_ENGINE without a runtime, UNSUPPORTED without root. */
  constructor({ root, runtime = findRuntime() }: RuncStepsOptions = {}) {
    if (process.platform !== "linux" || process.getuid?.() !== 0)
      throw new RunnerError("UNSUPPORTED", `Cannot run steps with ${runtime}: that takes root, on Linux`, {
        hint: "Begin it in a user namespace: unshare --user --map-root-user --map-auto",
      });
    this.#root = join(stateFolder(root), "build");
    this.#runtime = runtime;
    this.#folder = join(this.#root, "steps", stepId());
    this.#files = new FilesOf({ bases: basesFolder(this.#root, this.#ids), folder: this.#folder, ids: this.#ids });
    this.#networks = networksOf(this.#root);
  }

  /** Whether all files are root's for want of another id, whoever owns them in the image. */
  get singleOwner(): boolean {
    return this.#ids.single;
  }

  /**
   * Runs a step to its end, whatever its exit code. Throws RunnerError UNSUPPORTED for a platform or a
   * network that is not here, UNSAFE_IMAGE, USER, SPEC, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE and
   * ENGINE; nothing is left then.
   */
  async run(step: Step, { signal, onOutput }: RunStepOptions = {}): Promise<StepEnd> {
    refusePlatform(step.platform);
    if (step.network === "default" && this.#ids.inUserNamespace)
      throw new RunnerError("UNSUPPORTED", "Cannot give a step a network of its own: without root there is no bridge", {
        hint: "--network host gives it this machine's",
      });
    this.#ready ??= this.#prepare();
    const info = await this.#ready;
    const id = stepId();
    const folder = join(this.#folder, id);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => removeFolder(folder));

    const points = join(folder, "points");
    const below = await this.#files.lower(step, { signal });
    const overlay = OverlayFolder.make(folder, [points, ...below.folders]);
    mkdirSync(points, { mode: 0o755 });
    for (const place of [points, overlay.upper]) likeRoot(place, below);
    mkdirSync(join(folder, "secrets"), { mode: 0o700 });

    await using work = new AsyncDisposableStack();
    const { plan, mounts } = await this.#files.see(
      overlay,
      async (seen) => {
        const mounts = work.use(
          await prepareMounts(this.#mountsOf(step), { folder, seen, files: this.#files, signal }),
        );
        const plan = planContainer(
          {
            profile: "docker",
            hostname,
            entrypoint: step.argv,
            env: step.env,
            workdir: seen.resolve(step.cwd),
            user: step.user,
            network: step.network === "default" ? "bridge" : step.network,
            mounts: mounts.requests,
          },
          { config: {}, facts: seen.facts(step.platform.architecture), engine: info, host: this.#host() },
        );
        const usual = usualPoints.map(({ path, type }) => ({ path: seen.resolve(path), type }));
        makeMountPoints(points, seen, [...usual, ...mounts.points]);
        return { plan, mounts };
      },
      { signal },
    );
    this.#mustHave(plan.user, step.user);
    const network = work.use(await this.#connect(id, folder, plan, signal));
    const runtime = new Runtime(this.#runtime, folder);
    const spec = runtimeSpec(plan, {
      root: overlay.root,
      cgroupsPath: this.#ids.inUserNamespace ? undefined : cgroupOf(id),
      files: Object.fromEntries(Object.entries(network.files).filter(([path]) => path !== "/etc/hostname")),
      joined: network.joined.net === undefined ? {} : { net: join(folder, "network") },
      hostname,
      singleId: this.#ids.single,
      foreignNetwork: this.#ids.inUserNamespace && plan.namespaces.network === "host",
    });
    writeFileSync(join(folder, "config.json"), JSON.stringify(spec), { mode: 0o600 });
    writeFileSync(join(folder, "network"), "");
    work.defer(() => leaveCgroups(id));
    const exitCode = await runProgram(
      {
        folder,
        command: runtime.command(join(folder, "log"), "run", "--bundle", folder, "--pid-file", join(folder, "pid"), id),
        attempt: `run "${step.argv[0] ?? ""}" with ${runtime.name}`,
        overlays: [overlay, ...mounts.overlays].map((one) => this.#files.overlay(one)),
        network: network.joined.net,
        secrets: mounts.secrets,
        hide: runtime.isCrun ? readHost().hybridControllers : undefined,
      },
      { signal, onOutput },
    );
    const kept = undo.move();
    return { exitCode, changes: overlay.upper, [Symbol.asyncDispose]: () => kept.disposeAsync() };
  }

  /** Takes away what its steps have left that nobody disposed of. Bases stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    await removeFolder(this.#folder);
  }

  async #prepare(): Promise<EngineInfo> {
    takeFolder(this.#folder);
    await sweep(join(this.#root, "steps"), this.#networks);
    await sweepUnfinished(basesFolder(this.#root, this.#ids));
    const info = await runcInfo(this.#runtime, this.#root);
    // Its root may not connect this machine's interfaces.
    return this.#ids.inUserNamespace ? { ...info, networks: ["none", "host"], limits: [] } : info;
  }

  #mountsOf({ mounts }: Step): Step["mounts"] {
    return mounts.map((mount) => ("uid" in mount ? { ...mount, ...ownerHere(mount, this.#ids) } : mount));
  }

  #mustHave({ uid, gid }: ResolvedUser, name: string): void {
    if (!this.#ids.single || (uid === 0 && gid === 0)) return;
    throw new RunnerError("UNSUPPORTED", `Cannot run as user "${name}" (${uid}:${gid}): there is one id here, root's`, {
      hint: moreIds,
    });
  }

  /** What root of a user namespace has of this capability ends there: it raises no limits of this machine. */
  #host(): Host {
    const host = readHost();
    if (!this.#ids.inUserNamespace) return host;
    return { ...host, capabilities: host.capabilities.filter((name) => name !== "CAP_SYS_RESOURCE") };
  }

  async #connect(
    id: string,
    folder: string,
    plan: ContainerPlan,
    signal: AbortSignal | undefined,
  ): Promise<Connection> {
    const image = { id: digestOf(""), name: "" };
    const record = { id, name: hostname, engine: "runc", image, created: "", plan } as const;
    return await this.#networks.connect({ record, folder, hostname }, { signal });
  }
}

const usualPoints: readonly MountPoint[] = [
  { path: "/proc", type: "directory" },
  { path: "/dev", type: "directory" },
  { path: "/sys", type: "directory" },
  { path: "/etc/hosts", type: "file" },
  { path: "/etc/resolv.conf", type: "file" },
];

function networksOf(root: string): Networks {
  return new Networks({
    root,
    find: async (name) => {
      throw new RunnerError("NOT_FOUND", `Cannot join container "${name}": steps have no others`);
    },
  });
}

/** Removes what a runtime that was killed left: who was in it may take a moment to be gone. */
async function leaveCgroups(id: string): Promise<void> {
  for (const deadline = Date.now() + patience; !removeCgroups(id) && Date.now() < deadline;) await delay(10);
}

/** Takes away the steps of processes that were killed. */
async function sweep(folder: string, networks: Networks): Promise<void> {
  for (const left of abandonedFolders(folder)) {
    for (const id of readdirSync(left).filter((each) => /^[0-9a-f]{12}$/.test(each))) {
      removeCgroups(id);
      await networks.cleanUp(id);
    }
    await removeFolder(left);
  }
}
