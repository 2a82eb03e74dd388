import { parseDigest } from "@lading/oci";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createProgress, type ProgressStream } from "./progress.ts";
import { TerminalProgress } from "./progress-terminal.ts";
import { columns, styleFor } from "./terminal.ts";

class Screen implements ProgressStream {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly writes: string[] = [];

  constructor(isTTY = true, width = 60, rows = 10) {
    this.isTTY = isTTY;
    this.columns = width;
    this.rows = rows;
  }

  write(text: string): void {
    this.writes.push(text);
  }

  /** What a terminal shows after all writes: cursor up, clear to the end and line ends understood. */
  lines(): string[] {
    const shown: string[] = [""];
    for (const token of this.writes.join("").match(/\x1b\[[0-9;?]*[A-Za-z]|[\s\S]/g) ?? []) {
      const up = /^\x1b\[(\d+)A$/.exec(token);
      if (up !== null) shown.splice(shown.length - 1 - Number(up[1]));
      else if (token === "\n") shown.push("");
      else if (!token.startsWith("\x1b") && token !== "\r") shown[shown.length - 1] = `${shown.at(-1)}${token}`;
      if (up !== null) shown.push("");
    }
    return shown;
  }
}

const layer = (id: string, name: string, size = 1000): Parameters<ReturnType<typeof createProgress>["event"]>[0] => ({
  type: "layer-start",
  id,
  name,
  platforms: ["linux/amd64", "linux/arm64"],
  entries: 2,
  size,
});
const done = { type: "layer-done", reuse: "none", digest: "sha256:0", diffId: "sha256:1", size: 400, ms: 12 } as const;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a terminal shows a row for each layer, redrawn in place", () => {
  const screen = new Screen();
  const progress = new TerminalProgress(screen, styleFor(screen, { NO_COLOR: "1" }));
  progress.event(layer("1", "dependencies"));
  progress.event(layer("2", "app", 2_000_000));
  progress.event({ type: "layer-progress", id: "2", done: 1_000_000 });
  progress.draw();
  progress.event({ ...done, id: "1" });
  progress.draw();
  expect(screen.lines()).toEqual([
    "✔ dependencies  400 B  packed  12 ms",
    "⠹ app           ━━━━━━━━━━━━━━━━━━━━━━      1.0 MB / 2.0 MB",
    "",
  ]);
  progress.end();
  expect(screen.lines()).toEqual([""]);
});

test("downloads whose URLs are shown alike have a row each", () => {
  const screen = new Screen(true, 90);
  const progress = new TerminalProgress(screen, styleFor(screen, { NO_COLOR: "1" }));
  const url = "https://a.example/get?f=…";
  progress.event({ type: "download-start", id: "download 1", url, size: 10 });
  progress.event({ type: "download-start", id: "download 2", url, size: 20 });
  progress.event({ type: "download-done", id: "download 1", url, size: 10, ms: 5 });
  progress.draw();
  expect(screen.lines()).toEqual([
    `✔ ${url}  10 B  5 ms`,
    expect.stringMatching(/^. https:\/\/a\.example\/get\?f=…  ━+ +0 B \/ 20 B *$/),
    "",
  ]);
  progress.end();
});

test("a download has a row with its pace on a terminal, and no line in a log", () => {
  const screen = new Screen(true, 90);
  const log = new Screen(false);
  const progress = new TerminalProgress(screen, styleFor(screen, { NO_COLOR: "1" }));
  const lines = createProgress("plain", { stream: log, env: { NO_COLOR: "1" } });
  const tell = (event: Parameters<typeof progress.event>[0]): void =>
    [progress, lines].forEach((one) => one.event(event));
  tell({ type: "download-start", id: "download 1", url: "https://a.example/big.tar", size: 20_000_000 });
  tell({ type: "download-start", id: "download 2", url: "https://a.example/unsized", size: undefined });
  vi.advanceTimersByTime(1000);
  tell({ type: "download-progress", id: "download 1", url: "https://a.example/big.tar", done: 10_000_000 });
  tell({ type: "download-progress", id: "download 2", url: "https://a.example/unsized", done: 3000 });
  progress.draw();
  expect(screen.lines()).toEqual([
    expect.stringMatching(/^. https:\/\/a\.example\/big\.tar  ━+ +10\.0 MB \/ 20\.0 MB +10\.0 MB\/s$/),
    expect.stringMatching(/^. https:\/\/a\.example\/unsized +3\.0 kB$/),
    "",
  ]);
  tell({ type: "download-done", id: "download 1", url: "https://a.example/big.tar", size: 20_000_000, ms: 2000 });
  progress.draw();
  expect(screen.lines()[0]).toBe("✔ https://a.example/big.tar  20.0 MB  2.00 s");
  progress.end();
  expect(log.writes).toEqual([]);
});

