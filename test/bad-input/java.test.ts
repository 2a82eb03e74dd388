import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ZipContent, zipOf } from "@lading/testkit";
import { expect, test } from "vitest";
import { attempt, expectBuildRefused, expectRefusal, peakMemory, small } from "./attempt.ts";

function manifest(...attributes: readonly string[]): ZipContent {
  return { path: "META-INF/MANIFEST.MF", content: [...attributes, "", ""].join("\r\n") };
}

const main = "Main-Class: a.Main";
const program: ZipContent = { path: "a/Main.class", content: Uint8Array.from([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61]) };

/** A jar in which what stands in the directory's first entry, at that place, is another number. */
async function withDirectory(at: number, value: number): Promise<Buffer> {
  const zip = await zipOf([manifest(main), program]);
  zip.writeUInt32LE(value, zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + at);
  return zip;
}

async function renamed(from: string, to: string): Promise<Buffer> {
  const zip = await zipOf([manifest(main), { path: from }]);
  return Buffer.from(zip.toString("latin1").replaceAll(from, to), "latin1");
}

const wrong: Record<string, readonly [jar: () => Buffer | Promise<Buffer>, says: string, status?: 2]> = {
  "is empty": [() => Buffer.alloc(0), 'Cannot read "app.jar": it is no zip'],
  "is text": [() => Buffer.from("public class Main {}\n"), 'Cannot read "app.jar": it is no zip'],
  "begins with a script": [() => Buffer.from("#!/bin/bash\n"), "it begins with a script"],
  "is cut short": [
    async () => (await zipOf([manifest(main), program])).subarray(0, 150),
    "it has no directory at its end: it is cut short, or no zip",
  ],
  "has bytes behind its end": [
    async () => Buffer.concat([await zipOf([manifest(main)]), Buffer.from("more")]),
    'Cannot read "app.jar": ',
  ],
  "is empty otherwise": [async () => await zipOf([]), "has no Main-Class", 2],
  "has no Main-Class": [async () => await zipOf([manifest("Main: a.Main"), program]), "has no Main-Class", 2],
  "misses a library": [
    async () => await zipOf([manifest(main, "Class-Path: lib/gone.jar"), program]),
    `Class-Path names "lib/gone.jar", and there is no such file in`,
  ],
  "wants a library from outside": [
    async () => await zipOf([manifest(main, "Class-Path: /etc/passwd"), program]),
    `Class-Path names "/etc/passwd", which is outside the context`,
  ],
  "has an encrypted file": [
    async () => await withDirectory(8, 0x8_0001),
    'Cannot read "app.jar": "META-INF/MANIFEST.MF" in it is encrypted',
  ],
  "says that it is huge": [async () => await withDirectory(24, 0xfff_ffff), "bytes to 268435455"],
  "says that it is larger than it is": [async () => await withDirectory(24, 99), "is damaged"],
  "has a directory of another place": [async () => await withDirectory(42, 0xffff), "ends behind its end"],
  climbs: [async () => await renamed("aaaaa/f", "../../f"), '"../../f" in it climbs by ".."'],
  "has a name for a terminal": [async () => await renamed("aaaaa/f", "../\x1B[2J"), 'in it climbs by ".."'],
  "has sources for classes": [
    async () => await zipOf([manifest(main), { path: "a/Main.class", content: "class" }]),
    '"a/Main.class" in it is no class file',
  ],
};

test.concurrent.each(Object.entries(wrong))("a jar that %s is refused", async (_, [make, says, status]) => {
  await using place = await small({ "lib/a": "another" });
  writeFileSync(join(place.path, "app.jar"), await make());
  await expectBuildRefused(place, ["app.jar", "--from", "scratch"], { says, status: status ?? 1 });
});

test("what is damaged within a jar stops the build that comes to it", async () => {
  await using place = await small();
  const zip = await zipOf([manifest(main), program, { path: "data", content: "data data data", stored: true }]);
  writeFileSync(join(place.path, "app.jar"), zip.fill("X", zip.indexOf("data data"), zip.indexOf("data data") + 2));
  await expectBuildRefused(place, ["app.jar", "--from", "scratch"], {
    says: 'Cannot unpack "app.jar": "data" in it is damaged: it does not unpack to what the directory says',
  });
});

test("a jar that unpacks to a thousand times its size takes little memory", async () => {
  await using place = await small();
  writeFileSync(
    join(place.path, "app.jar"),
    await zipOf([manifest(main), program, { path: "zeros", content: Buffer.alloc(200 * 2 ** 20) }]),
  );
  const flags = ["app.jar", "--from", "scratch", "-o", "oci-archive:out.tar", "-q"];
  const { status, peak } = await peakMemory(place, ["build", ...flags]);
  expect({ status, small: peak < 350 * 2 ** 20 }).toEqual({ status: 0, small: true });
});

test.concurrent.each<readonly [string, readonly string[], string]>([
  ["an unknown mode", ["app.jar", "--mode", "layered"], 'expected one of "exploded", "packaged"'],
  ["a mode twice", ["app.jar", "--mode", "exploded", "--mode", "packaged"], "--mode"],
  ["a mode for a Dockerfile", [".", "-f", "Dockerfile", "--mode", "packaged"], "Cannot use --mode"],
  ["flags of Java for files alone", ["--add", "src:/x", "--jvm-flags=-Xmx1g"], "Cannot use --jvm-flags"],
  ["the place of a war for a Dockerfile", ["-f", "Dockerfile", "--app-root", "/x"], "Cannot use --app-root"],
  ["flags of Java that are no list", ["app.jar", "--jvm-flags", '["-Xmx1g"'], "it is not valid JSON"],
  ["a list of other than texts", ["app.jar", "--jvm-flags", "[1]"], "expected a JSON array of strings"],
  ["flags of Java with an open quote", ["app.jar", "--jvm-flags=-Da='b"], "the quote ' is not closed"],
  ["a relative place", ["app.war", "--app-root", "webapps"], "expected an absolute path in the image"],
  ["a war on a base of no known place", ["app.war", "--from", "scratch"], "where it keeps web applications"],
  ["a jar that is not there", ["gone.jar"], '"gone.jar"'],
  ["a folder with the name of a jar", ["-f", "folder.jar"], '"folder.jar": it is not a regular file'],
  ["a zip that is no jar", ["app.zip"], 'Cannot build from "app.zip"'],
  ["parameters", ["app.jar", "-p", "a=b"], "it is for a build file of Jib only"],
])("%s", async (_, args, says) => {
  await using place = await small({ Dockerfile: "FROM scratch\nCOPY src /\n" });
  const zip = await zipOf([manifest(main), program]);
  for (const name of ["app.jar", "app.war", "app.zip"]) writeFileSync(join(place.path, name), zip);
  mkdirSync(join(place.path, "folder.jar"));
  const outcome = await attempt(place, ["build", ...args, "-o", "oci-archive:out.tar"]);
  expectRefusal(outcome, { says, status: 2 });
});
