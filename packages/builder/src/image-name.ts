/** A file's name as a repository may be called; "" when nothing of it can stay. */
export function imageNameOf(file: string): string {
  return file
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, (between) => (/^(?:[._]|__|-+)$/.test(between) ? between : "-"))
    .replaceAll(/^[._-]+|[._-]+$/g, "");
}
