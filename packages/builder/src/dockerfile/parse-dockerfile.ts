import { DockerfileError, dockerfileError, type DockerfileIssue } from "./dockerfile-error.ts";
import { readDirectives } from "./directives.ts";
import { readHeredocs } from "./heredocs.ts";
import { InstructionText } from "./instruction-text.ts";
import { LineReader, trimLineEnd } from "./logical-line.ts";
import { parseInstruction } from "./parse-instruction.ts";
import type { ArgInstruction, Dockerfile, FromInstruction, Instruction } from "./syntax.ts";

// More tell a person nothing.
const maxIssues = 10;

/**
 * Reads a Dockerfile. `name` is how messages call it. Throws DockerfileError with what is wrong with all of its
 * instructions, ten things at most.
 */
export function parseDockerfile(text: string, name: string): Dockerfile {
  const raw = text.replace(/^\uFEFF/, "").split(/(?<=\n)/);
  const lines = raw.map(trimLineEnd);
  const directives = readDirectives({ name, lines });
  const file = { name, lines, escape: directives.escape };
  const reader = new LineReader(raw, file.escape, directives.lines);
  const issues: DockerfileIssue[] = [];
  const args: ArgInstruction[] = [];
  const stages: { readonly from: FromInstruction; readonly instructions: Instruction[] }[] = [];

  for (let statement = reader.next(); statement !== undefined; statement = reader.next()) {
    const { line, comments } = statement;
    try {
      const heredocs = readHeredocs(file, line, reader);
      const source = new InstructionText(file, line, heredocs);
      const instruction = {
        ...parseInstruction(source),
        endLine: reader.line,
        ...(comments.length === 0 ? {} : { comments }),
        ...(line.blankLines.length === 0 ? {} : { blankLines: line.blankLines }),
      };
      const stage = stages.at(-1);
      if (instruction.keyword === "FROM") stages.push({ from: instruction, instructions: [] });
      else if (stage !== undefined) stage.instructions.push(instruction);
      else if (instruction.keyword === "ARG") args.push(instruction);
      // One that could not be read may have been FROM.
      else if (issues.length === 0)
        throw source.error(
          source.keyword,
          `${instruction.keyword} stands before FROM`,
          "Only ARG may stand before the first FROM",
        );
    } catch (error) {
      if (!(error instanceof DockerfileError)) throw error;
      issues.push(...error.issues);
      if (issues.length >= maxIssues) break;
    }
  }

  if (issues.length > 0) throw new DockerfileError(issues.slice(0, maxIssues));
  if (stages.length > 0) {
    const { lines: _, ...kept } = directives;
    return { name, lines, ...kept, args, stages };
  }
  const last = args.at(-1);
  if (last !== undefined)
    throw dockerfileError(file, last, "No FROM follows", { hint: "Write FROM and an image, or FROM scratch" });
  throw new DockerfileError([
    { message: `Cannot read "${name}": it has no instructions`, hint: "Begin with FROM and an image, or FROM scratch" },
  ]);
}
