import type { SourceLocation } from "@lading/builder";
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  visit,
} from "yaml";
import { ConfigError, type ConfigIssue } from "./config-error.ts";
import { type Locate, parseDescription } from "./config-issues.ts";
import type { DescriptionFile } from "./description-file.ts";
import { locateText } from "./locate-text.ts";

/** Parses lading.yaml. Every issue says where it is. Throws ConfigError. */
export async function parseYamlConfig(text: string, file: string): Promise<DescriptionFile> {
  return await parseYaml(text, file, async (value, options) => await parseDescription(value, file, options));
}

/** Parses a YAML file of any kind; `check` turns the value into what it means. Throws ConfigError. */
export async function parseYaml<T>(
  text: string,
  file: string,
  check: (value: unknown, options: { readonly locate: Locate }) => Promise<T>,
): Promise<T> {
  const document = parseDocument(text, { prettyErrors: false, merge: true });
  const where = (start: number, end: number): SourceLocation => locateText(text, file, start, end);

  if (document.errors.length > 0)
    throw new ConfigError(
      document.errors.slice(0, maxShown).map(({ code, message, pos: [start, end] }) => {
        // The parser points at a key's first letter only.
        const word = code === "DUPLICATE_KEY" ? (/^[\w.$-]+/.exec(text.slice(start))?.[0].length ?? 1) : end - start;
        return yamlIssue(code, message, where(start, start + word));
      }),
    );
  if (document.contents === null) throw new ConfigError([{ message: `Cannot read "${file}": it is empty` }]);

  let value: unknown;
  try {
    // Limits what aliases may blow up to ("billion laughs").
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const lost = brokenAlias(document);
    const message = `Cannot read "${file}": ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError(
      [
        lost?.range == undefined
          ? { message }
          : { message: `Nothing is called "&${lost.source}" above`, location: where(lost.range[0], lost.range[1]) },
      ],
      { cause: error },
    );
  }
  return await check(value, {
    locate: (path, key) => {
      const range = rangeOf(document, path, key);
      return range === undefined ? undefined : where(...range);
    },
  });
}

// One mistake can make every line after it wrong.
const maxShown = 10;

function brokenAlias(document: Document): Alias | undefined {
  let found: Alias | undefined;
  visit(document, {
    Alias(_, node) {
      if (node.resolve(document) !== undefined) return undefined;
      found = node;
      return visit.BREAK;
    },
  });
  return found;
}

function yamlIssue(code: string, message: string, location: SourceLocation): ConfigIssue {
  switch (code) {
    case "DUPLICATE_KEY":
      return { message: "This key is written twice in one mapping", location };
    case "TAB_AS_INDENT":
      return { message: "Tabs cannot indent YAML: use spaces", location };
    case "MULTIPLE_DOCS":
      return { message: "A second YAML document begins here: a description is one", location };
    default:
      if (/call stack/.test(message)) return { message: "It is nested too deeply", location };
      return { message: `Not valid YAML: ${message}`, location };
  }
}

// The key when `key` is given, else the value; where a path leads into an alias or a merge, the
// nearest thing that stands in the file.
function rangeOf(
  document: Document,
  path: readonly PropertyKey[],
  key: string | undefined,
): [number, number] | undefined {
  let node: unknown = document.contents;
  let range = nodeRange(node);
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === step) : undefined;
    if (isPair(pair)) {
      node = pair.value;
      range = nodeRange(node) ?? nodeRange(pair.key) ?? range;
    } else if (isSeq(node) && typeof step === "number") {
      node = node.items[step];
      range = nodeRange(node) ?? range;
    } else return range;
  }
  if (isAlias(node)) node = node.resolve(document);
  if (key === undefined || !isMap(node)) return range;
  const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
  return nodeRange(pair?.key) ?? range;
}

function nodeRange(node: unknown): [number, number] | undefined {
  const range = isNode(node) ? node.range : undefined;
  return range === null || range === undefined ? undefined : [range[0], range[1]];
}

function isNode(node: unknown): node is Node {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node);
}
