const token = "[A-Za-z0-9!#$&^_.+-]+";
const pattern = new RegExp(`^(${token}/${token})[ \\t]*(?:;.*)?$`);

/** The media type of Content-Type, without parameters and in lower case; undefined when absent or malformed. */
export function parseContentType(header: string | undefined): string | undefined {
  return pattern.exec(header?.trim() ?? "")?.[1]?.toLowerCase();
}
