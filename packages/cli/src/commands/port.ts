import { Engines, rootOption } from "../containers/engines.ts";
import type { Command } from "../program.ts";
import { misread } from "../run-flags/misread.ts";
import { formatHostPort } from "../show/show-containers.ts";

export const command: Command = {
  positionals: {
    container: { type: "string", describe: "name or ID" },
    port: { type: "string", describe: "PORT[/udp] of the container; default: all that are published" },
  },
  options: rootOption,
  examples: [["port web 80", "where port 80 is reached"]],
  run: async ({ flags, signal }) => {
    const asked = flags.text("port");
    const [, number, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(asked ?? "") ?? [];
    if (asked !== undefined && number === undefined) throw misread("port", asked, "expected PORT[/udp]");
    await using engines = Engines.from(flags);
    const name = flags.required("container");
    const { ports } = await (await engines.container(name)).info({ signal });
    const found = ports.filter(
      (each) => asked === undefined || (each.containerPort === Number(number) && each.protocol === protocol),
    );
    if (asked !== undefined && found.length === 0)
      throw new Error(`Cannot find where "${name}" publishes ${number}/${protocol}: it does not`);
    if (flags.on("json")) process.stdout.write(`${JSON.stringify(found)}\n`);
    else
      for (const { hostAddress, hostPort, containerPort, protocol: each } of found) {
        const place = formatHostPort(hostAddress, hostPort);
        process.stdout.write(asked === undefined ? `${containerPort}/${each} -> ${place}\n` : `${place}\n`);
      }
  },
};