test("each redraw is one write, and no row is wider than the terminal", () => {
  const screen = new Screen(true, 30);
  const progress = new TerminalProgress(screen, styleFor(screen, {}));
  progress.event(layer("1", "a layer with a very long name, 日本語 included"));
  vi.advanceTimersByTime(80 * 3);
  expect(screen.writes).toHaveLength(3);
  for (const line of screen.lines()) expect(columns(line)).toBeLessThan(30);
  progress.end();
});

test("work that is over at once draws nothing", () => {
  const screen = new Screen();
  const progress = createProgress("auto", { stream: screen, env: {} });
  progress.event(layer("1", "app"));
  progress.event({ ...done, id: "1" });
  progress.end();
  expect(screen.lines()).toEqual([""]);
});

test("more layers than rows: what is running is shown", () => {
  const screen = new Screen(true, 60, 5);
  const progress = new TerminalProgress(screen, styleFor(screen, { NO_COLOR: "1" }));
  for (let at = 0; at < 8; at++) progress.event(layer(`${at}`, `layer ${at}`));
  for (let at = 0; at < 6; at++) progress.event({ ...done, id: `${at}` });
  progress.draw();
  expect(screen.lines().map((line) => line.slice(2, 9))).toEqual(["layer 6", "layer 7", ""]);
  progress.end();
});

test("a warning stays above the rows", () => {
  const screen = new Screen();
  const progress = new TerminalProgress(screen, styleFor(screen, { NO_COLOR: "1" }));
  progress.event(layer("1", "app"));
  progress.draw();
  progress.event({ type: "warning", message: "a\x1bb" });
  progress.draw();
  expect(screen.lines()[0]).toBe("warning: a\\x1bb");
  progress.end();
  expect(screen.lines()).toEqual(["warning: a\\x1bb", ""]);
});

test("a log gets a line for each thing done, without control sequences", () => {
  const screen = new Screen(false);
  const progress = createProgress(undefined, { stream: screen, env: {} });
  progress.event({ type: "base", place: "oci:base", platform: "linux/amd64", digest: "sha256:b" });
  progress.event(layer("1", "app", 1234));
  progress.event({ ...done, id: "1", reuse: "stat" });
  progress.event({ type: "image", platform: "linux/amd64", digest: "sha256:i" });
  progress.event({ type: "write-start", place: "oci-archive:a.tar" });
  progress.event({ type: "write-done", place: "oci-archive:a.tar", size: 2000, unchanged: false, ms: 3 });
  progress.event({ type: "write-done", place: "oci-archive:b.tar", size: 2000, unchanged: true, ms: 3 });
  progress.end();
  expect(screen.writes.join("")).toBe(`\
base oci:base for linux/amd64: sha256:b
layer app: 2 entries, 1.2 kB -> 400 B, unchanged in 12 ms
image linux/amd64: sha256:i
wrote oci-archive:a.tar: 2.0 kB in 3 ms
oci-archive:b.tar is up to date
`);
});

test("what programs write stands behind their stage, and moves no terminal", () => {
  const events = [
    { type: "step-start", id: "1", text: "RUN make", stage: "build", platform: "linux/amd64" },
    { type: "step-output", id: "1", line: "\x1b[31mred\x1b[0m\x07" },
    { type: "step-done", id: "1", ms: 12 },
  ] as const;
  const log = new Screen(false);
  const plain = createProgress("plain", { stream: log, env: {} });
  events.forEach((event) => plain.event(event));
  expect(log.writes.join("")).toBe("[build] RUN make\n[build] red\\x07\n[build] RUN make: 12 ms\n");

  const screen = new Screen();
  const terminal = new TerminalProgress(screen, styleFor(screen, { NO_COLOR: "1" }), true);
  events.forEach((event) => terminal.event(event));
  terminal.draw();
  expect(screen.lines()).toEqual([
    "[build linux/amd64] red\\x07",
    expect.stringMatching(/^✔ \[build linux\/amd64\] RUN make +12 ms$/),
    "",
  ]);
  terminal.end();
});

test("a log that is watched sees that a long layer is still being packed", () => {
  const screen = new Screen(false);
  const progress = createProgress("plain", { stream: screen, env: {} });
  progress.event(layer("1", "app", 1000));
  progress.event({ type: "layer-progress", id: "1", done: 100 });
  vi.advanceTimersByTime(5000);
  progress.event({ type: "layer-progress", id: "1", done: 500 });
  progress.event({ type: "layer-progress", id: "1", done: 600 });
  expect(screen.writes).toEqual(["layer app: 500 B of 1.0 kB (50 %)\n"]);
});

test("json is one object a line, and none is silent", () => {
  const screen = new Screen(false);
  createProgress("json", { stream: screen }).event({ type: "warning", message: "x" });
  createProgress("none", { stream: screen }).event({ type: "warning", message: "x" });
  expect(screen.writes).toEqual(['{"type":"warning","message":"x"}\n']);
});

