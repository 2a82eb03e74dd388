/** What `lading init` looks at. */
export interface FolderFacts {
  readonly name: string;
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly packageJson: string | undefined;
}

const schemaLine = "# yaml-language-server: $schema=./node_modules/lading/schema/lading.schema.json\n";

/** A first lading.yaml for a folder, and in words what the folder was taken for. */
export function describeFolder(facts: FolderFacts): { readonly kind: string; readonly text: string } {
  const name = imageName(facts.name);
  if (facts.packageJson !== undefined) return nodeProject(name, facts);
  const site = ["public", "dist", "www", "_site", "build", "site"].find((folder) => facts.folders.includes(folder));
  if (facts.files.includes("index.html")) return staticSite(name, ".");
  if (site !== undefined) return staticSite(name, site);
  return {
    kind: "a folder of files",
    text: document(name, [{ name: "files", src: ".", dest: "/", comment: "the contents of this folder" }]),
  };
}

function nodeProject(name: string, facts: FolderFacts): { kind: string; text: string } {
  const manifest = parseManifest(facts.packageJson);
  const code =
    ["dist", "build", "lib", "out"].find((folder) => facts.folders.includes(folder)) ??
    ["src"].find((folder) => facts.folders.includes(folder));
  const main = manifest.main ?? (code === undefined ? "index.js" : `${code}/index.js`);
  const source = code !== undefined && main.startsWith(`${code}/`) ? code : undefined;
  const layers: Layer[] = [
    ...(manifest.dependencies
      ? [
          {
            name: "dependencies",
            src: "node_modules",
            dest: "/app/node_modules",
            comment: "changes rarely, so it has a layer of its own",
          },
        ]
      : []),
    ...(source === undefined
      ? [{ name: "app", src: main, dest: `/app/${main}` }]
      : [{ name: "app", src: source, dest: `/app/${source}`, exclude: ["**/*.map", "**/*.test.*"] }]),
    { name: "manifest", src: "package.json", dest: "/app/package.json" },
  ];
  const tail = `workdir: /app
entrypoint: [node, ${scalar(`/app/${main}`)}]
env: { NODE_ENV: production }
user: "1000"
`;
  return {
    kind: "a Node project",
    text: document(
      name,
      layers,
      tail,
      "# A base with Node in it, as an OCI layout or archive: skopeo copy docker://node:24-slim oci:base:node\nfrom: oci:base\n",
    ),
  };
}

function staticSite(name: string, folder: string): { kind: string; text: string } {
  return {
    kind: "a static site",
    text: document(
      name,
      [{ name: "site", src: folder, dest: "/srv/www", exclude: ["**/*.map"] }],
      undefined,
      "# Add a web server as another layer, or start from a base that has one: from: oci:base\nfrom: scratch\n",
    ),
  };
}

interface Layer {
  readonly name: string;
  readonly src: string;
  readonly dest: string;
  readonly exclude?: readonly string[];
  readonly comment?: string;
}

function document(name: string, layers: readonly Layer[], tail = "", from = "from: scratch\n"): string {
  const body = layers
    .map(({ name: layer, src, dest, exclude, comment }) => {
      const excluded =
        exclude === undefined ? "" : `, exclude: [${exclude.map((pattern) => JSON.stringify(pattern)).join(", ")}]`;
      return `  - name: ${layer}${comment === undefined ? "" : ` # ${comment}`}\n    add: [{ src: ${scalar(src)}, dest: ${scalar(dest)}${excluded} }]\n`;
    })
    .join("");
  return `${schemaLine}name: ${name}\n${from}layers:\n${body}${tail}`;
}

// Plain where YAML reads it back as the same text, else quoted.
function scalar(text: string): string {
  return /^[A-Za-z/.][\w./-]*$/.test(text) ? text : JSON.stringify(text);
}

function imageName(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9./:_-]+/g, "-")
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return name === "" ? "app" : name;
}

function parseManifest(text: string | undefined): {
  readonly main: string | undefined;
  readonly dependencies: boolean;
} {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    value = undefined;
  }
  const main: unknown = typeof value === "object" && value !== null && "main" in value ? value.main : undefined;
  const dependencies: unknown =
    typeof value === "object" && value !== null && "dependencies" in value ? value.dependencies : undefined;
  return {
    main: typeof main === "string" && main !== "" ? main.replace(/^\.\//, "") : undefined,
    dependencies: typeof dependencies === "object" && dependencies !== null && Object.keys(dependencies).length > 0,
  };
}
