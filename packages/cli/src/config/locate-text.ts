import type { SourceLocation } from "@lading/builder";

/** Where the text between two offsets stands in a file. */
export function locateText(text: string, file: string, start: number, end: number): SourceLocation {
  // An error at the very end stands on the last line that has text.
  const before = text.slice(0, Math.min(start, text.trimEnd().length)).split("\n");
  const line = before.length;
  const column = (before.at(-1)?.length ?? 0) + 1;
  const all = text.split(/\r?\n/);
  const own = all[line - 1] ?? "";
  const above = all[line - 2];
  const context = [
    ...(above === undefined || above.trim() === "" ? [] : [{ number: line - 1, text: above.replaceAll("\t", " ") }]),
    { number: line, text: own.replaceAll("\t", " ") },
  ];
  const length = Math.max(1, Math.min(end - start, own.trimEnd().length - (column - 1)));
  return { file, line, column, length, context };
}
