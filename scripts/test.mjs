// `npm test`: install what the tests need, compile, run every test, and end with one line of counts.
// LADING_TEST_STRICT=1 turns a missing tool from a gap into a failure.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installTools } from "./debian.mjs";
import { environment, fail, pinnedNode, prepare, root } from "./toolchain.mjs";

const strict = process.env.LADING_TEST_STRICT === "1";
const missing = installTools();
if (strict && missing.length > 0) {
  for (const [program, name, purpose] of missing)
    console.error(`Missing ${program} (Debian package ${name}): ${purpose}`);
  console.log(`0 passed, ${missing.length} failed`);
  process.exit(1);
}

prepare();

const folder = mkdtempSync(join(tmpdir(), "lading-test-"));
try {
  const results = join(folder, "results.json");
  const arguments_ = [
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${results}`,
    ...process.argv.slice(2),
  ];
  const { status } = spawnSync(pinnedNode(), [join(root, "node_modules/vitest/vitest.mjs"), ...arguments_], {
    cwd: root,
    env: environment,
    stdio: ["ignore", "inherit", "inherit"],
  });
  process.exitCode = status ?? 1;
  report(JSON.parse(readFileSync(results, "utf8")));
} catch (error) {
  fail(`Cannot read the results of vitest: ${error.message}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function report(results) {
  const tests = results.testResults.flatMap((file) => file.assertionResults);
  const skipped = tests.filter(({ status }) => status !== "passed" && status !== "failed");
  const passed = tests.filter(({ status }) => status === "passed").length;
  const failedTests = tests.filter(({ status }) => status === "failed").length;
  // A file that does not load, or whose preparations fail, has no failing test of its own, and counts as one.
  const broken = results.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  );
  const failed = failedTests + broken.length;
  if (missing.length + skipped.length > 0) console.log("\nLeft out:");
  for (const [program, name, purpose] of missing) console.log(`  ${purpose}: no ${program} (Debian package ${name})`);
  for (const { fullName } of skipped) console.log(`  ${fullName}`);
  if (process.exitCode === 0 && failed > 0) process.exitCode = 1;
  // Errors outside any test fail the run as well.
  const failures = process.exitCode === 0 ? 0 : Math.max(failed, 1);
  console.log(`\n${passed} passed, ${failures} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
}
