import { expect, test } from "vitest";
import { parseMountInfo, visibleMounts } from "./mount-info.ts";

test("a line of mountinfo is read with what its options and its file system's are", () => {
  const line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:7 master:1 - ext3 /dev/root rw,errors=continue\n";
  expect(parseMountInfo(Buffer.from(line))).toEqual([
    {
      id: 36,
      parent: 35,
      root: "/mnt1",
      destination: "/mnt 2",
      options: ["rw", "noatime"],
      propagation: ["shared:7", "master:1"],
      type: "ext3",
      source: "/dev/root",
      superOptions: ["rw", "errors=continue"],
    },
  ]);
});

test("names that are not UTF-8 keep their bytes", () => {
  const line = Buffer.from("36 35 98:0 / /raw\xff rw - tmpfs tmpfs rw\n", "latin1");
  expect(parseMountInfo(line)).toMatchObject([{ destination: "/raw\udcff" }]);
});

test("a mount that another one lies over is not seen, nor is what was below it", () => {
  const mounts = parseMountInfo(
    Buffer.from(
      `1 1 0:1 / / rw - ext4 a rw
2 1 0:2 / /a rw - tmpfs below rw
3 2 0:3 / /a/b rw - tmpfs below rw
4 2 0:4 / /a rw - tmpfs over rw
5 4 0:5 / /a/c rw - tmpfs over rw
6 1 0:6 / /ab rw - tmpfs beside rw
`,
    ),
  );
  expect(visibleMounts(mounts).map(({ id }) => id)).toEqual([1, 4, 5, 6]);
});
