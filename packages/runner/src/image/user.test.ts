import { expect, test } from "vitest";
import { resolveUser } from "./user.ts";

const accounts = {
  passwd: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n",
  group: "root:x:0:\nstaff:x:50:app,other\napp:x:1001:\n",
};

test("a name brings its own group, the groups that list it, and its home", () => {
  expect(resolveUser("app", accounts)).toEqual({ uid: 1000, gid: 1001, additionalGids: [1001, 50], home: "/home/app" });
});

test("no user is root", () => {
  expect(resolveUser("", accounts)).toMatchObject({ uid: 0, gid: 0, home: "/root" });
});

test("a number that passwd does not have runs with group 0", () => {
  expect(resolveUser("4242", { passwd: "", group: "" })).toEqual({
    uid: 4242,
    gid: 0,
    additionalGids: [0],
    home: undefined,
  });
});

test("a group of its own replaces all others", () => {
  expect(resolveUser("app:staff", accounts)).toMatchObject({ gid: 50, additionalGids: [50] });
  expect(resolveUser("1000:7", accounts)).toMatchObject({ uid: 1000, gid: 7, additionalGids: [7] });
});

test.each(["4294967296:0", "4294967296", "0:4294967296", "2147483648"])("%s does not wrap around to root", (text) => {
  expect(() => resolveUser(text, accounts)).toThrow(`Cannot run as user "${text}": ids are at most 2147483647`);
});

test.each(["nobody", "app:wheel", "app:", "a:b:c", "-1"])("%s is refused", (text) => {
  expect(() => resolveUser(text, accounts)).toThrow(`Cannot run as user "${text}"`);
});
