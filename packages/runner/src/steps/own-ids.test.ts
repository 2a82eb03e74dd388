import { expect, test } from "vitest";
import { ownerHere, ownIds } from "./own-ids.ts";

const machine = "         0          0 4294967295\n";
const user = "         0       1000          1\n";
const more = `${user}         1     100000      65536\n`;

test("root of the machine has all ids, that of a namespace those of its maps, and other files with others", () => {
  const [all, some, others, one] = [machine, more, more.replace("1000", "1001"), user].map((map) => ownIds(() => map));
  expect(all).toEqual({ inUserNamespace: false, single: false, name: "" });
  expect(some).toEqual({ inUserNamespace: true, single: false, name: expect.stringMatching(/^[0-9a-f]{12}$/) });
  expect(one).toMatchObject({ inUserNamespace: true, single: true });
  expect(new Set([some, others, one].map((ids) => ids?.name)).size).toBe(3);
});

test("a group alone that is mapped is no reason to keep owners", () => {
  expect(ownIds((name) => (name === "uid_map" ? more : user)).single).toBe(true);
});

test("where there is one id all is its own", () => {
  const owner = { uid: 5, gid: 6 };
  expect(
    ownerHere(
      owner,
      ownIds(() => user),
    ),
  ).toEqual({ uid: 0, gid: 0 });
  expect(
    ownerHere(
      owner,
      ownIds(() => more),
    ),
  ).toEqual(owner);
});
