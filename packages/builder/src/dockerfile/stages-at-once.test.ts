import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatPlatform } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import type { FetchedFile } from "./dockerfile-request.ts";
import { type Step, StepFailed, type StepOptions, type StepResult, type StepRunner } from "./step-runner.ts";
import { look, workspace } from "./workspace.suite.ts";

test("stages that do not need each other are built at the same time, and one that several need once", async () => {
  const space = await workspace();
  const asked: string[] = [];
  const both = Promise.withResolvers<void>();
  // If one stage waited for the other, neither would ever be answered.
  const fetch = async (url: string): Promise<FetchedFile> => {
    asked.push(url);
    if (["http://x/a", "http://x/b"].every((one) => asked.includes(one))) both.resolve();
    if (url !== "http://x/common") await both.promise;
    return space.fetched(url);
  };
  const text = `FROM scratch AS common
ADD http://x/common /
FROM common AS a
ADD http://x/a /
FROM scratch AS b
COPY --from=common /common /c
ADD http://x/b /
FROM scratch
COPY --from=a / /a/
COPY --from=b / /b/
`;
  const result = await space.build(text, { fetch });
  expect(asked.toSorted()).toEqual(["http://x/a", "http://x/b", "http://x/common"]);
  expect((await look(result)).filter((line) => !line.includes("/ "))).toEqual([
    "a/a 600 0:0 http://x/a",
    "a/common 600 0:0 http://x/common",
    "b/b 600 0:0 http://x/b",
    "b/c 600 0:0 http://x/common",
  ]);
});

/** Programs that wait until `count` of them have begun, but for "quick". "fail" fails then, and "hang" only ends by its signal. */
class Meeting implements StepRunner {
  readonly #count: number;
  readonly #all = Promise.withResolvers<void>();
  readonly begun: string[] = [];
  readonly aborted: string[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  async run({ argv, platform }: Step, { signal, onOutput }: StepOptions = {}): Promise<StepResult> {
    const [program = ""] = argv;
    this.begun.push(`${program} ${formatPlatform(platform)}`);
    if (this.begun.filter((one) => !one.startsWith("quick")).length === this.#count) this.#all.resolve();
    if (program !== "quick") await this.#all.promise;
    if (program === "fail") throw new StepFailed("Cannot run fail: it ended with code 7", 7);
    if (program === "hang") {
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      this.aborted.push(program);
      signal?.throwIfAborted();
    }
    onOutput?.(Buffer.from(`${program} was here\n`), "stdout");
    const folder = await temporaryFolder();
    writeFileSync(join(folder.path, "made"), program);
    return { changes: folder.path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
  }
}

const twoPrograms = (first: string, second: string): string => `FROM scratch AS a
RUN ["${first}"]
FROM scratch AS b
RUN ["${second}"]
FROM scratch
COPY --from=a /made /a
COPY --from=b /made /b
`;

test("programs of two stages run at the same time; their output is told in lines, with the stage", async () => {
  const space = await workspace();
  const result = await space.build(twoPrograms("one", "two"), { runner: new Meeting(2) });
  expect((await look(result)).map((line) => line.split(" ").at(-1))).toEqual(["one", "two"]);
  const { events } = space;
  const stages = new Map(events.flatMap((event) => (event.type === "step-start" ? [[event.id, event.stage]] : [])));
  const told = events.flatMap((event) =>
    event.type === "step-output" ? [`${stages.get(event.id)}: ${event.line}`] : [],
  );
  expect(told.toSorted()).toEqual(["a: one was here", "b: two was here"]);
  expect(events.filter(({ type }) => type === "step-done")).toHaveLength(2);
});

test("a stage that fails ends the others, and is the one that is told", async () => {
  const space = await workspace();
  const runner = new Meeting(2);
  expect(await space.failure(twoPrograms("hang", "fail"), { runner })).toBe(
    "4:1 Cannot run fail: it ended with code 7",
  );
  expect(runner.aborted).toEqual(["hang"]);
  // The one that was ended has no time to tell of.
  const texts = new Map(space.events.flatMap((event) => (event.type === "step-start" ? [[event.id, event.text]] : [])));
  const done = space.events.flatMap((event) => (event.type === "step-done" ? [texts.get(event.id)] : []));
  expect(done).toEqual(['RUN ["fail"]']);
});

test("platforms are built at the same time, and what is equal for them runs once", async () => {
  const space = await workspace();
  const runner = new Meeting(2);
  const text = `FROM --platform=linux/amd64 scratch AS tool
RUN ["quick"]
FROM scratch
RUN ["other"]
COPY --from=tool /made /tool
`;
  const result = await space.build(text, { runner, spec: { platforms: ["linux/amd64", "linux/arm64"] } });
  expect(runner.begun.toSorted()).toEqual(["other linux/amd64", "other linux/arm64", "quick linux/amd64"]);
  expect(result.images).toHaveLength(2);
});

test("warnings come in the order of the file, whichever stage is ready first", async () => {
  const space = await workspace();
  const text =
    "FROM scratch AS a\nADD http://x/a /\nEXPOSE 1.1.1.1:1:1\nFROM scratch\nEXPOSE 2.2.2.2:2:2\nCOPY --from=a / /\n";
  await space.build(text, { fetch: async () => space.fetched("") });
  expect(space.warnings.map((message) => message.slice(0, 14))).toEqual(["EXPOSE 1.1.1.1", "EXPOSE 2.2.2.2"]);
});
