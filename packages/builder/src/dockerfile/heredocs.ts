import { dockerfileError, type Quotable } from "./dockerfile-error.ts";
import { shellWords } from "./expand-word.ts";
import type { LineReader, LogicalLine } from "./logical-line.ts";
import type { Heredoc } from "./syntax.ts";
import { parseStrings, splitFlags } from "./words.ts";

const carriers = /^\s*(?:ONBUILD[\t\v\f\r ]+)?(?:ADD|COPY|RUN)[\t\v\f\r ]+/i;

/** Takes the heredocs of an instruction from the lines below it. Throws DockerfileError for one without an end. */
export function readHeredocs(
  file: Quotable & { readonly escape: "\\" | "`" },
  line: LogicalLine,
  reader: LineReader,
): Heredoc[] {
  const keyword = carriers.exec(line.text);
  if (keyword === null || !line.text.includes("<<")) return [];
  const { end } = splitFlags(line.text, keyword[0].length, file.escape);
  if (isJson(line.text.slice(end))) return [];
  return shellWords(line.text).flatMap(({ text, offset }) => {
    const mark = parseHeredocMark(text);
    if (mark === undefined) return [];
    const position = line.position(offset);
    const content = reader.heredoc(mark.name, mark.stripTabs);
    if (content === undefined)
      throw dockerfileError(file, { ...position, text }, `The heredoc ${text} has no end`, {
        hint: `Write a line that is ${mark.name} and nothing else after its content`,
      });
    return [{ name: mark.name, expand: mark.expand, content, ...position }];
  });
}

/** A word like `<<EOF`, `<<-EOF`, `3<<"EOF"`. */
export function parseHeredocMark(word: string): { name: string; stripTabs: boolean; expand: boolean } | undefined {
  const match = /^\d*<<(-?)([^<]*)$/.exec(word);
  const [, dash, written = ""] = match ?? [];
  const [name, ...more] = match === null ? [] : shellWords(written, "removed");
  if (name === undefined || more.length > 0) return undefined;
  return { name: name.text, stripTabs: dash === "-", expand: !/['"]/.test(written.replaceAll(/\\./g, "")) };
}

function isJson(text: string): boolean {
  try {
    return parseStrings(text) !== undefined;
  } catch {
    return true;
  }
}
