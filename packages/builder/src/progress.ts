/** What a build tells while it runs; every event names things as the user wrote them. Sizes are bytes, times milliseconds. */
export type BuildEvent =
  | { readonly type: "base"; readonly place: string; readonly platform: string; readonly digest: string }
  | {
      /** A program of a Dockerfile begins. */
      readonly type: "step-start";
      /** Unique within the build. */
      readonly id: string;
      /** The instruction. */
      readonly text: string;
      /** Its stage, where there are several. */
      readonly stage?: string | undefined;
      readonly platform: string;
    }
  /** A line that the program wrote, without its end. */
  | { readonly type: "step-output"; readonly id: string; readonly line: string }
  /** The program has ended by itself, well or not: one that was ended, or could not begin, is told no more of. */
  | { readonly type: "step-done"; readonly id: string; readonly ms: number }
  | {
      readonly type: "layer-start";
      /** Unique within the build. */
      readonly id: string;
      readonly name: string;
      readonly platforms: readonly string[];
      readonly entries: number;
      readonly size: number;
    }
  /** `done` uncompressed bytes of the layer's files so far. */
  | { readonly type: "layer-progress"; readonly id: string; readonly done: number }
  | {
      readonly type: "layer-done";
      readonly id: string;
      readonly reuse: LayerReuse;
      readonly digest: string;
      readonly diffId: string;
      readonly size: number;
      readonly ms: number;
    }
  | { readonly type: "image"; readonly platform: string; readonly digest: string }
  | { readonly type: "warning"; readonly message: string };

/**
 * Why a layer was not packed again: "stat" (no file opened), "content" (read, found equal, not
 * compressed), "base" (nothing to do, it is the base's); "none" means it was packed.
 */
export type LayerReuse = "stat" | "content" | "none";
