import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryFolder } from "@lading/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { LogLine } from "../engine.ts";
import { readLog, type ReadLogOptions } from "./log-reader.ts";
import { LogWriter } from "./log-writer.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

async function lines(folder: string, options: ReadLogOptions = {}): Promise<readonly string[]> {
  return (await Array.fromAsync(readLog(folder, options))).map(
    ({ stream, text, partial }) => `${stream} ${Buffer.from(text).toString("latin1")}${partial ? "" : "|"}`,
  );
}

function joined(all: readonly LogLine[], wanted: LogLine["stream"]): string {
  return all
    .filter(({ stream }) => stream === wanted)
    .map(({ text, partial }) => `${Buffer.from(text).toString("latin1")}${partial ? "" : "\n"}`)
    .join("");
}

test("a log is lines with time and stream, as Kubernetes' runtimes write them", async () => {
  await using folder = await temporaryFolder();
  const before = new Date().toISOString();
  {
    using log = new LogWriter(folder.path);
    log.write("stdout", bytes("one\ntwo\n"));
    log.write("stderr", bytes("no end"));
  }

  const text = await readFile(join(folder.path, "current"), "utf8");
  const time = String.raw`(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z)`;
  const match = new RegExp(`^${time} stdout F one\n${time} stdout F two\n${time} stderr P no end\n$`).exec(text);
  expect(match).not.toBeNull();
  expect(match?.[1]?.slice(0, 23)).toSatisfy((written: string) => written >= before.slice(0, 22));
});

test("what comes out is what went in, whatever the chunks, and in order", async () => {
  const chunk = fc.record({
    stream: fc.constantFrom("stdout" as const, "stderr" as const),
    text: fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "\n", "\xff", "\0", " "), maxLength: 40 }),
      fc.nat({ max: 70_000 }).map((length) => "x".repeat(length)),
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), async (chunks) => {
      await using folder = await temporaryFolder();
      {
        using log = new LogWriter(folder.path);
        for (const { stream, text } of chunks) log.write(stream, bytes(text));
      }
      const all = await Array.fromAsync(readLog(folder.path));
      for (const stream of ["stdout", "stderr"] as const)
        expect(joined(all, stream)).toBe(
          chunks
            .filter((one) => one.stream === stream)
            .map(({ text }) => text)
            .join(""),
        );
      expect(all.every(({ text }) => text.byteLength <= 16 * 1024)).toBe(true);
      const times = all.map(({ time }) => time);
      expect(times).toEqual(times.toSorted());
    }),
    { numRuns: 60 },
  );
});

test("tail is so many lines from the end, however long they are and whichever file has them", async () => {
  await using folder = await temporaryFolder();
  const count = 3000;
  const all = Array.from({ length: count }, (_, index) => `${index} ${"y".repeat((index * 37) % 900)}`);
  {
    using log = new LogWriter(folder.path, { limit: 1024 * 1024 });
    for (const line of all) log.write("stdout", bytes(`${line}\n`));
  }

  for (const tail of [0, 1, 2, 700, 2000])
    expect(await lines(folder.path, { tail })).toEqual(all.slice(count - tail).map((line) => `stdout ${line}|`));
});

test("a long line counts once for tail, and so does one without an end", async () => {
  await using folder = await temporaryFolder();
  {
    using log = new LogWriter(folder.path);
    log.write("stdout", bytes(`first\n${"z".repeat(40_000)}\nlast`));
  }

  expect(await lines(folder.path, { tail: 1 })).toEqual(["stdout last"]);
  const two = await lines(folder.path, { tail: 2 });
  expect(two.join("").replaceAll(/stdout |\|/g, "")).toBe(`${"z".repeat(40_000)}last`);
});

test("a full log keeps the newer half of what was written", async () => {
  await using folder = await temporaryFolder();
  {
    using log = new LogWriter(folder.path, { limit: 10_000 });
    for (let index = 0; index < 1000; index++) log.write("stdout", bytes(`${index}\n`));
  }

  const kept = await lines(folder.path);
  expect(kept.at(-1)).toBe("stdout 999|");
  expect(kept.length).toBeLessThan(1000);
  expect(kept.length).toBeGreaterThan(200);
});

const lineAt = (second: number): string => `2026-01-02T03:04:0${second}.500000001Z stdout F ${second}\n`;
const date = (second: string): Date => new Date(`2026-01-02T03:04:0${second}Z`);

test("since and until choose by time", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "current"), [1, 2, 3, 4].map(lineAt).join(""));

  expect(await lines(folder.path, { since: date("2.500") })).toEqual(["stdout 2|", "stdout 3|", "stdout 4|"]);
  expect(await lines(folder.path, { until: date("2.500") })).toEqual(["stdout 1|", "stdout 2|"]);
  expect(await lines(folder.path, { since: date("2.501"), until: date("3.999") })).toEqual(["stdout 3|"]);
});

test("a beginning of a line is there a moment later, a prompt for one", async () => {
  await using folder = await temporaryFolder();
  using log = new LogWriter(folder.path);
  log.write("stdout", bytes("name? "));
  await delay(120);
  expect(await lines(folder.path)).toEqual(["stdout name? "]);
  log.write("stdout", bytes("Ann\n"));
  expect(await lines(folder.path)).toEqual(["stdout name? ", "stdout Ann|"]);
});

test("a follower sees lines as they come, across files, and ends with the program", async () => {
  await using folder = await temporaryFolder();
  const ended = Promise.withResolvers<void>();
  const log = new LogWriter(folder.path, { limit: 2000 });
  const seen: string[] = [];
  const following = (async () => {
    for await (const { text } of readLog(folder.path, { follow: true, ended: ended.promise }))
      seen.push(Buffer.from(text).toString());
  })();
  for (let index = 0; index < 200; index++) {
    log.write("stdout", bytes(`${index}\n`));
    // A follower that is two files behind has lost what was in the first.
    if (index % 20 === 19) await expect.poll(() => seen.length, { interval: 2 }).toBe(index + 1);
  }
  log[Symbol.dispose]();
  ended.resolve();
  await following;

  expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`));
});

test("a follower can be told to stop", async () => {
  await using folder = await temporaryFolder();
  using log = new LogWriter(folder.path);
  log.write("stdout", bytes("1\n"));
  const reason = new Error("enough");
  const stop = new AbortController();
  setTimeout(() => stop.abort(reason), 20);

  await expect(Array.fromAsync(readLog(folder.path, { follow: true, signal: stop.signal }))).rejects.toBe(reason);
});

test("a line that was cut off by a killed supervisor is passed over, and nothing after it", async () => {
  await using folder = await temporaryFolder();
  {
    using log = new LogWriter(folder.path);
    log.write("stdout", bytes("1\n"));
  }
  await appendFile(join(folder.path, "current"), "2026-01-02T03:04:05.12345");
  {
    using log = new LogWriter(folder.path);
    log.write("stdout", bytes("2\n"));
  }

  expect(await lines(folder.path)).toEqual(["stdout 1|", "stdout 2|"]);
  expect(await lines(folder.path, { tail: 1 })).toEqual(["stdout 2|"]);
});
