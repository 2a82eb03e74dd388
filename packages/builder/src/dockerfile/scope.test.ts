import { expect, test } from "vitest";
import { Scope } from "./scope.ts";

test("a variable of the environment hides an argument of its name", () => {
  const scope = new Scope(["A=env"]);
  scope.declare("A", "argument");
  scope.declare("B", "argument");
  expect([scope.lookup("A"), scope.lookup("B")]).toEqual(["env", "argument"]);
  expect(scope.stepEnv).toEqual(["B=argument", "A=env"]);
});

test("a stage on another one has its environment and its arguments, and keeps its own to itself", () => {
  const parent = new Scope(["A=1"]);
  parent.declare("B", "2");
  const child = parent.inherit();
  child.declare("C", "3");
  child.setEnv("A", "4");
  expect(["A", "B", "C"].map(child.lookup)).toEqual(["4", "2", "3"]);
  expect(["A", "B", "C"].map(parent.lookup)).toEqual(["1", "2", undefined]);
});