test("CI logs get lines even where they look like terminals", () => {
  const screen = new Screen(true);
  createProgress("auto", { stream: screen, env: { CI: "true", NO_COLOR: "1" } }).event({
    type: "warning",
    message: "x",
  });
  expect(screen.writes).toEqual(["warning: x\n"]);
});

const digest = `sha256:${"0123456789abcdef".repeat(4)}` as const;
const blob = { place: "ghcr.io/acme/app:1", digest: parseDigest(digest), kind: "layer", size: 2_000_000 } as const;

test("a terminal shows what is on its way with its rate, and what became of the rest", () => {
  const screen = new Screen(true, 78);
  const progress = new TerminalProgress(screen, styleFor(screen, { NO_COLOR: "1" }));
  progress.event({ type: "blob-start", ...blob });
  vi.advanceTimersByTime(1000);
  progress.event({ type: "blob-progress", ...blob, done: 500_000 });
  progress.draw();
  expect(screen.lines()[0]).toMatch(/^. 0123456789ab {2}━+ {6}500 kB \/ 2\.0 MB {3}500 kB\/s$/);
  progress.event({ type: "blob-retry", ...blob });
  progress.draw();
  expect(screen.lines()[0]).toMatch(/try 2$/);
  progress.event({ type: "blob-done", ...blob, outcome: "copied", ms: 2000 });
  const other = { ...blob, digest: parseDigest(digest.replace("01", "ff")) };
  progress.event({ type: "blob-done", ...other, outcome: "mounted", from: "acme/base", ms: 0 });
  progress.draw();
  expect(screen.lines()).toEqual([
    "✔ 0123456789ab  2.0 MB in 2.00 s, 1.0 MB/s",
    "✔ ff23456789ab  mounted from acme/base",
    "",
  ]);
  progress.end();
});

test("a log gets a line when a large blob begins, when it begins anew and when it is done", () => {
  const screen = new Screen(false);
  const progress = createProgress("plain", { stream: screen, env: {} });
  progress.event({ type: "blob-start", ...blob });
  progress.event({ type: "blob-progress", ...blob, done: 500_000 });
  progress.event({ type: "blob-retry", ...blob });
  progress.event({ type: "blob-done", ...blob, outcome: "copied", ms: 2000 });
  progress.event({ type: "blob-done", ...blob, outcome: "exists", ms: 0 });
  expect(screen.writes).toEqual([
    "0123456789ab: 2.0 MB begins\n",
    "0123456789ab: begins anew\n",
    "0123456789ab: 2.0 MB in 2.00 s, 1.0 MB/s\n",
    "0123456789ab: already exists\n",
  ]);
});

test("a long name of the place leaves the bars their room", () => {
  const screen = new Screen(true, 78);
  const progress = new TerminalProgress(screen, styleFor(screen, { NO_COLOR: "1" }));
  const place = `registry.example.com/${"a-rather-long-folder/".repeat(4)}app:1`;
  progress.event({ type: "write-start", place });
  progress.event({ type: "blob-start", ...blob, place });
  progress.draw();
  expect(screen.lines()[0]).toMatch(/^. writing registry\.example\.com\/a-rather-long-folder\/.*… *$/);
  expect(screen.lines()[1]).toMatch(/^. 0123456789ab {2}━{29,}/);
  for (const line of screen.lines()) expect(line.length).toBeLessThan(78);
  progress.end();
});

test("a pause of a registry is told once, and none that nobody notices", () => {
  const screen = new Screen(false);
  const progress = createProgress("plain", { stream: screen, env: {} });
  const retry = { type: "retry", registry: "ghcr.io", message: "GET x: 429", attempt: 2, attempts: 6 } as const;
  progress.event({ ...retry, wait: 400, asked: false });
  progress.event({ ...retry, wait: 4000, asked: true });
  progress.event({ ...retry, wait: 4000, asked: true });
  vi.advanceTimersByTime(4001);
  progress.event({ ...retry, attempt: 3, wait: 2000, asked: false });
  expect(screen.writes).toEqual([
    "ghcr.io asks to wait 4.00 s (try 2 of 6): GET x: 429\n",
    "ghcr.io: trying again in 2.00 s (try 3 of 6): GET x: 429\n",
  ]);
});

test("where all content was there, what is told is the name", () => {
  const screen = new Screen(false);
  const progress = createProgress("plain", { stream: screen, env: {} });
  const written = { type: "write-done", place: "ghcr.io/acme/app:2", size: 0, unchanged: false, ms: 3 } as const;
  progress.event({ ...written, blobs: { copied: 0, exists: 3, mounted: 0 } });
  expect(screen.writes).toEqual(["tagged ghcr.io/acme/app:2: all of it was there before\n"]);
});
