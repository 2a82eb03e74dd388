import { expect, test } from "vitest";
import { cosignTag, parseCosignTag } from "./cosign-tags.ts";
import { digestOf } from "./digest.ts";

test.each(["sha256", "sha512"] as const)("a tag of cosign's says what a %s digest's is about", (algorithm) => {
  const subject = digestOf("image", algorithm);
  expect(parseCosignTag(cosignTag(subject, "att"))).toEqual({ subject, suffix: "att" });
});

test.each([
  ["has no suffix", (tag: string) => tag.slice(0, -4)],
  ["has another suffix", (tag: string) => `${tag}x`],
  ["is of a digest that is cut", (tag: string) => tag.replace(/.{8}\.sig$/, ".sig")],
  ["is of no algorithm that is known", (tag: string) => tag.replace("sha256", "sha384")],
  ["belongs to a name", (tag: string) => `app:${tag}`],
])("a tag that %s is not cosign's", (_, change) => {
  expect(parseCosignTag(change(cosignTag(digestOf("image"), "sig")))).toBeUndefined();
});
