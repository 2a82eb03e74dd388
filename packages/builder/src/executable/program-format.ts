/** What kind of program a file is by how it begins; undefined for what is none. */
export type ProgramFormat =
  | { readonly kind: "elf" }
  | { readonly kind: "foreign"; readonly system: "macOS" | "Windows" }
  | { readonly kind: "script"; readonly interpreter: string };

/** Tells it by a file's first 4 KiB. */
export function programFormat(beginning: Uint8Array): ProgramFormat | undefined {
  const text = Buffer.from(beginning).toString("latin1");
  if (text.startsWith("\x7fELF")) return { kind: "elf" };
  // Mach-O in both byte orders and word sizes, and several in one: a Java class, which begins as those do, has a
  // version of 45 or more where they have a count.
  if (/^(?:\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe\0\0\0[\x01-\x2c])/.test(text))
    return { kind: "foreign", system: "macOS" };
  if (isPortableExecutable(text)) return { kind: "foreign", system: "Windows" };
  const interpreter = /^#![ \t]*([^\n]*\S)/.exec(text)?.[1];
  return interpreter === undefined ? undefined : { kind: "script", interpreter };
}

// The old header for DOS says where the new one is.
function isPortableExecutable(text: string): boolean {
  if (!text.startsWith("MZ") || text.length < 64) return false;
  const offset = Buffer.from(text.slice(0x3c, 0x40), "latin1").readUInt32LE();
  return text.startsWith("PE\0\0", offset);
}
