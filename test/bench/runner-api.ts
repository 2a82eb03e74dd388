// Runs /bin/true some times by the API, and writes how many milliseconds each took, but for a first one.
import { writeFileSync } from "node:fs";
import { engineNames, openEngine, run } from "@lading/runner";

const [name, root, image = "", times, report = ""] = process.argv.slice(2);
const engineName = engineNames.find((each) => each === name);
if (engineName === undefined || root === undefined) throw new Error("Expected ENGINE ROOT IMAGE TIMES REPORT");
await using engine = await openEngine(engineName, { root });
const walls: number[] = [];
for (let time = 0; time <= Number(times); time++) {
  const begun = performance.now();
  {
    await using container = await run(image, { command: ["/bin/true"], network: "none" }, { on: engine, root });
    await container.wait();
  }
  if (time > 0) walls.push(performance.now() - begun);
}
writeFileSync(report, JSON.stringify(walls));
