import type { BuildSpec } from "@lading/builder";

/** What `lading init` looks at. */
export interface FolderFacts {
  readonly name: string;
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/** A first description of a folder of no known kind of project, and in words what the folder was taken for. */
export function describeFolder({ name, folders, files }: FolderFacts): {
  readonly kind: string;
  readonly spec: BuildSpec;
  /** What somebody will want to do next. */
  readonly advice?: string;
} {
  const site = files.includes("index.html") ? "." : siteFolders.find((folder) => folders.includes(folder));
  const common = { name: imageName(name), from: "scratch" };
  return site === undefined
    ? { kind: "a folder of files", spec: { ...common, layers: [{ name: "files", add: [{ src: ["."], dest: "/" }] }] } }
    : {
        kind: "a static site",
        spec: {
          ...common,
          layers: [{ name: "site", add: [{ src: [site], dest: "/srv/www", exclude: ["**/*.map"] }] }],
        },
        advice: "Add a web server as another layer, or start from a base that has one.",
      };
}

const siteFolders: readonly string[] = ["public", "dist", "www", "_site", "build", "site"];

function imageName(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9./:_-]+/g, "-")
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return name === "" ? "app" : name;
}
