import { expect, test } from "vitest";
import { isNamed, parseAccounts, resolveOwner } from "./accounts.ts";

const accounts = parseAccounts(
  "root:x:0:0:root:/root:/bin/sh\n# comment\nbroken\nnode:x:1000:1001::/home/node:\nnode:x:5:5::/:\nhuge:x:4294967295:1::/:\n",
  "root:x:0:\nstaff:*:50:node\nstaff:*:51:\n\n",
);

test("users bring their primary group, and the first of a name counts", () => {
  expect(resolveOwner({ user: "node" }, accounts)).toEqual({ uid: 1000, gid: 1001 });
  expect(resolveOwner({ user: "node", group: "staff" }, accounts)).toEqual({ uid: 1000, gid: 50 });
});

test("numbers need no account, and one alone is the group too", () => {
  expect(resolveOwner({ user: "12" }, undefined)).toEqual({ uid: 12, gid: 12 });
  expect(resolveOwner({ user: "12", group: "7" }, undefined)).toEqual({ uid: 12, gid: 7 });
  expect(resolveOwner({ user: "12", group: "staff" }, accounts)).toEqual({ uid: 12, gid: 50 });
  expect(resolveOwner({ uid: 1, gid: 2 }, undefined)).toEqual({ uid: 1, gid: 2 });
});

test("only names need the image", () => {
  expect([{ user: "1" }, { user: "1", group: "2" }, { uid: 1, gid: 1 }].map(isNamed)).toEqual([false, false, false]);
  expect([{ user: "a" }, { user: "1", group: "b" }].map(isNamed)).toEqual([true, true]);
});

test("an unknown name is an error that says what there is", () => {
  expect(() => resolveOwner({ user: "nobody" }, accounts)).toThrow(
    expect.objectContaining({
      code: "SPEC",
      message: `Cannot find user "nobody": the image's /etc/passwd does not have it`,
      hint: 'Write the owner as numbers ("1000:1000"), or one of root, node',
    }),
  );
  // (uid_t) -1 is no user.
  expect(() => resolveOwner({ user: "huge" }, accounts)).toThrow('Cannot find user "huge"');
  expect(() => resolveOwner({ user: "1", group: "x" }, undefined)).toThrow("the image has no /etc/group");
});
