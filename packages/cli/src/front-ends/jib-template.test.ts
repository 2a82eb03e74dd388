import { expect, test } from "vitest";
import { ConfigError } from "../config/config-error.ts";
import { fillTemplate } from "./jib-template.ts";

test("a parameter takes the place of its name, in values as well, and a doubled dollar keeps it", () => {
  const parameters = { name: "world", deep: "${name}, ${other:-all}, $${name}", empty: "" };
  expect(fillTemplate("${name} ${deep} $${name} $name ${empty}|", parameters, "jib.yaml")).toBe(
    "world world, all, ${name} ${name} $name |",
  );
});

test("values that lead in a circle, or to a name without a value, are told where the file begins with them", () => {
  const parameters = { one: "${two}", two: "${one}", three: "${for}", four: "4" };
  let thrown: unknown;
  try {
    fillTemplate("a: ${one}\nb: ${three}\n", parameters, "jib.yaml");
  } catch (error) {
    thrown = error;
  }
  expect(thrown instanceof ConfigError && thrown.issues).toMatchObject([
    {
      message: 'Cannot resolve variable "one": its value leads back to it',
      hint: "one → two → one",
      location: { line: 1, column: 4 },
    },
    {
      message: 'Cannot resolve variable "for", which is in the value of "three"',
      hint: 'Did you mean "four"?',
      location: { line: 2, column: 4 },
    },
  ]);
});

test("a name without a value may have a default", () => {
  expect(fillTemplate("${tag:-latest} ${name:-x}", { name: "y" }, "jib.yaml")).toBe("latest y");
});

test("names that nothing is known of are told with their places", () => {
  let thrown: unknown;
  try {
    fillTemplate("a: ${one}\nb: ${toString}\n", { once: "1" }, "jib.yaml");
  } catch (error) {
    thrown = error;
  }
  expect(thrown instanceof ConfigError && thrown.issues).toMatchObject([
    { message: 'Cannot resolve variable "one"', location: { line: 1, column: 4, length: 6 } },
    { message: 'Cannot resolve variable "toString"', location: { line: 2, column: 4, length: 11 } },
  ]);
});
