// Compiles the deflate compressor to wasm/deflate.wasm, unless that is newer than every source.
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const sources = new URL("./", import.meta.url);
const output = new URL("../wasm/deflate.wasm", import.meta.url);

const newest = Math.max(...readdirSync(sources).map((name) => statSync(new URL(name, sources)).mtimeMs));
const built = statSync(output, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (built <= newest) {
  mkdirSync(new URL("./", output), { recursive: true });
  const { default: asc } = await import("assemblyscript/asc");
  const { error, stderr } = await asc.main([
    fileURLToPath(new URL("index.ts", sources)),
    ...["--outFile", fileURLToPath(output)],
    ...["-O3", "--noAssert", "--runtime", "stub", "--use", "abort="],
    ...["--enable", "simd", "--initialMemory", "64", "--maximumMemory", "64"],
  ]);
  process.stderr.write(stderr.toString());
  if (error) process.exitCode = 1;
}
