import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type Bench, bytesOf, outputOf } from "./bench.ts";

/** What a program reads and writes while somebody is connected to it. */
export function streams(bench: () => Bench): void {
  test("stdout and stderr come apart", async () => {
    expect(await bench().sh("echo out; echo err >&2; echo more")).toMatchObject({
      stdout: "out\nmore\n",
      stderr: "err\n",
    });
  });

  test("programs that write to /dev/stdout and /dev/stderr, as root and as others, are heard", async () => {
    for (const user of ["root", "app"])
      expect(await bench().sh("echo out > /dev/stdout; echo err > /dev/stderr", { user })).toMatchObject({
        stdout: "out\n",
        stderr: "err\n",
      });
  });

  test("what a program wrote before its end is all there, however quick it was", async () => {
    for (let i = 0; i < 5; i += 1) expect((await bench().sh(`echo ${i}`)).stdout).toBe(`${i}\n`);
  });

  test("ten megabytes come whole and in order, to the caller and to the log", async () => {
    const program = 'BEGIN { for (i = 1; i <= 100000; i++) printf "%0104d\\n", i }';
    await using container = await bench().create({ command: ["awk", program] });
    const expected = createHash("sha256");
    for (let i = 1; i <= 100_000; i += 1) expected.update(`${String(i).padStart(104, "0")}\n`);
    const digest = expected.digest("hex");

    const { stdout } = await bench().toEnd(container);

    expect(createHash("sha256").update(stdout).digest("hex")).toBe(digest);
    const logged = createHash("sha256");
    for await (const { text, partial } of container.logs()) logged.update(text).update(partial ? "" : "\n");
    expect(logged.digest("hex")).toBe(digest);
  });

  test("bytes are not changed", async () => {
    await using container = await bench().create({ command: ["cat", "/bin/busybox"] });

    const { stdout, exit } = await container.start({ stdio: "pipe" });
    const bytes = await bytesOf(stdout);
    await exit;

    expect(bytes.byteLength).toBeGreaterThan(100_000);
    const program = await container.withFiles((root) => readFile(`${root}/bin/busybox`));
    expect(bytes.equals(program)).toBe(true);
  });

  test("a program reads what it is given, to its end", async () => {
    await using container = await bench().create({ command: ["sha256sum"], interactive: true });
    const input = Buffer.alloc(3_000_000, "lading ");

    const process = await container.start({ stdio: "pipe" });
    process.stdin?.end(input);

    const { stdout, code } = await outputOf(process);
    expect(code).toBe(0);
    expect(stdout).toContain(createHash("sha256").update(input).digest("hex"));
  });

  test("a program and its caller take turns", async () => {
    await using container = await bench().shell('while read line; do echo "got $line"; done', { interactive: true });
    const process = await container.start({ stdio: "pipe" });
    const output = process.stdout[Symbol.asyncIterator]();

    for (const word of ["one", "two"]) {
      process.stdin?.write(`${word}\n`);
      const { value } = await output.next();
      expect(Buffer.from(value ?? []).toString()).toBe(`got ${word}\n`);
    }
    process.stdin?.end();
    expect(await process.exit).toMatchObject({ code: 0 });
  });

  test("a program that is not interactive has nothing to read, and no end to write to", async () => {
    await using container = await bench().create({ command: ["cat"] });

    const process = await container.start({ stdio: "pipe" });

    expect(process.stdin).toBeUndefined();
    expect(await process.exit).toMatchObject({ code: 0 });
  });

  test("a program that does not read what it is given ends all the same", async () => {
    await using container = await bench().create({ command: ["true"], interactive: true });
    const process = await container.start({ stdio: "pipe" });
    process.stdin?.on("error", () => undefined);
    process.stdin?.write(Buffer.alloc(500_000));

    expect(await outputOf(process)).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  test("the streams end with the program, though a process of its holds them", async () => {
    await using container = await bench().shell("sleep 30 & echo begun");

    const { stdout, code } = await bench().toEnd(container);

    expect(stdout).toBe("begun\n");
    expect(code).toBe(0);
  });

  test("with stdio none the output goes to the log alone", async () => {
    await using container = await bench().shell("echo hidden");

    const { stdout, stderr, stdin } = await container.start({ stdio: "none" });
    await container.wait();

    expect(stdin).toBeUndefined();
    expect(await bytesOf(stdout)).toHaveLength(0);
    expect(await bytesOf(stderr)).toHaveLength(0);
    const lines: string[] = [];
    for await (const { text } of container.logs()) lines.push(Buffer.from(text).toString());
    expect(lines).toEqual(["hidden"]);
  });

  test("with stdio inherit the output goes to this process's own streams, and to the log", async () => {
    const plan = bench().plan({ command: ["sh", "-c", "echo out; echo err >&2; exit 5"] });

    const { stdout, stderr, status } = await bench().runElsewhere(
      `
      await using container = await engine.create(plan, image, { imageName });
      const { exit } = await container.start({ stdio: "inherit" });
      const { code } = await exit;
      for await (const { text, stream } of container.logs()) console.log("logged", stream, Buffer.from(text).toString());
      process.exitCode = code;
      `,
      { plan },
    );

    expect(stderr).toBe("err\n");
    expect(stdout.split("\n").toSorted()).toEqual(["", "logged stderr err", "logged stdout out", "out"]);
    expect(status).toBe(5);
  });

  test("of much output nothing is lost on the way to this process's own streams, and nothing comes to it", async () => {
    const plan = bench().plan({ command: ["head", "-c", "10000000", "/dev/zero"] });

    const { stdout, stderr } = await bench().runElsewhere(
      `
      await using container = await engine.create(plan, image, { imageName });
      const { exit } = await container.start({ stdio: "inherit" });
      await exit;
      `,
      { plan },
    );

    expect(stderr).toBe("");
    expect(stdout).toHaveLength(10_000_000);
  });

  test("a signal goes to the program that was started", async () => {
    await using container = await bench().shell(
      "trap 'echo caught; exit 6' USR1; echo ready; while :; do sleep 0.05; done",
    );
    const process = await container.start({ stdio: "pipe" });
    const output = process.stdout[Symbol.asyncIterator]();
    await output.next();

    await process.kill("SIGUSR1");

    expect(await process.exit).toMatchObject({ code: 6 });
  });
}
