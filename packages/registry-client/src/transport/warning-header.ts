// distribution-spec §Warnings: `299 - "text"` and nothing else; other forms are to be ignored.
const pattern = /^299 - "((?:[^"\\\p{Cc}]|\\[^\p{Cc}])*)"$/u;

/** What a `Warning` header tells the user; undefined when it is none that a registry should send. */
export function parseWarning(header: string): string | undefined {
  const text = pattern.exec(header)?.[1]?.replace(/\\(.)/gsu, "$1");
  return text === "" ? undefined : text;
}
