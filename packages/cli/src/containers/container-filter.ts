import type { ContainerInfo } from "@lading/runner";
import { known, misread } from "../run-flags/misread.ts";

const keys = ["name", "id", "status", "label", "ancestor", "exited", "engine"] as const;
const statuses = ["created", "running", "paused", "exited"] as const;

/**
 * The filters of `ps --filter KEY=VALUE`: a container passes when it meets one of each key, and all
 * of `label`. Throws UsageError.
 */
export function parseFilters(texts: readonly string[]): (container: ContainerInfo) => boolean {
  const byKey = new Map<string, ((container: ContainerInfo) => boolean)[]>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals < 1) throw misread("filter", text, "expected KEY=VALUE", `Keys are ${keys.join(", ")}`);
    const key = known({ flag: "filter", value: text, what: "key" }, text.slice(0, equals), keys);
    // Labels must all be there; of anything else one is enough, since nothing has two.
    const group = key === "label" ? text : key;
    byKey.set(group, [...(byKey.get(group) ?? []), filterOf(text, key, text.slice(equals + 1))]);
  }
  const groups = [...byKey.values()];
  return (container) => groups.every((group) => group.some((passes) => passes(container)));
}

function filterOf(text: string, key: (typeof keys)[number], value: string): (container: ContainerInfo) => boolean {
  switch (key) {
    case "name":
      return namePattern(text, value);
    case "id":
      return ({ id }) => id.startsWith(value);
    case "status": {
      const status = known({ flag: "filter", value: text, what: "status" }, value, statuses);
      return (container) => container.status === status;
    }
    case "label": {
      const equals = value.indexOf("=");
      const name = equals === -1 ? value : value.slice(0, equals);
      return ({ labels }) => Object.hasOwn(labels, name) && (equals === -1 || labels[name] === value.slice(equals + 1));
    }
    case "ancestor":
      return ({ image }) => isCalled(image, value);
    case "exited": {
      if (!/^\d+$/.test(value)) throw misread("filter", text, `"${value}" is no exit code`);
      return ({ status, exit }) => status === "exited" && exit?.code === Number(value);
    }
    case "engine":
      return ({ engine }) => engine === value;
    default:
      return key satisfies never;
  }
}

/** As docker: a regular expression that matches anywhere. */
function namePattern(text: string, value: string): (container: ContainerInfo) => boolean {
  let pattern: RegExp;
  try {
    pattern = new RegExp(value);
  } catch {
    throw misread("filter", text, `"${value}" is no regular expression`);
  }
  return ({ name }) => pattern.test(name);
}

/** Whether an image is meant by its ID, its name, or its name without registry or tag. */
function isCalled(image: ContainerInfo["image"], wanted: string): boolean {
  const [, hex = ""] = image.id.split(":");
  if (image.id === wanted || (wanted.length >= 4 && hex.startsWith(wanted))) return true;
  const untagged = image.name.replace(/:[^/:@]*$/, "");
  return [image.name, untagged].some((name) => name === wanted || name.endsWith(`/${wanted}`));
}
