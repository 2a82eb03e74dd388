import { parseReference } from "@lading/oci";
import { BuildError } from "../errors.ts";
import { literalSource } from "../list/glob.ts";
import type { BuildSpec } from "../spec.ts";

export interface StaticSiteOptions {
  /** How messages call the folder. */
  readonly shown: string;
  /** The base that was asked for; a site cannot do without one. */
  readonly from: string | undefined;
  /** The site's folder, relative to the context. Default: the context itself. */
  readonly folder?: string | undefined;
  /** Folder in the image that the base's server serves. Default, on bases that are known: theirs. */
  readonly appRoot?: string | undefined;
}

/** Where images of web servers have what they serve, by the last part of their repository. */
const webRoots: ReadonlyMap<string, string> = new Map([
  ["caddy", "/usr/share/caddy"],
  ["httpd", "/usr/local/apache2/htdocs"],
  ["nginx", "/usr/share/nginx/html"],
  ["nginx-unprivileged", "/usr/share/nginx/html"],
]);

/** What belongs to those who write the site, and not to those who read it. */
const never: readonly string[] = [
  "**/.git",
  "**/.gitignore",
  "**/.gitattributes",
  ".github",
  ".gitlab-ci.yml",
  ".dockerignore",
  ".containerignore",
  ".ladingignore",
  "lading.*",
  ".vscode",
  ".idea",
  ".env",
  ".env.*",
  "**/.DS_Store",
  "node_modules",
];

/** Describes the image of a folder of files that a web server serves: on the server's image, in its folder. Throws BuildError. */
export function describeStaticSite({ shown, from, folder = ".", appRoot }: StaticSiteOptions): BuildSpec {
  if (from === undefined)
    throw new BuildError("SPEC", `Cannot build the site in "${shown}" without a base that serves it`, {
      hint: "Name a web server's image with --from: nginx:alpine, caddy or httpd; `lading init --from` writes it down",
    });
  const root = appRoot ?? webRootOf(from);
  if (root === undefined)
    throw new BuildError(
      "SPEC",
      `Cannot build the site in "${shown}" on ${from}: which folder it serves is not known`,
      {
        hint: "Name the folder with --app-root, for instance /usr/share/nginx/html",
      },
    );
  return { from, layers: [{ name: "site", add: [{ src: [literalSource(folder)], dest: root, exclude: [...never] }] }] };
}

function webRootOf(place: string): string | undefined {
  try {
    const { repository } = parseReference(place.replace(/^docker:\/\//, ""));
    // Bitnami's serve another folder.
    return repository.startsWith("bitnami") ? undefined : webRoots.get(repository.split("/").at(-1) ?? "");
  } catch {
    return undefined;
  }
}
