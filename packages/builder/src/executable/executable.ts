import { open, realpath } from "node:fs/promises";
import { basename, dirname, relative, sep } from "node:path";
import { formatPlatform, parsePlatform, type Platform } from "@lading/oci";
import { BuildError } from "../errors.ts";
import { imageNameOf } from "../image-name.ts";
import { literalSource } from "../list/glob.ts";
import type { AddSpec, BuildSpec } from "../spec.ts";
import { type Elf, readElf } from "./elf.ts";
import { type ProgramFormat, programFormat } from "./program-format.ts";
import { nameWithoutPlatform, siblingProgram } from "./sibling-programs.ts";

export interface ExecutableOptions {
  /** Absolute path of the folder that sources are relative to, above the file. Default: the one that the file is in. */
  readonly context?: string | undefined;
  /** How messages call the file. Default: its path. */
  readonly shown?: string | undefined;
  /** What was asked for instead of what the file says. */
  readonly asked?: Pick<BuildSpec, "from" | "platforms"> | undefined;
}

export interface DescribedExecutable {
  readonly spec: BuildSpec;
  /** Absolute: the folder that was given, or one above it with the program for all platforms. */
  readonly context: string;
}

/** Nobody in particular, without a home and without rights; as in distroless images. */
const nobody = "65532:65532";

/** Whether a file is a program of any kind, by how it begins. */
export async function isExecutable(path: string): Promise<boolean> {
  return (await formatOf(path)) !== undefined;
}

/**
 * Describes the image of a program that is one executable file: on nothing when it is static. Its platform is what its
 * headers say; for others the program is looked for beside it, by names that differ in the architecture only. Throws BuildError.
 */
export async function describeExecutable(
  path: string,
  { context, shown = path, asked = {} }: ExecutableOptions = {},
): Promise<DescribedExecutable> {
  const from = asked.from ?? "scratch";
  const program = await readProgram(path, shown, from);
  const programs =
    asked.platforms === undefined
      ? [{ path: await realpath(path), platform: formatPlatform(program.platform) }]
      : await programsFor(asked.platforms.map(readPlatform), { path, shown, from, program });
  const folder = commonFolder([await realpath(context ?? dirname(path)), ...programs.map((one) => dirname(one.path))]);
  const several = programs.length > 1;
  const file = nameWithoutPlatform(basename(path), program.platform.architecture);
  const name = imageNameOf(file);
  return {
    spec: {
      ...(name === "" ? {} : { name }),
      from,
      platforms: programs.map(({ platform }) => platform),
      layers: [
        {
          name: "program",
          add: programs.map((one): AddSpec => {
            const src = [literalSource(relative(folder, one.path).split(sep).join("/"))];
            // Who names a file means it.
            const add: AddSpec = { src, dest: `/${file}`, mode: "0755", ignore: false };
            return several ? Object.assign(add, { platform: [one.platform] }) : add;
          }),
        },
      ],
      entrypoint: [`/${file}`],
      user: nobody,
    },
    context: folder,
  };
}

interface Program {
  readonly platform: Platform;
}

/** Throws BuildError for what cannot run in an image on `from`. */
async function readProgram(path: string, shown: string, from: string): Promise<Program> {
  const format = await formatOf(path);
  if (format?.kind !== "elf") throw notForLinux(shown, format);
  let elf: Elf;
  try {
    elf = await readElf(path);
  } catch (cause) {
    throw new BuildError("SOURCE_UNREADABLE", `Cannot read the program "${shown}"`, { cause });
  }
  const { kind, architecture, foreignSystem, interpreter } = elf;
  const cannot = `Cannot build from "${shown}"`;
  if (kind !== "program")
    throw new BuildError("SPEC", `${cannot}: it is ${kind === "object file" ? "an" : "a"} ${kind}, and no program`);
  if (foreignSystem !== undefined)
    throw new BuildError("SPEC", `${cannot}: it is a program for ${foreignSystem}, and images are run by Linux`);
  if (architecture === undefined)
    throw new BuildError("SPEC", `${cannot}: the processor that it is for is not known here`, {
      hint: "Add it to a description that says its platform: --from scratch --add FILE:/FILE --platform OS/ARCH",
    });
  if (interpreter !== undefined && from === "scratch")
    throw new BuildError(
      "SPEC",
      `${cannot} without a base: it is linked dynamically, and needs ${interpreter} and its libraries`,
      { hint: `Name a base that has them with --from, ${baseFor(interpreter)}, or link it statically` },
    );
  return { platform: parsePlatform(`linux/${architecture}`) };
}

