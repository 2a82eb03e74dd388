import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ContainerConfig, digestOf, openImage, readFiles, readTree, type Source } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { onTestFinished } from "vitest";
import { build } from "../build.ts";
import type { BuildEvent } from "../progress.ts";
import type { BuildRequest, BuildResult } from "../result.ts";
import { buildSpecSchema, type BuildSpecInput } from "../spec.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import type { DockerfileRequest, FetchedFile } from "./dockerfile-request.ts";
import { parseDockerfile } from "./parse-dockerfile.ts";

interface Options extends Partial<Omit<DockerfileRequest, "file">> {
  /** Files of the context: text, or "-> target" for a symlink. */
  readonly files?: Readonly<Record<string, string>>;
  readonly request?: Partial<BuildRequest>;
  readonly spec?: BuildSpecInput;
}

/** A folder to build Dockerfiles in. */
export class Workspace {
  readonly context: string;
  readonly cacheDir: string;
  /** What `locate` finds. */
  readonly images = new Map<string, BuildResult>();
  readonly warnings: string[] = [];
  readonly events: BuildEvent[] = [];

  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.context = join(folder, "context");
    this.cacheDir = join(folder, "cache");
    mkdirSync(this.context);
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      const disk = join(this.context, path);
      mkdirSync(dirname(disk), { recursive: true });
      if (text.startsWith("-> ")) symlinkSync(text.slice(3), disk);
      else writeFileSync(disk, text);
    }
  }

  request(text: string, { files = {}, request, spec, ...dockerfile }: Options = {}): BuildRequest {
    this.write(files);
    return {
      spec: buildSpecSchema.parse({ platforms: ["linux/amd64"], ...spec }),
      dockerfile: { file: parseDockerfile(text, "Dockerfile"), ...dockerfile },
      context: this.context,
      cacheDir: this.cacheDir,
      locate: async (place) => {
        const found = this.images.get(place);
        if (found === undefined) throw new Error(`There is no ${place}`);
        return found;
      },
      onEvent: (event) => {
        this.events.push(event);
        if (event.type === "warning") this.warnings.push(event.message);
      },
      ...request,
    };
  }

  build(text: string, options?: Options): Promise<BuildResult> {
    return build(this.request(text, options));
  }

  /** A file as `fetch` gives it. */
  fetched(content: string | Uint8Array, mtime?: number): FetchedFile {
    const bytes = Buffer.from(content);
    const digest = digestOf(bytes);
    const path = join(this.#folder, digest);
    writeFileSync(path, bytes);
    return { digest, size: bytes.byteLength, mtime, path, open: () => ReadableStream.from([bytes]) };
  }

  /** The error of a build, as `line:column message`. */
  async failure(text: string, options?: Options): Promise<string> {
    const error: unknown = await build(this.request(text, options)).catch((cause: unknown) => cause);
    if (!(error instanceof DockerfileError)) throw new TypeError("expected a DockerfileError", { cause: error });
    const [issue] = error.issues;
    return `${issue?.location?.line}:${issue?.location?.column} ${issue?.message}`;
  }
}

export async function workspace(): Promise<Workspace> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  return new Workspace(folder.path);
}

/** What is in an image: `path mode uid:gid text`, one a line, folders with a slash. */
export async function look({
  source,
  descriptor,
}: {
  source: Source;
  descriptor: BuildResult["descriptor"];
}): Promise<string[]> {
  const image = await openImage(source, descriptor);
  const tree = await readTree(image);
  const texts = new Map<unknown, string>();
  for await (const { node, body } of readFiles(image, tree)) {
    const parts: Uint8Array[] = [];
    for await (const part of body()) parts.push(part);
    texts.set(node.inode, Buffer.concat(parts).toString());
  }
  return [...tree].map(({ path, inode, header: { type, mode, uid, gid, linkname } }) => {
    const what = type === "symlink" ? `-> ${linkname}` : (texts.get(inode) ?? "");
    return `${path}${type === "directory" ? "/" : ""} ${mode.toString(8)} ${uid}:${gid} ${what}`.trimEnd();
  });
}

export async function configOf({ source, descriptor }: BuildResult): Promise<ContainerConfig> {
  return (await openImage(source, descriptor)).config.config ?? {};
}
