import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const entry = z.object({ Username: z.string(), Secret: z.string() });

/** What a helper keeps for a registry; the user "<token>" marks an identity token. */
export type HelperEntry = z.infer<typeof entry>;

export interface CredentialHelper {
  /** Folder to have in PATH. */
  readonly folder: string;
  /** What it keeps now. */
  entries(): Promise<Readonly<Record<string, HelperEntry>>>;
  /** What it was asked, in order: "get quay.io". */
  calls(): Promise<readonly string[]>;
}

/** A credential helper that works, as a program `docker-credential-NAME` in `folder`; it keeps its entries in a file beside it. */
export async function writeCredentialHelper(
  folder: string,
  name: string,
  entries: Readonly<Record<string, HelperEntry>> = {},
): Promise<CredentialHelper> {
  const program = join(folder, `docker-credential-${name}`);
  await writeFile(`${program}.json`, JSON.stringify(entries));
  await writeFile(`${program}.log`, "");
  await writeFile(program, `#!${process.execPath}\n${script}`, { mode: 0o755 });
  return {
    folder,
    entries: async () => z.record(z.string(), entry).parse(JSON.parse(await readFile(`${program}.json`, "utf8"))),
    calls: async () => (await readFile(`${program}.log`, "utf8")).split("\n").slice(0, -1),
  };
}

// As docker-credential-helpers' credentials package has it.
const script = `
const { appendFileSync, readFileSync, writeFileSync } = require("node:fs");
const [action] = process.argv.slice(2);
const input = readFileSync(0, "utf8").trim();
const entries = JSON.parse(readFileSync(__filename + ".json", "utf8"));
const server = action === "store" ? JSON.parse(input).ServerURL : input;
appendFileSync(__filename + ".log", action + (action === "list" ? "" : " " + server) + "\\n");
const save = () => writeFileSync(__filename + ".json", JSON.stringify(entries));
switch (action) {
  case "get":
    if (entries[server] === undefined) {
      process.stdout.write("credentials not found in native keychain\\n");
      process.exitCode = 1;
    } else process.stdout.write(JSON.stringify({ ServerURL: server, ...entries[server] }));
    break;
  case "store": {
    const { Username, Secret } = JSON.parse(input);
    entries[server] = { Username, Secret };
    save();
    break;
  }
  case "erase":
    delete entries[server];
    save();
    break;
  case "list":
    process.stdout.write(
      JSON.stringify(Object.fromEntries(Object.entries(entries).map(([key, { Username }]) => [key, Username]))),
    );
    break;
}
`;