function baseFor(interpreter: string): string {
  return interpreter.includes("musl") ? "for instance alpine" : "for instance debian:stable-slim";
}

function notForLinux(shown: string, format: Exclude<ProgramFormat, { kind: "elf" }> | undefined): BuildError {
  const cannot = `Cannot build from "${shown}"`;
  if (format?.kind === "foreign")
    return new BuildError("SPEC", `${cannot}: it is a program for ${format.system}, and images are run by Linux`, {
      hint: "Compile it for Linux: GOOS=linux for Go, --target x86_64-unknown-linux-musl for Rust",
    });
  if (format?.kind === "script")
    return new BuildError("SPEC", `${cannot}: it is a script, which ${format.interpreter} runs`, {
      hint: `Put it on a base that has what runs it: --from BASE --add ${shown}:/${basename(shown)} --entrypoint /${basename(shown)}`,
    });
  return new BuildError("SPEC", `${cannot}: it is no program`);
}

/** The program for each platform: the given file, or the one that is called like it. Where links lead is not in the image. */
async function programsFor(
  platforms: readonly Platform[],
  { path, shown, from, program }: { path: string; shown: string; from: string; program: Program },
): Promise<readonly { readonly path: string; readonly platform: string }[]> {
  const own = program.platform.architecture;
  const programs = [];
  for (const platform of platforms) {
    const wanted = formatPlatform(platform);
    const cannot = `Cannot build "${shown}" for ${wanted}`;
    if (platform.os !== "linux") throw new BuildError("SPEC", `${cannot}: it is a program for Linux`);
    if (platform.architecture === own) {
      programs.push({ path: await realpath(path), platform: wanted });
      continue;
    }
    const { path: other, tried } = siblingProgram(path, own, platform.architecture);
    if (other === undefined)
      throw new BuildError("SPEC", `${cannot}: it is a program for ${formatPlatform(program.platform)}`, {
        hint:
          tried[0] === undefined
            ? `With ${own} in its name or a folder's, the one beside it with ${platform.architecture} is taken`
            : `There is no ${relative(process.cwd(), tried[0])} either`,
      });
    const otherShown = relative(process.cwd(), other);
    const found = await readProgram(other, otherShown, from);
    if (found.platform.architecture !== platform.architecture)
      throw new BuildError(
        "SPEC",
        `Cannot build "${otherShown}" for ${wanted}: it is a program for ${formatPlatform(found.platform)}, whatever its name says`,
      );
    programs.push({ path: await realpath(other), platform: wanted });
  }
  return programs;
}

function readPlatform(text: string): Platform {
  try {
    return parsePlatform(text);
  } catch (cause) {
    throw new BuildError("SPEC", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function formatOf(path: string): Promise<ProgramFormat | undefined> {
  const file = await open(path).catch((cause: unknown) => {
    throw new BuildError("SOURCE_UNREADABLE", `Cannot read "${path}"`, { cause });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return programFormat(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** The lowest folder that is above all of these absolute paths, or one of them. */
function commonFolder([first = "/", ...others]: readonly string[]): string {
  let folder = first;
  for (const other of others) while (relative(folder, other).split(sep)[0] === "..") folder = dirname(folder);
  return folder;
}
