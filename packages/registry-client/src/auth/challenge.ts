/** One challenge of a `WWW-Authenticate` header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case: "basic", "bearer". */
  readonly scheme: string;
  /** Names in lower case. A Map, since the names are the server's choice. */
  readonly params: ReadonlyMap<string, string>;
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const space = /[ \t]*/y;
const separators = /[ \t,]*/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
// More than RFC 9110 allows: registries are seen to send `realm=/` and bare URLs.
const bare = /[^\s",]+/y;
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Parses the values of all `WWW-Authenticate` headers; each may hold several challenges. Of a
 * parameter that is there twice the first counts. Throws SyntaxError.
 */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] {
  return headers.flatMap(parseHeader);
}

function parseHeader(text: string): Challenge[] {
  const fail = (at: number): SyntaxError =>
    new SyntaxError(`Cannot parse challenge ${JSON.stringify(text.slice(0, 200))}: unexpected text at ${at + 1}`);

  const challenges: { scheme: string; params: Map<string, string> }[] = [];
  let at = 0;
  const read = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match ?? undefined;
  };
  const endOfItem = (): void => {
    read(space);
    if (at < text.length && text[at] !== ",") throw fail(at);
  };

  for (read(separators); at < text.length; read(separators)) {
    const name = read(token)?.[0].toLowerCase();
    if (name === undefined) throw fail(at);
    const afterName = at;
    read(space);

    if (text[at] === "=") {
      const params = challenges.at(-1)?.params;
      if (params === undefined) throw fail(at);
      at += 1;
      read(space);
      const value = read(quoted)?.[1]?.replaceAll(/\\(.)/g, "$1") ?? read(bare)?.[0];
      if (value === undefined) throw fail(at);
      if (!params.has(name)) params.set(name, value);
      endOfItem();
      continue;
    }

    challenges.push({ scheme: name, params: new Map() });
    if (at === text.length || text[at] === ",") continue;
    // What follows a scheme is a token68 (of Negotiate, say; of no use here) or its first parameter.
    if (at === afterName) throw fail(at);
    if (read(token68) !== undefined) continue;
    const start = at;
    if (read(token) === undefined || (read(space), text[at] !== "=")) throw fail(at);
    at = start;
  }
  return challenges;
}
