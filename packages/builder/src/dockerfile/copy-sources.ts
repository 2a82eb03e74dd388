import type { Base } from "../base/base.ts";
import { readIgnoreFile } from "../list/ignore.ts";
import type { Matcher } from "../list/patterns.ts";
import type { BuildRequest } from "../result.ts";
import { DiskFiles } from "./disk-files.ts";
import { blaming, dockerfileError } from "./dockerfile-error.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import type { ResultOf } from "./evaluation.ts";
import { type ContentsOfLayers, imageFiles } from "./image-files.ts";
import { namedContext } from "./named-context.ts";
import type { SourceFiles } from "./source-files.ts";
import type { StageImages } from "./stage-images.ts";
import type { At, StageResult } from "./stage-work.ts";
import { findStage } from "./stages.ts";
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

  /** What `--from` names: a context, which goes before a stage that is called so, a stage above, or an image. Throws DockerfileError at `word`. */
  async named(file: Dockerfile, word: Word, name: string, { stages, stage, target }: At): Promise<SourceFiles> {
    const { dockerfile, images, result } = this.#options;
    const folder = this.folder(name);
    if (folder !== undefined) return folder;
    const isPlace = namedContext(dockerfile.contexts, name) !== undefined;
    const found = isPlace ? undefined : findStage(stages.all.slice(0, stage.index), name);
    if (found !== undefined) return await this.#filesOf(`stage "${name}"`, await result(stages, found, target));
    if (!isPlace && findStage(stages.all, name) !== undefined)
      throw dockerfileError(file, word, `Stage "${name}" is not above this one`, {
        hint: "A stage copies from stages that stand before it",
      });
    const base = await blaming(file, word, () => images.open(name, target));
    return await this.#filesOf(`image "${name}"`, base);
  }

  /** The folder that is given as the context of a name; undefined when none is. */
  folder(name: string): DiskFiles | undefined {
    const { request, dockerfile } = this.#options;
    const context = namedContext(dockerfile.contexts, name);
    if (context === undefined || !("folder" in context)) return undefined;
    const { folder } = context;
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
