import { expect, test } from "vitest";
import { changeCapabilities } from "./capabilities.ts";
import { securityProfiles } from "./profile.ts";

const given = ["CAP_CHOWN", "CAP_KILL"];

test("names come with or without CAP_, in any case", () => {
  expect(changeCapabilities(given, { add: ["net_admin"], drop: ["cap_kill"] })).toEqual(["CAP_CHOWN", "CAP_NET_ADMIN"]);
});

test("what is named beats ALL", () => {
  expect(changeCapabilities(given, { drop: ["all"], add: ["NET_RAW"] })).toEqual(["CAP_NET_RAW"]);
  const most = changeCapabilities(given, { add: ["ALL"], drop: ["SYS_ADMIN"] });
  expect(most).toHaveLength(40);
  expect(most).not.toContain("CAP_SYS_ADMIN");
});

test("a name that is none is refused", () => {
  expect(() => changeCapabilities(given, { add: ["NET_ADMN"] })).toThrow('Cannot use capability "NET_ADMN"');
});

test("strict has no capability", () => {
  expect(securityProfiles.strict.capabilities).toEqual([]);
});
