import { expect, test } from "vitest";
import { MountFields } from "./mount-fields.ts";

test.each<[string, (fields: MountFields) => unknown, unknown]>([
  ["target=x", (fields) => [fields.type, fields.target("/w")], ["bind", "/w/x"]],
  ["type=tmpfs,DST=/a/../b,size=64m", (fields) => [fields.target("/w"), fields.size()], ["/b", 64 * 1024 ** 2]],
  ["type=tmpfs,target=/x,size=1.5GiB", (fields) => fields.size(), 1.5 * 1024 ** 3],
  ["type=tmpfs,target=/x,size=100", (fields) => fields.size(), 100],
  ["type=tmpfs,target=/x,size=10b", (fields) => fields.size(), 10],
  ["type=tmpfs,target=/x", (fields) => fields.size(), undefined],
  ["type=secret,target=/a/key", (fields) => fields.id(), "key"],
  ["type=secret,id=k,uid=5,mode=0440", (fields) => fields.permissions(0o400), { mode: 0o440, uid: 5, gid: 0 }],
  ["type=cache,target=/x,ro", (fields) => fields.isSet("ro", "readonly"), true],
  ["type=cache,target=/x,readonly=False", (fields) => fields.isSet("ro", "readonly"), false],
])("%s is read", (text, read, expected) => {
  expect(read(new MountFields(text))).toEqual(expected);
});

test.each<[string, (fields: MountFields) => unknown, string, string?]>([
  ["type=foo,target=/x", () => 0, '"foo" is no type', "Types are bind, cache, tmpfs, secret and ssh"],
  ["type=bind,readwrit", () => 0, '"readwrit" means nothing here', "Did you mean readwrite?"],
  [
    "type=tmpfs,sharing=locked",
    () => 0,
    '"sharing" means nothing here',
    "type=tmpfs takes target, dst, destination, size",
  ],
  ["type=cache", (fields) => fields.target("/"), "it has no target", "Write target=/PATH"],
  ["type=secret", (fields) => fields.id(), "it has no id", "Write id=NAME"],
  ["type=tmpfs,size=1x", (fields) => fields.size(), "size=1x is no size", "Write it as in 64m"],
  ["type=tmpfs,size=", (fields) => fields.size(), "size= is no size", "Write it as in 64m"],
  ["type=cache,mode=999", (fields) => fields.permissions(0), "mode=999 is no mode", "Write octal digits, as in 0600"],
  ["type=cache,uid=a", (fields) => fields.permissions(0), "uid=a is no number of an owner"],
  ["type=cache,gid=4294967295", (fields) => fields.permissions(0), "gid=4294967295 is no number of an owner"],
  ["rw=maybe", (fields) => fields.isSet("rw"), "rw=maybe is neither true nor false"],
])("%s is refused", (text, read, why, hint) => {
  expect(() => read(new MountFields(text))).toThrow(
    expect.objectContaining({ code: "SPEC", message: `Cannot read --mount=${text}: ${why}`, hint }),
  );
});
