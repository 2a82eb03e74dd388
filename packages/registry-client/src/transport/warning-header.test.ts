import { cases, casesIn } from "@lading/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { openHost, startServer } from "./server.suite.ts";
import { parseWarning } from "./warning-header.ts";

test.runIf(cases !== undefined)("Warning headers are read as by other clients", () => {
  const warning = z.object({
    op: z.literal("Warning header"),
    case: z.object({
      header: z.string(),
      expected: z.string().optional(),
      want: z.object({ Text: z.string().optional() }).optional(),
    }),
  });
  const all = casesIn("registry/http-headers.json", z.unknown()).flatMap(
    (entry) => warning.safeParse(entry).data ?? [],
  );
  expect(all.length).toBeGreaterThan(10);
  for (const { case: entry } of all) {
    const expected = entry.expected ?? entry.want?.Text ?? "";
    expect({ header: entry.header, text: parseWarning(entry.header) ?? "" }).toEqual({
      header: entry.header,
      text: expected,
    });
  }
});

test("a warning is handed on once, whichever answer has it", async () => {
  await using server = await startServer((request, response) => {
    response.setHeader("warning", ['299 - "old"', `299 - "for \\"${request.method}\\""`, '199 - "no"']);
    response.end();
  });
  await using at = await openHost(server.host);
  for (const method of ["GET", "HEAD", "GET"] as const)
    await (await at.host.send({ method, url: "v2/a", scopes: [] })).discard();
  expect(at.warnings).toEqual([`${server.host}: old`, `${server.host}: for "GET"`, `${server.host}: for "HEAD"`]);
});
