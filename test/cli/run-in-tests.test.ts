import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { installed, isRoot, run } from "../interop/command.ts";

const example = fileURLToPath(new URL("../../examples/run-in-tests", import.meta.url));

test.runIf(installed("runc", "iptables", "ip") && isRoot)("a test runs the image that it has built", async () => {
  await using state = await temporaryFolder();

  const output = await run(process.execPath, ["server.ts"], {
    cwd: example,
    env: { LADING_ENGINE: "runc", LADING_ROOT: state.path },
  });

  expect(output).toMatch(/^runc: uid [1-9]\d*, filter, answered 200\n$/);
});
