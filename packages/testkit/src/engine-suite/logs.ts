import type { Container, LogsOptions } from "@lading/runner";
import { expect, test } from "vitest";
import { type Bench, newName, watched } from "./bench.ts";

/** What a program wrote, line by line, while it runs and when it has ended. */
export function logs(bench: () => Bench): void {
  test("lines come with their stream and their time", async () => {
    const before = Date.now();
    await using container = await bench().shell("echo out; sleep 0.2; echo err >&2; sleep 0.2; echo; echo last");
    await bench().toEnd(container);

    const lines = await all(container);

    const of = (wanted: string): readonly string[] =>
      lines.filter(({ stream }) => stream === wanted).map(({ text }) => text);
    expect(of("stdout")).toEqual(["out", "", "last"]);
    expect(of("stderr")).toEqual(["err"]);
    expect(lines.every(({ partial }) => !partial)).toBe(true);
    const times = lines.map(({ time }) => Date.parse(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(before - 1000);
    expect(times.at(-1)).toBeLessThan(Date.now() + 1000);
    for (const { time } of lines) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/);
  });

  test("a container that was never started has none", async () => {
    await using container = await bench().shell("echo never");

    expect(await all(container)).toEqual([]);
    expect(await all(container, { follow: false, tail: 3 })).toEqual([]);
  });

  test("tail takes the last of them", async () => {
    await using container = await bench().create({ command: ["seq", "1", "5000"] });
    await bench().toEnd(container);

    expect(await texts(container, { tail: 3 })).toEqual(["4998", "4999", "5000"]);
    expect(await texts(container, { tail: 0 })).toEqual([]);
    expect(await texts(container, { tail: 10_000 })).toHaveLength(5000);
  });

  test("since and until take those of a time", async () => {
    await using container = await bench().shell("echo one; sleep 1.2; echo two; sleep 1.2; echo three");
    await bench().toEnd(container);
    const [, two, three] = await all(container);
    const [second, third] = [new Date(two?.time ?? ""), new Date(three?.time ?? "")];
    const between = new Date((second.valueOf() + third.valueOf()) / 2);

    expect(await texts(container, { since: new Date(second.valueOf() - 500) })).toEqual(["two", "three"]);
    expect(await texts(container, { since: between })).toEqual(["three"]);
    expect(await texts(container, { until: between })).toEqual(["one", "two"]);
    expect(await texts(container, { since: new Date(second.valueOf() - 500), until: between })).toEqual(["two"]);
  });

  test("following goes on with each line as it comes, until the container has ended", async () => {
    await using container = await bench().shell("echo one; while read word; do echo $word; done", {
      interactive: true,
    });
    const process = await container.start({ stdio: "pipe" });
    const lines = container.logs({ follow: true })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => {
      const { value, done } = await lines.next();
      return done === true ? "the end" : Buffer.from(value.text).toString();
    };

    expect(await next()).toBe("one");
    process.stdin?.write("two\n");
    expect(await next()).toBe("two");
    process.stdin?.end("three\n");
    expect(await next()).toBe("three");
    expect(await next()).toBe("the end");
    expect(await process.exit).toMatchObject({ code: 0 });
  });

  test("who follows what has ended gets all of it, and the end", async () => {
    await using container = await bench().shell("echo one; echo two");
    await bench().toEnd(container);

    expect(await texts(container, { follow: true })).toEqual(["one", "two"]);
    expect(await texts(container, { follow: true, tail: 1 })).toEqual(["two"]);
  });

  test("several follow at once, and each gets all", async () => {
    await using container = await bench().shell("for i in 1 2 3; do echo $i; sleep 0.1; done");
    await container.start(watched);

    const seen = await Promise.all([1, 2, 3].map(() => texts(container, { follow: true })));

    expect(seen).toEqual([1, 2, 3].map(() => ["1", "2", "3"]));
  });

  test("a line that is longer than 16 KiB comes in parts, and none of it is lost", async () => {
    await using container = await bench().shell("head -c 40000 /dev/zero | tr '\\0' x; echo; echo short");
    await bench().toEnd(container);

    const lines = await all(container);

    expect(lines.at(-1)).toMatchObject({ text: "short", partial: false });
    const parts = lines.slice(0, -1);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.map(({ text }) => text).join("")).toBe("x".repeat(40_000));
    expect(parts.map(({ partial }) => partial)).toEqual(parts.map((_, i) => i < parts.length - 1));
  });

  test("a last line without an end is there", async () => {
    await using container = await bench().shell("echo one; printf two");
    await bench().toEnd(container);

    const lines = await all(container);

    expect(lines.map(({ text }) => text)).toEqual(["one", "two"]);
  });

  test("bytes that are no text are kept", async () => {
    await using container = await bench().shell("printf '\\377\\000\\376\\n'");
    await bench().toEnd(container);

    const found: Uint8Array[] = [];
    for await (const { text } of container.logs()) found.push(text);
    expect(Buffer.concat(found)).toEqual(Buffer.from([0xff, 0, 0xfe]));
  });

  test("each run adds to the log", async () => {
    await using container = await bench().shell("echo run");
    await bench().toEnd(container);
    await bench().toEnd(container);

    expect(await texts(container)).toEqual(["run", "run"]);
  });

  test("an AbortSignal ends a follower with its reason", async () => {
    await using container = await bench().shell(`echo ${newName()}; sleep 30`);
    await container.start(watched);
    const abort = new AbortController();
    const reason = new Error("enough");
    const follow = async (): Promise<void> => {
      for await (const line of container.logs({ follow: true, signal: abort.signal })) {
        expect(line.text.byteLength).toBeGreaterThan(0);
        abort.abort(reason);
      }
    };

    await expect(follow()).rejects.toBe(reason);
  });

  test("who stops reading keeps nobody waiting", async () => {
    await using container = await bench().shell("echo one; sleep 30");
    await container.start(watched);
    const seen: string[] = [];

    for await (const { text } of container.logs({ follow: true })) {
      seen.push(Buffer.from(text).toString());
      break;
    }

    expect(seen).toEqual(["one"]);
  });
}

interface Line {
  readonly stream: string;
  readonly time: string;
  readonly text: string;
  readonly partial: boolean;
}

async function all(container: Container, options: LogsOptions = {}): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for await (const line of container.logs(options)) lines.push({ ...line, text: Buffer.from(line.text).toString() });
  return lines;
}

async function texts(container: Container, options: LogsOptions = {}): Promise<readonly string[]> {
  return (await all(container, options)).map(({ text }) => text);
}
