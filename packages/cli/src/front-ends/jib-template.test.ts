import { expect, test } from "vitest";
import { ConfigError } from "../config/config-error.ts";
import { fillTemplate } from "./jib-template.ts";

test("a parameter takes the place of its name, once, and a doubled dollar keeps it", () => {
  const parameters = { name: "world", deep: "${name}", empty: "" };
  expect(fillTemplate("${name} ${deep} $${name} $name ${empty}|", parameters, "jib.yaml")).toBe(
    "world ${name} ${name} $name |",
  );
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
