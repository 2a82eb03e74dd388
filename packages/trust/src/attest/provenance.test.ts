import { predicateIssues } from "@lading/testkit";
import { expect, test } from "vitest";
import { provenanceOf, provenanceType } from "./provenance.ts";

const facts = {
  buildType: "https://example.org/build/v1",
  parameters: { target: "web", none: undefined },
  materials: [{ uri: "pkg:oci/node@sha256:00", name: undefined, digest: { sha256: "00" } }],
  builder: { id: "https://example.org/builder", version: { builder: "1.2.3" } },
};

test("provenance has what SLSA v1 asks for, and nothing that is not known", () => {
  expect(JSON.stringify(provenanceOf(facts))).toBe(
    JSON.stringify({
      buildDefinition: {
        buildType: "https://example.org/build/v1",
        externalParameters: { target: "web" },
        resolvedDependencies: [{ uri: "pkg:oci/node@sha256:00", digest: { sha256: "00" } }],
      },
      runDetails: { builder: { id: "https://example.org/builder", version: { builder: "1.2.3" } } },
    }),
  );
});

test("provenance is valid by what SLSA v1 asks for", async () => {
  const all = { ...facts, started: new Date(), finished: new Date(), invocationId: "https://ci.example/1" };

  expect(await predicateIssues(provenanceType, provenanceOf(facts))).toEqual([]);
  expect(await predicateIssues(provenanceType, provenanceOf(all))).toEqual([]);
  expect(await predicateIssues(provenanceType, provenanceOf({ ...facts, buildType: "" }))).not.toEqual([]);
});

test("times are of seconds, beside what the run is called", () => {
  const started = new Date("2026-01-02T03:04:05.678Z");

  expect(provenanceOf({ ...facts, started, finished: started, invocationId: "https://ci.example/1" })).toMatchObject({
    runDetails: {
      metadata: {
        invocationId: "https://ci.example/1",
        startedOn: "2026-01-02T03:04:05Z",
        finishedOn: "2026-01-02T03:04:05Z",
      },
    },
  });
});
