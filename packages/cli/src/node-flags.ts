import { setFlagsFromString } from "node:v8";

// Short, and little of it is ours; `run` sees to itself when it has to fetch or build.
const containerCommands: ReadonlySet<string> = new Set(
  "run ps logs exec stop start kill wait rm cp port stats images rmi".split(" "),
);

/** Sets V8 up for a command. Before its code is loaded: V8 takes back none that was kept under other flags. */
export function setUpFor(command: string | undefined): void {
  if (!containerCommands.has(command ?? "")) setUpForImages({ builds: command === "build" });
}

/** Sets V8 up for a command that moves or makes images. Loading what sets it takes as long as a small command. */
export function setUpForImages({ builds }: { readonly builds: boolean }): void {
  // What a build throws away is small and short-lived; a young generation that grows with the number
  // of files (110 MB at 100 000) buys no time. Node 22 to 26 read this when they would grow it.
  setFlagsFromString("--semi-space-growth-factor=1");
  // Most runs end before TurboFan's code pays for its compilation, a sixth of the processor time of a build
  // without changes; the work of long ones is native or WebAssembly. Only unpacking bzip2 gets slower, by a fifth.
  setFlagsFromString("--no-opt");
  // Nothing but a build has WebAssembly to hurry for, which is its compressor. The parser of HTTP is WebAssembly too:
  // the process would wait at its end, 40 ms, for code of it that is optimized for nobody.
  if (!builds) setFlagsFromString("--liftoff-only");
}
