import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

/** How another process opens the same engine: a module that exports `openEngine(settings): Promise<Engine>`. */
export interface Elsewhere {
  /** A file: URL. */
  readonly module: string;
  /** JSON. */
  readonly settings: unknown;
}

export interface ProgramResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the body of an asynchronous function in a Node process of its own; it has the engine, the
 * `values` by their names, and the module's other exports as `module`.
 */
export async function runElsewhere(
  { module, settings }: Elsewhere,
  program: string,
  values: Readonly<Record<string, unknown>>,
): Promise<ProgramResult> {
  const source = `
const module = await import(${JSON.stringify(module)});
const { ${Object.keys(values).join(", ")} } = ${JSON.stringify(values)};
await using engine = await module.openEngine(${JSON.stringify(settings)});
${program}
`;
  const child = spawn(process.execPath, ["--conditions=@lading/source", "--input-type=module", "--eval", source], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const status = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    // Not "close": what it leaves running may hold its streams.
    child.once("exit", resolve);
  });
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  return { status: await status, stdout: await stdout, stderr: await stderr };
}
