// Runs a container by the API, says its ID, and ends without a word to it.
import { run } from "@lading/runner";
import { openEngine } from "./open-engine.ts";

const [settings = "", image = ""] = process.argv.slice(2);
const given: { readonly root: string } = JSON.parse(settings);
const box = await run(
  image,
  { command: ["sleep", "1000"], network: "none" },
  { on: await openEngine(given), root: given.root },
);
console.log(box.id);
process.exit(0);
