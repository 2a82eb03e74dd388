import { expect, test } from "vitest";
import { recordedMachine } from "./recorded-machine.suite.ts";
import { subordinateIds } from "./subordinate-ids.ts";

test("ranges are given to a name or a number, several add up, and what is no range is passed over", async () => {
  await using machine = await recordedMachine({
    "etc/subuid": "# comment\nana:100000:65536\nanabel:200000:65536\n1000:300000:10\nana:x:1\nana:400000:0\n",
    "etc/subgid": "",
  });
  expect(subordinateIds({ name: "ana", uid: 1000 }, machine)).toEqual({
    uids: [
      { start: 100_000, size: 65_536 },
      { start: 300_000, size: 10 },
    ],
    gids: [],
  });
});

test("without the files nobody has a range", async () => {
  await using machine = await recordedMachine({});
  expect(subordinateIds({ name: "ana", uid: 1000 }, machine)).toEqual({ uids: [], gids: [] });
});
