import { CST, Document, isCollection, isMap, isPair, isScalar, isSeq, Lexer, type Node, visit } from "yaml";
import type { DescriptionFile } from "./description-file.ts";

// A list or mapping stands on one line when that has room.
const room = 100;

/** A build description as a lading.yaml that people may go on with. `comment` is put above it. */
export function formatDescription(description: DescriptionFile, comment?: string): string {
  const document = new Document(plain(description));
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
      // As one that is nothing but a file is written.
      if (isScalar(pair.key) && pair.key.value === "dockerfile" && isMap(pair.value) && pair.value.items.length === 1)
        pair.value = pair.value.get("file");
    },
  });
  const { contents } = document;
  if (isMap(contents)) for (const { value } of contents.items) if (isCollection(value)) fold(value, 2);
  const yaml = tightLists(document.toString({ lineWidth: 0, flowCollectionPadding: true }));
  const above = comment === undefined ? "" : comment.replaceAll(/^/gm, "# ") + "\n";
  return `${schemaLine}${above}${yaml}`;
}

const schemaLine = "# yaml-language-server: $schema=./node_modules/lading/schema/lading.schema.json\n";

const oneOrMore: ReadonlySet<string> = new Set(["src", "platform", "remove", "include", "exclude"]);

/** Without what is not said. */
function plain(description: DescriptionFile): unknown {
  return JSON.parse(JSON.stringify(description));
}

/** `[ a ]` as `[a]`, but for brackets that are part of a text. */
function tightLists(yaml: string): string {
  const tokens = [...new Lexer().lex(yaml)];
  const kinds = tokens.map((token, at) => (tokens[at - 1] === CST.SCALAR ? "text" : CST.tokenType(token)));
  return tokens
    .filter((_, at) => {
      const kind = kinds[at];
      if (kind === "doc-mode" || kind === "scalar") return false;
      return kind !== "space" || (kinds[at - 1] !== "flow-seq-start" && kinds[at + 1] !== "flow-seq-end");
    })
    .join("");
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
