import type { EngineImage } from "@lading/runner";
import { engineOptions, Engines } from "../containers/engines.ts";
import type { Command } from "../program.ts";
import { formatSize } from "../progress/quantity.ts";
import { printable, table } from "../progress/terminal.ts";
import { formatAgo } from "../show/age.ts";
import { shownDigits } from "../show/show-containers.ts";

export const command: Command = {
  options: {
    "no-trunc": { type: "boolean", describe: "whole IDs" },
    quiet: { type: "boolean", alias: "q", describe: "IDs alone" },
    ...engineOptions,
  },
  examples: [["images --engine podman", "what podman has"]],
  run: async ({ flags, signal }) => {
    await using engines = Engines.from(flags);
    const engine = await engines.chosen({ signal });
    const images = await engine.images.list({ signal });
    const idOf = ({ id }: EngineImage): string =>
      flags.on("no-trunc") ? id : id.slice("sha256:".length).slice(0, shownDigits);
    if (flags.on("json")) process.stdout.write(`${JSON.stringify(images, undefined, 2)}\n`);
    else if (flags.on("quiet")) process.stdout.write([...new Set(images.map(idOf))].map((id) => `${id}\n`).join(""));
    else {
      const rows = images.flatMap((image) =>
        (image.names.length === 0 ? [undefined] : image.names).map((name) => {
          const [repository, tag] = divided(name);
          const created = image.created === undefined ? "" : formatAgo(image.created, Date.now());
          return [repository, tag, idOf(image), created, formatSize(image.size)];
        }),
      );
      process.stdout.write(
        `${table([["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"], ...rows], [4]).join("\n")}\n`,
      );
    }
  },
};

/** Repository and tag, as docker's table has them. */
function divided(name: string | undefined): readonly [string, string] {
  if (name === undefined) return ["<none>", "<none>"];
  const bare = name.replace(/@.*$/, "");
  const [, repository = bare, tag = "<none>"] = /^(.*):([^/:]+)$/.exec(bare) ?? [];
  return [printable(repository), printable(tag)];
}
