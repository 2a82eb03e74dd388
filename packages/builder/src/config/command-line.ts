import { BuildError } from "../errors.ts";

/**
 * Splits a command as a shell would: at blanks, with quotes and backslashes taken away (POSIX XCU
 * §2.2). Nothing is expanded, since no shell will run it. Throws BuildError SPEC for what only a
 * shell can do: pipes, redirections, substitutions.
 */
export function splitCommand(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const { 0: token, index } of text.matchAll(/\s+|'[^']*'|"(?:[^"\\]|\\[^])*"|\\[^]|[^\s'"\\|&;<>()$`]+|[^]/g)) {
    if (/^\s/.test(token)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + unquote(token, text, index + token.length);
  }
  if (word !== undefined) words.push(word);
  return words;
}

function unquote(token: string, text: string, end: number): string {
  if (token.length > 1 && token.startsWith("'")) return token.slice(1, -1);
  if (token.length > 1 && token.startsWith('"')) {
    if (/(?<!\\)(?:\\\\)*(?:\$[\w({]|`)/.test(token)) throw refuse(text, "nothing is expanded in it");
    return token.slice(1, -1).replaceAll(/\\([\\"$`]|\n)/g, (_, escaped: string) => (escaped === "\n" ? "" : escaped));
  }
  if (token.length > 1 && token.startsWith("\\")) return token === "\\\n" ? "" : token.slice(1);
  if (token === "'" || token === '"') throw refuse(text, `the quote ${token} is not closed`);
  if (token === "\\") throw refuse(text, "it ends in a backslash");
  if (token === "$") {
    if (/^[\w({'"]/.test(text.slice(end))) throw refuse(text, "nothing is expanded in it");
    return token;
  }
  if (/^[|&;<>()`]$/.test(token)) throw refuse(text, `"${token}" means something to a shell only`);
  return token;
}

function refuse(text: string, detail: string): BuildError {
  return new BuildError("SPEC", `Cannot split the command ${JSON.stringify(text)}: ${detail}`, {
    hint: 'Write a list, which is taken as it is: ["sh", "-c", "…"] to have a shell run it',
  });
}
