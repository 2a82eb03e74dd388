import type { Base } from "../base/base.ts";
import { BuildError } from "../errors.ts";
import { readIgnoreFile } from "../list/ignore.ts";
import type { Matcher } from "../list/patterns.ts";
import type { BuildRequest } from "../result.ts";
import { DiskFiles } from "./disk-files.ts";
import { blaming } from "./dockerfile-error.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import type { ResultOf } from "./evaluation.ts";
import { type ContentsOfLayers, imageFiles } from "./image-files.ts";
import type { SourceFiles } from "./source-files.ts";
import type { StageImages } from "./stage-images.ts";
import type { At, StageResult } from "./stage-work.ts";
import { namedSource } from "./stages.ts";
import type { Dockerfile, Word } from "./syntax.ts";

/** Where a build's COPYs take from. */
export interface CopySourcesOptions {
  readonly request: BuildRequest;
  readonly dockerfile: DockerfileRequest;
  /** Of the context. */
  readonly ignore: Matcher | undefined;
  readonly images: StageImages;
  readonly contents: ContentsOfLayers;
  readonly result: ResultOf;
}

/** The context, named contexts, stages and images, each read once whoever copies from it. */
export class CopySources {
  readonly #options: CopySourcesOptions;
  readonly #files = new Map<Base | StageResult, Promise<SourceFiles>>();
  readonly #folders = new Map<string, DiskFiles>();

  constructor(options: CopySourcesOptions) {
    this.#options = options;
  }

  /** The files of the build's context. */
  get context(): DiskFiles {
    return this.#folder(this.#options.request.context, "the context", () => this.#options.ignore);
  }

  /** The files of what `--from` names. Throws DockerfileError at `word`. */
  async named(file: Dockerfile, word: Word, name: string, at: At): Promise<SourceFiles> {
    const source = await blaming(file, word, () => this.find(name, at));
    if (source instanceof DiskFiles) return source;
    return await this.#filesOf(`${"found" in source ? "image" : "stage"} "${name}"`, source);
  }

  /** What `--from` names: a context, a stage above, or an image. Throws BuildError. */
  async find(name: string, { stages, stage, target }: At): Promise<DiskFiles | StageResult | Base> {
    const { request, dockerfile, images, result } = this.#options;
    const source = namedSource(name, stages, stage, dockerfile.contexts);
    if ("stage" in source) return await result(stages, source.stage, target);
    if ("place" in source) return await images.open(source.place, target);
    if ("notAbove" in source)
      throw new BuildError("SPEC", `Stage "${name}" is not above this one`, {
        hint: "A stage copies and mounts from stages that stand before it",
      });
    const { folder } = source;
    return this.#folder(folder, `"${name}"`, () => readIgnoreFile(folder, undefined, request.outputs));
  }

  #folder(path: string, name: string, ignore: () => Matcher | undefined): DiskFiles {
    const key = `${name}\0${path}`;
    let files = this.#folders.get(key);
    if (files === undefined) this.#folders.set(key, (files = new DiskFiles(path, name, ignore())));
    return files;
  }

  async #filesOf(name: string, from: Base | StageResult): Promise<SourceFiles> {
    let files = this.#files.get(from);
    if (files === undefined) {
      files = imageFiles(name, "found" in from ? { base: from, layers: [] } : from, this.#options.contents);
      this.#files.set(from, files);
    }
    return await files;
  }
}
