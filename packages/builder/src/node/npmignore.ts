/** Reads an .npmignore, which is a .gitignore: a pattern without a slash is for every folder. As patterns of a .dockerignore. */
export function parseNpmignore(text: string): string[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const pattern = line.replace(/(?<!\\)\s+$/, "");
    if (pattern === "" || pattern.startsWith("#")) return [];
    const exception = pattern.startsWith("!");
    const bare = pattern.slice(exception ? 1 : 0).replace(/\/+$/, "");
    if (bare === "") return [];
    const path = bare.includes("/") ? bare.replace(/^\//, "") : `**/${bare}`;
    return [`${exception ? "!" : ""}${path}`];
  });
}
