import type { Inventory, PackageChange } from "@lading/trust";
import { formatCount } from "../progress/quantity.ts";
import { printable, type Style, styleFor, table } from "../progress/terminal.ts";

const signs = { added: "+", removed: "-", changed: "~" } as const;

/** A person's view of what became of packages. */
export function showPackages(changes: readonly PackageChange[], before: number, after: number, style: Style): string {
  if (changes.length === 0) return `Both images hold the same ${formatCount(after, "package")}\n`;
  const colours = { added: style.green, removed: style.red, changed: style.yellow };
  const rows = table(
    changes.map((one) => [
      colours[one.change](signs[one.change]),
      style.dim(one.type),
      printable(one.name),
      [one.before, one.after]
        .filter((versions) => versions.length > 0)
        .map((versions) => printable(versions.join(", ")))
        .join(style.dim(" → ")),
      style.dim(`layer ${one.layers.join(", ")}`),
    ]),
  );
  const count = (change: PackageChange["change"]): string =>
    `${changes.filter((one) => one.change === change).length} ${change}`;
  const total = `${before} → ${formatCount(after, "package")}`;
  return `${[...rows, style.dim(`${total}: ${count("added")}, ${count("removed")}, ${count("changed")}`)].join("\n")}\n`;
}

/** What keeps a list of packages from being whole. `place` tells of which image, where there are several. */
export function unreadWarnings({ unread }: Inventory, place?: string): readonly string[] {
  const of = place === undefined ? "" : ` of ${place}`;
  return unread.map(({ path, reason }) => `packages may be missing: cannot read /${path}${of}: ${reason}`);
}

/** Says so on stderr. */
export function warnOfUnread(inventory: Inventory, place?: string): void {
  const style = styleFor(process.stderr);
  for (const message of unreadWarnings(inventory, place))
    process.stderr.write(`${style.yellow(style.bold("warning:"))} ${printable(message)}\n`);
}
