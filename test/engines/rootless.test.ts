import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { installed, isRoot } from "../interop/command.ts";
import { isReachable, makeUser } from "./unprivileged-user.ts";

/*
 * The same suites again, by somebody who is not root: with a podman of their own, and as root of a
 * user namespace. Whoever is not root has run the first already: `podman.test.ts` is for all.
 */

const checkout = fileURLToPath(new URL("../..", import.meta.url));

const report = z.object({
  numPassedTests: z.number(),
  testResults: z.array(
    z.object({
      message: z.string(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

// A test of the suite that hangs fails by its own name, and a suite of which many hang ends all the same.
const innerPatience = 60_000; // milliseconds
const mostFailures = 10;
const outerPatience = 600_000; // milliseconds

const limits = [`--testTimeout=${innerPatience}`, `--hookTimeout=${innerPatience}`, `--bail=${mostFailures}`];

const canBe = isRoot && installed("newuidmap", "useradd", "setpriv", "unshare");

test.runIf(canBe && installed("podman", "slirp4netns"))(
  "podman without root meets the contract of engines",
  { timeout: outerPatience },
  async () => {
    expect(await passedWithoutRoot("podman.test.ts", [])).toBeGreaterThan(100);
  },
);

test.runIf(canBe && installed("runc", "crun"))(
  "steps run without root, where a user namespace has more ids",
  { timeout: outerPatience },
  async () => {
    const ownIds = ["unshare", "--user", "--map-root-user", "--map-auto"];
    expect(await passedWithoutRoot("steps.test.ts", ownIds)).toBeGreaterThan(20);
  },
);

/** Runs a file of tests by somebody else, perhaps through another command; resolves to how many there are, which all must pass. */
async function passedWithoutRoot(file: string, through: readonly string[]): Promise<number> {
  expect(isReachable(checkout)).toBe(true);
  await using user = await makeUser();
  const output = join(user.folder, "results.json");

  const options = ["--project", "engines", "--configLoader", "native", "--reporter", "json", "--outputFile", output];
  const vitest = ["node_modules/vitest/vitest.mjs", "run", ...options, ...limits, `test/engines/${file}`];
  const [command = "", ...args] = [...through, process.execPath, ...vitest];
  const { stdout, stderr } = await user.attempt(command, args, { cwd: checkout });

  const results = report.parse(
    JSON.parse(await readFile(output, "utf8").catch(() => `{"said": ${JSON.stringify(stdout + stderr)}}`)),
  );
  const tests = results.testResults.flatMap(({ assertionResults }) => assertionResults);
  const failures = tests.filter(({ status }) => status === "failed");
  expect(
    failures.map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages?.[0]?.split("\n")[0]}`),
  ).toEqual([]);
  expect(results.testResults.map(({ message }) => message)).toEqual([""]);
  return results.numPassedTests;
}
