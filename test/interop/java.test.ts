import { chmod, cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { javaBase } from "./java-base.ts";
import { lading } from "./lading.ts";

const example = fileURLToPath(new URL("../../examples/java", import.meta.url));

/** Digests of an image's layers, by their names. */
async function layersOf(place: string): Promise<ReadonlyMap<string, string>> {
  const { image } = JSON.parse(await lading(["inspect", "--json", place]));
  const layers: { comment: string; digest: string }[] = image.layers;
  return new Map(layers.map(({ comment, digest }) => [comment, digest]));
}

/** What the program of an image says. */
async function say(place: string, ...args: readonly string[]): Promise<string> {
  return await lading(["run", "--rm", "--engine", "runc", "--network", "none", place, ...args]);
}

test.runIf(installed("java", "ecj", "zip", "runc") && isRoot)(
  "a Java program runs from its layers, an edit of it ships its classes alone, and packaged it runs as well",
  { timeout: 120_000 },
  async () => {
    await using folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    const program = join(folder.path, "java");
    await cp(example, program, { recursive: true, filter: (path) => !path.endsWith("/target") });
    const compile = async (): Promise<string> =>
      await run(join(program, "build.sh"), [], { env: { JAVAC: "ecj -proc:none -11" } });
    await compile();
    const jar = join(program, "target/hello.jar");
    const flags = ["--from", await javaBase(folder.path), "--jvm-flags=-Dname=layers,-Xshare:auto", "-q"];

    const one = `oci:${join(folder.path, "one")}`;
    await lading(["build", jar, ...flags, "-o", one]);
    expect(await say(one)).toBe("Hello, layers!\nShipped in layers.\n");
    expect(await say(one, "reader")).toBe("Hello, reader!\nShipped in layers.\n");

    const source = join(program, "src/com/acme/hello/Main.java");
    await writeFile(source, (await readFile(source, "utf8")).replace("Greeting.of(", '"> " + Greeting.of('));
    await compile();
    const two = `oci:${join(folder.path, "two")}`;
    await lading(["build", jar, ...flags, "-o", two]);
    expect(await say(two)).toBe("> Hello, layers!\nShipped in layers.\n");
    const before = await layersOf(one);
    const other = [...(await layersOf(two))].filter(([name, digest]) => before.get(name) !== digest);
    expect(other.map(([name]) => name)).toEqual(["classes"]);

    await lading(["build", jar, ...flags, "--mode", "packaged", "-o", two]);
    expect(await say(two)).toBe("> Hello, layers!\nShipped in layers.\n");
  },
);
