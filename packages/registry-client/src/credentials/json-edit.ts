/**
 * Changes one member of a JSON document and leaves every other character as it is: other programs'
 * settings, their order, numbers of any length. `path` leads through objects, which are made where
 * they are missing or null; `value` undefined takes the member away. The text must be JSON whose
 * root is an object.
 */
export function editJson(text: string, path: readonly string[], value: unknown): string {
  let start = skipBlank(text, 0);
  for (const [depth, key] of path.entries()) {
    const members = membersOf(text, start);
    // Parsers take the last of several.
    const member = members.findLast((each) => each.key === key);
    const last = depth === path.length - 1;
    if (member === undefined)
      return value === undefined
        ? text
        : insert(text, start, members, key, nest(path.slice(depth + 1), value), depth + 1);
    if (last)
      return value === undefined ? remove(text, start, members, member) : replace(text, member, value, depth + 1);
    if (text[member.valueStart] !== "{")
      return value === undefined ? text : replace(text, member, nest(path.slice(depth + 1), value), depth + 1);
    start = member.valueStart;
  }
  return text;
}

/** The white space that one level is indented by; undefined when the document is on one line. */
function indentOf(text: string): string | undefined {
  if (!text.trim().includes("\n")) return undefined;
  return /\n([ \t]+)"/.exec(text)?.[1] ?? "\t";
}

interface Member {
  readonly key: string;
  readonly start: number;
  readonly valueStart: number;
  /** After the last character of the value. */
  readonly end: number;
}

function membersOf(text: string, start: number): readonly Member[] {
  const members: Member[] = [];
  let at = skipBlank(text, start + 1);
  while (text[at] === '"') {
    const keyEnd = valueEnd(text, at);
    const key: unknown = JSON.parse(text.slice(at, keyEnd));
    const valueStart = skipBlank(text, skipBlank(text, keyEnd) + 1);
    const end = valueEnd(text, valueStart);
    members.push({ key: String(key), start: at, valueStart, end });
    at = skipBlank(text, end);
    if (text[at] === ",") at = skipBlank(text, at + 1);
  }
  return members;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\r\n".includes(text.charAt(at))) at++;
  return at;
}

// Where the value that begins at `from` ends; the text is known to be JSON.
function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"') {
      for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++;
      if (depth === 0) return at + 1;
    } else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") {
      if (--depth === 0) return at + 1;
      if (depth < 0) return at;
    } else if (depth === 0 && " \t\r\n,".includes(char)) return at;
  }
  return text.length;
}

function replace(text: string, member: Member, value: unknown, depth: number): string {
  return text.slice(0, member.valueStart) + write(text, value, depth) + text.slice(member.end);
}

function insert(
  text: string,
  object: number,
  members: readonly Member[],
  key: string,
  value: unknown,
  depth: number,
): string {
  const indent = indentOf(text);
  const line = `${JSON.stringify(key)}:${indent === undefined ? "" : " "}${write(text, value, depth)}`;
  const before = indent === undefined ? "" : `\n${indent.repeat(depth)}`;
  const last = members.at(-1);
  if (last !== undefined) return `${text.slice(0, last.end)},${before}${line}${text.slice(last.end)}`;
  const after = indent === undefined ? "" : `\n${indent.repeat(depth - 1)}`;
  return `${text.slice(0, object + 1)}${before}${line}${after}${text.slice(skipBlank(text, object + 1))}`;
}

// With the comma before it, or, of the first, the one after it; an object without members is closed up.
function remove(text: string, object: number, members: readonly Member[], member: Member): string {
  const index = members.indexOf(member);
  const before = members[index - 1];
  const after = members[index + 1];
  if (before !== undefined) return text.slice(0, before.end) + text.slice(member.end);
  if (after !== undefined) return text.slice(0, member.start) + text.slice(after.start);
  return text.slice(0, object + 1) + text.slice(skipBlank(text, member.end));
}

function write(text: string, value: unknown, depth: number): string {
  const indent = indentOf(text);
  return JSON.stringify(value, undefined, indent).replaceAll("\n", `\n${(indent ?? "").repeat(depth)}`);
}

function nest(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}
