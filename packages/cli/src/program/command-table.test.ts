import { expect, test } from "vitest";
import { divideArguments } from "./arguments.ts";
import { commands, nameOf } from "./command-table.ts";
import { plainArguments } from "./plain-arguments.ts";

test.each(commands.map((entry) => [nameOf(entry), entry] as const))("%s: a flag means one thing", async (_, entry) => {
  const { options = {} } = (await entry.load()).command;
  const names = Object.entries(options).flatMap(([name, { alias }]) => [name, alias ?? []].flat());
  expect(names).toEqual([...new Set(names)]);
});

test.each([
  ["build", ["-u", "1000"]],
  ["build", ["-u1000"]],
  ["run", ["-u", "1000", "image"]],
  ["run", ["-u1000", "image"]],
])("%s %j: -u is --user, not the user at a registry", async (name, args) => {
  const entry = commands.find((each) => nameOf(each) === name);
  const { options = {}, positionals = {} } = (await entry?.load())?.command ?? {};
  const { own } = divideArguments(args, options, entry?.passesOn === true);
  const values = plainArguments(own, { usage: entry?.usage ?? "", positionals, options });
  expect(values).toMatchObject({ user: "1000" });
  expect(values).not.toHaveProperty("username");
});

test("build --help names every place that --output takes", async () => {
  const { options = {} } = (await commands.find((each) => nameOf(each) === "build")?.load())?.command ?? {};
  for (const place of ["reference", "oci:", "oci-archive:", "docker-archive:", "podman:", "containerd:", "docker:"])
    expect(options["output"]?.describe).toMatch(new RegExp(`(?<![-\\w])${place}`));
});
