import type { Process } from "@lading/runner";
import { expect, test } from "vitest";
import { type Bench, outputOf } from "./bench.ts";

/** A program with a terminal, its size, and what it means for its streams. */
export function terminal(bench: () => Bench): void {
  const spec = { terminal: true, interactive: true } as const;

  test("a program has a terminal when it is asked for, and none else", async () => {
    const script = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal || echo none";

    expect((await bench().sh(script, spec)).stdout.trim()).toBe("terminal");
    expect((await bench().sh(script)).stdout.trim()).toBe("none");
  });

  test("the terminal is the program's own: it controls its session, and TERM says xterm", async () => {
    const { stdout } = await bench().sh(
      'tty; echo "$TERM"; cut -d " " -f 1,6 /proc/$$/stat; ls -l /dev/tty >/dev/tty',
      spec,
    );

    const [name = "", term, session = ""] = stdout.split("\r\n");
    expect(name).toMatch(/^\/dev\/(?:pts\/\d+|console)$/);
    expect(term).toBe("xterm");
    const [pid, sid] = session.split(" ");
    expect(sid).toBe(pid);
  });

  test("everything that it writes is on stdout, with the line ends of a terminal", async () => {
    expect(await bench().sh("echo out; echo err >&2", spec)).toMatchObject({ stdout: "out\r\nerr\r\n", stderr: "" });
  });

  test("the terminal has the size that it is given, and its program hears of a change", async () => {
    await using container = await bench().shell(
      "trap 'stty size' WINCH; echo ready; read first; stty size; while :; do sleep 0.05; done",
      spec,
    );
    const process = await container.start({ stdio: "pipe" });
    const output = reader(process);
    await output.until("ready");

    await process.resize({ columns: 91, rows: 23 });
    process.stdin?.write("go\n");
    await output.until("23 91");
    await process.resize({ columns: 120, rows: 40 });
    await output.until("40 120");

    await container.kill("SIGKILL");
    await process.exit;
  });

  test("what is typed is echoed, and control characters are keys", async () => {
    await using container = await bench().shell(
      "trap 'echo interrupted; exit 3' INT; echo ready; while :; do read x; done",
      spec,
    );
    const process = await container.start({ stdio: "pipe" });
    const output = reader(process);
    await output.until("ready");

    process.stdin?.write("typed\n");
    await output.until("typed");
    process.stdin?.write("\u0003");

    await output.until("interrupted");
    expect(await process.exit).toMatchObject({ code: 3 });
  });

  test("its output is in the log too", async () => {
    await using container = await bench().shell("echo seen", spec);
    await bench().toEnd(container);

    const lines: string[] = [];
    for await (const { text, stream } of container.logs())
      lines.push(`${stream} ${Buffer.from(text).toString().trim()}`);
    expect(lines).toEqual(["stdout seen"]);
  });

  test("large output of a terminal is whole", async () => {
    const { stdout } = await bench().run({ ...spec, command: ["seq", "1", "100000"] });

    expect(stdout.split("\r\n")).toHaveLength(100_001);
    expect(stdout.endsWith("\r\n99999\r\n100000\r\n")).toBe(true);
  });

  test("exec has a terminal of its own, with a size of its own", async () => {
    await using container = await bench().idle();
    const process = await container.exec(
      { command: ["sh", "-c", "echo ready; read x; tty; stty size"], terminal: true, interactive: true },
      { stdio: "pipe" },
    );
    await process.resize({ columns: 77, rows: 11 });
    process.stdin?.write("go\n");

    const { stdout, code } = await outputOf(process);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\/dev\/(?:pts\/\d+|console)\r\n11 77\r\n$/);
  });
}

/** Reads on until a text has come. */
function reader(process: Process): { until(text: string): Promise<void> } {
  const output = process.stdout[Symbol.asyncIterator]();
  let seen = "";
  return {
    async until(text) {
      for (;;) {
        const at = seen.indexOf(text);
        if (at !== -1) {
          seen = seen.slice(at + text.length);
          return;
        }
        const { value, done } = await output.next();
        if (done === true) throw new Error(`Waited in vain for "${text}" in ${JSON.stringify(seen)}`);
        seen += Buffer.from(value).toString();
      }
    },
  };
}
