import { cases, casesIn } from "@lading/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  cleanActions,
  cleanScopes,
  deleteAsWildcard,
  formatScope,
  formatScopes,
  mergeScopes,
  parseScopes,
  scopesCover,
} from "./scopes.ts";

const texts = z.array(z.string());
const scopeCase = z.object({
  op: z.string(),
  name: z.string().optional(),
  scopes: texts.optional(),
  actions: texts.optional(),
  repository: z.string().optional(),
  commonScopes: texts.optional(),
  scopesInCtx: texts.optional(),
  expected: z.union([z.string(), texts]).optional(),
  push: z.boolean().optional(),
  refspec: z.object({ Locator: z.string() }).optional(),
  want: z.union([z.string(), texts]).nullish(),
});

test.runIf(cases !== undefined).each(casesIn("registry/scopes.json", scopeCase))(
  "scopes agree with other clients: $op, $name",
  (given) => {
    switch (given.op) {
      case "CleanScopes":
        return expect(cleanScopes(given.scopes ?? [])).toEqual(given.want ?? []);
      case "cleanActions":
        return expect(cleanActions(given.actions ?? [])).toEqual(given.want ?? []);
      case "ScopeRepository":
        return expect(formatScope(given.repository ?? "", given.actions ?? [])).toEqual(given.want ?? undefined);
      case "containerd TestRepositoryScope": {
        const repository = given.refspec?.Locator.replace(/^[^/]*\//, "") ?? "";
        return expect(formatScope(repository, given.push === true ? ["push", "pull"] : ["pull"])).toBe(given.expected);
      }
      case "containerd TestGetTokenScopes":
        // containerd sends both scopes of one repository, we send their union: the same rights.
        return expect(cleanScopes([...(given.commonScopes ?? []), ...(given.scopesInCtx ?? [])])).toEqual(
          cleanScopes(z.array(z.string()).parse(given.expected)),
        );
      default:
        throw new Error(`Unknown operation ${given.op}`);
    }
  },
);

test("formatScopes() has one scope for each repository, in the order of the request", () => {
  expect(
    formatScopes([
      { repository: "z/target", actions: ["push"] },
      { repository: "a/source", actions: ["pull"] },
      { repository: "z/target", actions: ["pull"] },
    ]),
  ).toEqual(["repository:z/target:pull,push", "repository:a/source:pull"]);
});

test("formatScopes() asks for reading and writing with deletion", () => {
  expect(formatScopes([{ repository: "a", actions: ["delete"] }])).toEqual(["repository:a:delete,pull,push"]);
});

test("mergeScopes() keeps the colon of a port in a name", () => {
  expect(mergeScopes(["repository:host:5000/a:pull"], ["repository:host:5000/a:push"])).toEqual([
    "repository:host:5000/a:pull,push",
  ]);
});

test("parseScopes() reads the scopes of a challenge", () => {
  expect(parseScopes("repository:a:pull  repository:b:push repository:a:push")).toEqual([
    "repository:a:pull,push",
    "repository:b:push",
  ]);
  expect(parseScopes(undefined)).toEqual([]);
});

test("scopesCover() knows a wildcard and another repository", () => {
  expect(scopesCover(["repository:a:*"], ["repository:a:pull,delete"])).toBe(true);
  expect(scopesCover(["repository:a:pull,push"], ["repository:a:pull"])).toBe(true);
  expect(scopesCover(["repository:a:pull"], ["repository:a:push"])).toBe(false);
  expect(scopesCover(["repository:a:pull"], ["repository:b:pull"])).toBe(false);
  expect(scopesCover([], ["registry:catalog:*"])).toBe(false);
});

test("deleteAsWildcard() changes scopes with deletion only", () => {
  expect(deleteAsWildcard(["repository:a:delete,pull", "repository:b:pull"])).toEqual([
    "repository:a:*",
    "repository:b:pull",
  ]);
  expect(deleteAsWildcard(["repository:a/delete:pull"])).toBeUndefined();
});

test("cleanScopes() of cleaned scopes changes nothing, and covers what it was made of", () => {
  const scope = fc
    .tuple(fc.constantFrom("a", "b/c", "h:1/d"), fc.array(fc.constantFrom("pull", "push", "*", "")))
    .map(([name, actions]) => `repository:${name}:${actions.join(",")}`);
  fc.assert(
    fc.property(fc.array(scope), (scopes) => {
      const cleaned = cleanScopes(scopes);
      expect(cleanScopes(cleaned)).toEqual(cleaned);
      expect(scopesCover(cleaned, scopes)).toBe(true);
    }),
  );
});
