import { existsSync } from "node:fs";

/** How tools call an architecture in names of files: as Go and OCI do, as uname and Rust do, as Node does. */
const spellings: Readonly<Record<string, readonly string[]>> = {
  "386": ["386", "i386", "i686", "ia32"],
  amd64: ["amd64", "x86_64", "x64"],
  arm: ["arm", "armv7", "armhf"],
  arm64: ["arm64", "aarch64"],
  ppc64le: ["ppc64le", "powerpc64le"],
  riscv64: ["riscv64", "riscv64gc"],
  s390x: ["s390x"],
};

/**
 * The same program for another architecture: a file whose path differs in its name only, as in `dist/app-linux-amd64` or
 * `target/x86_64-unknown-linux-musl/release/app`. Undefined, and what was looked for, when there is none.
 */
export function siblingProgram(
  path: string,
  from: string,
  to: string,
): { readonly path: string | undefined; readonly tried: readonly string[] } {
  const parts = path.split("/");
  const tried = new Set<string>();
  for (const old of spelled(from))
    for (const other of spelled(to)) {
      // The nearest to the file first: a folder above may have such a name by chance.
      for (let first = parts.length - 1; first >= 0; first--) {
        const below = parts.slice(first).map((part) => part.replaceAll(wordOf(old), other));
        const candidate = [...parts.slice(0, first), ...below].join("/");
        if (candidate !== path) tried.add(candidate);
      }
    }
  return { path: [...tried].find((candidate) => existsSync(candidate)), tried: [...tried] };
}

/** A program's name without its platform: "app" for `app-linux-amd64`. */
export function nameWithoutPlatform(name: string, architecture: string): string {
  const words = spelled(architecture).map(escape).join("|");
  return name.replace(new RegExp(`(?<=.)[-_.](?:linux[-_.])?(?:${words})(?:[-_.]linux)?$`), "");
}

function spelled(architecture: string): readonly string[] {
  return spellings[architecture] ?? [architecture];
}

function wordOf(spelling: string): RegExp {
  return new RegExp(`(?<![A-Za-z0-9])${escape(spelling)}(?![A-Za-z0-9])`, "g");
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
