import type { BuildSpec } from "@lading/builder";
import { Document, isCollection, isMap, isPair, isScalar, isSeq, type Node, visit } from "yaml";

// A list or mapping stands on one line when that has room.
const room = 100;

/** A build description as a lading.yaml that people may go on with. `comment` is put above it. */
export function formatDescription(spec: BuildSpec, comment?: string): string {
  const document = new Document(plain(spec));
  visit(document, {
    Pair(_, pair) {
      // Written as the one text that they hold.
      if (
        isScalar(pair.key) &&
        oneOrMore.has(String(pair.key.value)) &&
        isSeq(pair.value) &&
        pair.value.items.length === 1
      )
        pair.value = pair.value.items[0];
    },
  });
  const { contents } = document;
  if (isMap(contents)) for (const { value } of contents.items) if (isCollection(value)) fold(value, 2);
  const yaml = document.toString({ lineWidth: 0, flowCollectionPadding: true }).replaceAll(/\[ (.*) \]$/gm, "[$1]");
  const above = comment === undefined ? "" : comment.replaceAll(/^/gm, "# ") + "\n";
  return `${schemaLine}${above}${yaml}`;
}

const schemaLine = "# yaml-language-server: $schema=./node_modules/lading/schema/lading.schema.json\n";

const oneOrMore: ReadonlySet<string> = new Set(["src", "platform", "remove", "include", "exclude"]);

/** Without what is not said. */
function plain(spec: BuildSpec): unknown {
  return JSON.parse(JSON.stringify(spec));
}

/** Puts a collection on one line, or else what is in it. */
function fold(node: Node, indent: number): void {
  if (!isCollection(node)) return;
  if (widthOf(node) + indent <= room && !holdsLayers(node)) {
    node.flow = true;
    return;
  }
  for (const item of node.items) {
    const value = isPair(item) ? item.value : item;
    if (isCollection(value)) fold(value, indent + 2);
  }
}

/** Layers stand below each other, however short they are. */
function holdsLayers(node: Node): boolean {
  return isMap(node) ? node.has("add") : isSeq(node) && node.items.some((item) => isMap(item) && item.has("add"));
}

function widthOf(node: Node): number {
  return JSON.stringify(node.toJSON()).length;
}
