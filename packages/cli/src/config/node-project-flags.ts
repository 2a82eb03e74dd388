import type { Options } from "yargs";

/** The flags that have a meaning for Node projects only. */
export const nodeOptions: Readonly<Record<string, Options>> = {
  trace: {
    describe: "ship only files of packages that the program can reach",
    group: "For Node projects:",
    type: "boolean",
  },
};
