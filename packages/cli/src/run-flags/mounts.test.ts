import { expect, test } from "vitest";
import { parseMount, parseTmpfs, parseVolume } from "./mounts.ts";

const here = { folder: "/here", selinux: false };

test.each([
  ["/a:/b", { type: "bind", source: "/a", destination: "/b", readonly: false }],
  ["/a:/b:ro", { type: "bind", source: "/a", destination: "/b", readonly: true }],
  ["./x:/b:rw,z", { type: "bind", source: "/here/x", destination: "/b", readonly: false }],
  ["../x:/b", { type: "bind", source: "/x", destination: "/b", readonly: false }],
  [".:/b:ro,rshared", { type: "bind", source: "/here", destination: "/b", readonly: true, propagation: "rshared" }],
  ["data:/b:ro", { type: "volume", name: "data", destination: "/b", readonly: true }],
])("--volume %s", (text, expected) => {
  expect(parseVolume(text, here)).toEqual(expected);
});

test.each([
  ["/data", "a volume needs a name"],
  ["data", "expected SOURCE:DESTINATION[:OPTIONS]"],
  ["/a:b", '"b" is no place in a container'],
  ["a/b:/c", '"a/b" is no name for a volume'],
  ["~/x:/c", `"~" is the shell's`],
  ["/a:/b:ro:rw", "expected SOURCE:DESTINATION[:OPTIONS]"],
  ["/a:/b:rprivat", `"rprivat" is no option, expected ro, rw`],
  ["/a:/b:U", '"U" cannot be had'],
  ["data:/b:rshared", `"data" is a volume`],
])('--volume "%s" is refused in words', (text, words) => {
  expect(() => parseVolume(text, here)).toThrow(words);
});

test("a label of SELinux is refused only where there is SELinux", () => {
  expect(() => parseVolume("/a:/b:Z", { ...here, selinux: true })).toThrow("does not label files for SELinux");
});

test("the option that was nearly written is named", () => {
  expect(() => parseVolume("/a:/b:rprivat", here)).toThrow(expect.objectContaining({ hint: "Did you mean rprivate?" }));
  expect(() => parseVolume("a/b:/c", here)).toThrow(
    expect.objectContaining({ hint: "A path of this machine begins with / or ./, as in ./a/b" }),
  );
});

test.each([
  ["type=bind,source=/a,target=/b", { type: "bind", source: "/a", destination: "/b", readonly: false }],
  [
    'type=bind,"src=/a,b",dst=/b,ro,bind-propagation=rslave',
    { type: "bind", source: "/a,b", destination: "/b", readonly: true, propagation: "rslave" },
  ],
  ["type=bind,src=./a,dst=/b,readonly=false", { type: "bind", source: "/here/a", destination: "/b", readonly: false }],
  ["src=data,dst=/b,readonly", { type: "volume", name: "data", destination: "/b", readonly: true }],
  [
    "type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1770",
    { type: "tmpfs", destination: "/t", size: 64 * 1024 ** 2, mode: 0o1770 },
  ],
])("--mount %s", (text, expected) => {
  expect(parseMount(text, here)).toEqual(expected);
});

test.each([
  ["type=bnd,src=/a,dst=/b", '"bnd" is no type, expected bind, volume or tmpfs'],
  ["type=bind,dst=/b", "type=bind needs a source"],
  ["type=bind,src=/a", '"" is no place in a container'],
  ["type=bind,sorce=/a,dst=/b", '"sorce" is no key'],
  ["type=bind,src=/a,dst", '"dst" needs a value'],
  ["type=tmpfs,src=/a,dst=/b", "a tmpfs has no source"],
  ["type=bind,src=/a,dst=/b,tmpfs-size=1m", '"tmpfs-size" is for type=tmpfs'],
  ["type=bind,src=/a,dst=/b,ro=perhaps", '"perhaps" is neither true nor false'],
])('--mount "%s" is refused in words', (text, words) => {
  expect(() => parseMount(text, here)).toThrow(words);
});

test.each([
  ["/t", { type: "tmpfs", destination: "/t" }],
  [
    "/t:size=64k,mode=700,exec,uid=5",
    { type: "tmpfs", destination: "/t", size: 65_536, mode: 0o700, options: ["exec", "uid=5"] },
  ],
  ["/t:size=50%,", { type: "tmpfs", destination: "/t", options: ["size=50%"] }],
])("--tmpfs %s", (text, expected) => {
  expect(parseTmpfs(text)).toEqual(expected);
});

test.each([
  ["t", '"t" is no place in a container'],
  ["/t:sise=1m", '"sise=1m" is no option of a tmpfs'],
  ["/t:mode=rwx", '"rwx" is no mode'],
  ["/t:exec=1", '"exec=1" is no option of a tmpfs'],
  ["/t:size=much", "expected bytes"],
])('--tmpfs "%s" is refused in words', (text, words) => {
  expect(() => parseTmpfs(text)).toThrow(words);
});
