import { expect, test } from "vitest";
import type { BuildSpec } from "../spec.ts";
import { archive, classFor, manifest } from "./archive-fixture.suite.ts";
import { describeJavaArchive } from "./java-archive.ts";

const loader = "org.springframework.boot.loader.launch.JarLauncher";
const contents = [
  manifest(`Main-Class: ${loader}`, "Start-Class: com.acme.App", "Spring-Boot-Layers-Index: BOOT-INF/layers.idx"),
  { path: "org/springframework/boot/loader/launch/JarLauncher.class", content: classFor(8) },
  { path: "BOOT-INF/classes/com/acme/App.class", content: classFor(21) },
  { path: "BOOT-INF/classes/application.properties" },
  { path: "BOOT-INF/classpath.idx" },
  { path: "BOOT-INF/lib/a-1.jar", stored: true },
  { path: "BOOT-INF/lib/b-SNAPSHOT.jar", stored: true },
];

async function describe(index?: string): Promise<BuildSpec> {
  const jar = await archive("app.jar", [
    ...contents,
    ...(index === undefined ? [] : [{ path: "BOOT-INF/layers.idx", content: index }]),
  ]);
  return (await describeJavaArchive(jar)).spec;
}

/** Names of layers, and what they choose. */
function parts({ layers = [] }: BuildSpec): unknown[] {
  return layers.flatMap(({ name, add = [] }) =>
    add.flatMap((one) => ("src" in one ? [[name, { include: one.include, exclude: one.exclude }]] : [])),
  );
}

test("a Spring Boot jar without an index has Jib's layers, nothing is lost, and its own loader starts it", async () => {
  const spec = await describe();
  expect(spec).toMatchObject({ from: "eclipse-temurin:21-jre", entrypoint: ["java", "-cp", "/app", loader] });
  expect(spec.layers?.[0]?.add).toMatchObject([{ src: ["app.jar"], dest: "/app", unpack: true }]);
  const lib = "BOOT-INF/lib";
  const classes = "BOOT-INF/classes/**/*.class";
  expect(parts(spec)).toEqual([
    ["dependencies", { include: [lib], exclude: [`${lib}/**/*SNAPSHOT*`] }],
    ["spring-boot-loader", { include: ["org"] }],
    ["snapshot dependencies", { include: [`${lib}/**/*SNAPSHOT*`] }],
    ["resources", { exclude: [lib, "org", classes] }],
    ["classes", { include: [classes] }],
  ]);
});

test("the layers that layers.idx lists are the image's, but for empty ones", async () => {
  const index = `- "dependencies":
  - "BOOT-INF/lib/a-1.jar"
- "spring-boot-loader":
  - "org/"
- "nothing":
- "snapshot-dependencies":
  - "BOOT-INF/lib/b-SNAPSHOT.jar"
- "application":
  - "BOOT-INF/classes/"
  - "BOOT-INF/classpath.idx"
  - "BOOT-INF/layers.idx"
  - "META-INF/"
`;
  expect(parts(await describe(index))).toEqual([
    ["dependencies", { include: ["BOOT-INF/lib/a-1.jar"] }],
    ["spring-boot-loader", { include: ["org"] }],
    ["snapshot-dependencies", { include: ["BOOT-INF/lib/b-SNAPSHOT.jar"] }],
    ["application", { include: ["BOOT-INF/classes", "BOOT-INF/classpath.idx", "BOOT-INF/layers.idx", "META-INF"] }],
  ]);
});

test("a file is in the first layer that names it, and in the last when none does", async () => {
  const index = `- "one":
  - "BOOT-INF/lib/a-1.jar"
- "two":
  - "BOOT-INF/lib/"
- "three":
  - "BOOT-INF/lib/b-SNAPSHOT.jar"
  - "org/"
`;
  expect(parts(await describe(index))).toEqual([
    ["one", { include: ["BOOT-INF/lib/a-1.jar"] }],
    ["two", { include: ["BOOT-INF/lib"], exclude: ["BOOT-INF/lib/a-1.jar"] }],
    ["three", { exclude: ["BOOT-INF/lib/a-1.jar", "BOOT-INF/lib"] }],
  ]);
  expect(parts(await describe(""))).toEqual([["application", {}]]);
});

test("an index that is none is refused with its line", async () => {
  await expect(describe('- "dependencies":\n- application\n')).rejects.toMatchObject({
    code: "SPEC",
    message: 'Cannot read the layers.idx in "app.jar": line 2 is "- application"',
  });
});
