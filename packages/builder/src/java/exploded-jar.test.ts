import { symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { archive, classFor, manifest } from "./archive-fixture.suite.ts";
import { describeJavaArchive } from "./java-archive.ts";

const program = [
  { path: "com/acme/Main.class", content: classFor(17) },
  { path: "com/acme/Main$Inner.class", content: classFor(17) },
  { path: "logback.xml" },
];

test("a jar becomes layers of libraries, snapshots, resources and classes, which Java finds in their order", async () => {
  const jar = await archive(
    "Acme App-1.0.jar",
    [
      manifest("Main-Class: com.acme.Main", "Class-Path: lib/z-1.0.jar lib/b-2-SNAPSHOT.jar  other/a%20b.jar"),
      ...program,
    ],
    ["lib/z-1.0.jar", "lib/b-2-SNAPSHOT.jar", "other/a b.jar"],
  );
  const all = { mode: "0644", dirMode: "0755", mtime: "epoch" };
  const inside = { src: ["Acme App-1.0.jar"], dest: "/app/explodedJar", unpack: true, ignore: false };
  expect(await describeJavaArchive(jar)).toEqual({
    context: dirname(jar),
    warnings: [],
    spec: {
      name: "acme-app-1.0",
      from: "eclipse-temurin:17-jre",
      layers: [
        {
          name: "dependencies",
          ...all,
          add: [{ src: ["lib/z-1.0.jar", "other/a b.jar"], dest: "/app/dependencies/", ignore: false }],
        },
        {
          name: "snapshot dependencies",
          ...all,
          add: [{ src: ["lib/b-2-SNAPSHOT.jar"], dest: "/app/dependencies/", ignore: false }],
        },
        { name: "resources", ...all, add: [{ ...inside, exclude: ["**/*.class"] }] },
        { name: "classes", ...all, add: [{ ...inside, include: ["**/*.class"] }] },
      ],
      entrypoint: [
        "java",
        "-cp",
        "/app/explodedJar:/app/dependencies/z-1.0.jar:/app/dependencies/b-2-SNAPSHOT.jar:/app/dependencies/a b.jar",
        "com.acme.Main",
      ],
    },
  });
});

test("flags of java and the base are as asked for; another entrypoint needs no main class", async () => {
  const jar = await archive("app.jar", [manifest("Main-Class: com.acme.Main"), ...program]);
  const { spec } = await describeJavaArchive(jar, {
    asked: { from: "openjdk:21" },
    jvmFlags: "-Xmx1g '-Da=b c'",
  });
  expect(spec).toMatchObject({
    from: "openjdk:21",
    entrypoint: ["java", "-Xmx1g", "-Da=b c", "-cp", "/app/explodedJar", "com.acme.Main"],
  });
  const none = await archive("app.jar", program);
  const described = await describeJavaArchive(none, { asked: { entrypoint: ["sh"] }, jvmFlags: ["-Xmx1g"] });
  expect(described.spec.entrypoint).toBeUndefined();
  expect(described.warnings).toEqual(["Flags for java are not used: the entrypoint is another"]);
  await expect(describeJavaArchive(none)).rejects.toThrow(
    'Cannot build "app.jar": its manifest (META-INF/MANIFEST.MF) has no Main-Class',
  );
});

test("a manifest that is written oddly is understood", async () => {
  const jar = await archive("app.jar", [
    {
      path: "META-INF/MANIFEST.MF",
      content:
        "Manifest-Version: 1.0\nmain-class:  com.acme.L\n ängeren\nName: x\n\nName: com/\nMain-Class: not.This\n",
    },
    ...program,
  ]);
  expect((await describeJavaArchive(jar)).spec.entrypoint?.at(-1)).toBe("com.acme.Längeren");
});

test.each([
  [8, "eclipse-temurin:8-jre"],
  [9, "eclipse-temurin:11-jre"],
  [11, "eclipse-temurin:11-jre"],
  [21, "eclipse-temurin:21-jre"],
  [22, "eclipse-temurin:25-jre"],
  [27, "eclipse-temurin:27-jre"],
])("classes for Java %i run on %s", async (release, from) => {
  const main = { path: "a/Main.class", content: classFor(release) };
  const other = { path: "a/A.class", content: classFor(6) };
  const info = { path: "module-info.class", content: classFor(30) };
  const jar = await archive("app.jar", [info, other, manifest("Main-Class: a.Main"), main]);
  expect((await describeJavaArchive(jar)).spec.from).toBe(from);
});

test("without a class the newest Java is taken, and without the main class the first", async () => {
  const jar = await archive("app.jar", [manifest("Main-Class: a.Main", "Class-Path: a.jar")], ["a.jar"]);
  expect((await describeJavaArchive(jar)).spec.from).toBe("eclipse-temurin:25-jre");
  const first = [
    { path: "META-INF/versions/21/B.class", content: classFor(21) },
    { path: "B.class", content: classFor(8) },
  ];
  const other = await archive("app.jar", [manifest("Main-Class: a.Main"), ...first]);
  expect((await describeJavaArchive(other)).spec.from).toBe("eclipse-temurin:8-jre");
});

test("folders of a Class-Path are shipped, but for those that the jar is in", async () => {
  const jar = await archive(
    "target/app.jar",
    [manifest("Main-Class: com.acme.Main", "Class-Path: . conf/ ../shared/a.jar"), ...program],
    ["target/conf/app.properties", "shared/a.jar"],
  );
  const { spec, warnings } = await describeJavaArchive(jar, { context: dirname(dirname(jar)) });
  expect(spec.layers?.[0]?.add).toEqual([
    { src: ["shared/a.jar"], dest: "/app/dependencies/", ignore: false },
    { src: ["target/conf"], dest: "/app/dependencies/conf", ignore: false },
  ]);
  expect(spec.entrypoint?.[2]).toBe("/app/explodedJar:/app/dependencies/conf:/app/dependencies/a.jar");
  expect(warnings).toEqual([
    '"." in the Class-Path of "app.jar" is a folder that it is in, and not shipped: add files of it with --add',
  ]);
});

test("libraries that are not there, or outside, are refused", async () => {
  const jar = await archive("app.jar", [manifest("Main-Class: com.acme.Main", "Class-Path: lib/a.jar"), ...program]);
  await expect(describeJavaArchive(jar)).rejects.toMatchObject({
    code: "SOURCE_MISSING",
    message: `Cannot build "app.jar": its manifest's Class-Path names "lib/a.jar", and there is no such file in ${dirname(jar)}`,
  });
  const out = await archive("app.jar", [manifest("Main-Class: com.acme.Main", "Class-Path: ../a.jar"), ...program]);
  await expect(describeJavaArchive(out)).rejects.toMatchObject({
    code: "SOURCE_OUTSIDE",
    message: `Cannot build "app.jar": its manifest's Class-Path names "../a.jar", which is outside the context ${dirname(out)}`,
  });
});

test("what a manifest says to Java alone is told to be lost", async () => {
  const jar = await archive("app.jar", [manifest("Main-Class: com.acme.Main", "Multi-Release: true"), ...program]);
  const lost = 'Multi-Release in the manifest of "app.jar" does nothing when it is exploded: --mode packaged keeps it';
  expect((await describeJavaArchive(jar)).warnings).toEqual([lost]);
  expect((await describeJavaArchive(jar, { mode: "packaged" })).warnings).toEqual([]);
});

test("packaged, the jar and its libraries keep their places to each other", async () => {
  const jar = await archive(
    "app.jar",
    [manifest("Main-Class: com.acme.Main", "Class-Path: lib/a.jar lib/b-SNAPSHOT.jar"), ...program],
    ["lib/a.jar", "lib/b-SNAPSHOT.jar"],
  );
  const { spec } = await describeJavaArchive(jar, { mode: "packaged", jvmFlags: ["-Xmx1g"] });
  expect(spec).toMatchObject({
    entrypoint: ["java", "-Xmx1g", "-jar", "/app/app.jar"],
    layers: [
      { name: "dependencies", add: [{ src: ["lib/a.jar"], dest: "/app/lib/" }] },
      { name: "snapshot dependencies", add: [{ src: ["lib/b-SNAPSHOT.jar"], dest: "/app/lib/" }] },
      { name: "jar", add: [{ src: ["app.jar"], dest: "/app/app.jar" }] },
    ],
  });
});

test("libraries of one name from two folders are both there, and found in their order", async () => {
  const named = "Class-Path: a/log.jar b/log.jar b/log-2.jar c/log.jar a/conf/ b/conf/ ./a/log.jar";
  const jar = await archive(
    "app.jar",
    [manifest("Main-Class: com.acme.Main", named), ...program],
    ["a/log.jar", "b/log.jar", "b/log-2.jar", "c/log.jar", "a/conf/x", "b/conf/y"],
  );
  const { spec } = await describeJavaArchive(jar);
  const one = { ignore: false } as const;
  expect(spec.layers?.[0]?.add).toEqual([
    { src: ["a/log.jar", "b/log-2.jar"], dest: "/app/dependencies/", ...one },
    { src: ["b/log.jar"], dest: "/app/dependencies/log-3.jar", ...one },
    { src: ["c/log.jar"], dest: "/app/dependencies/log-4.jar", ...one },
    { src: ["a/conf"], dest: "/app/dependencies/conf", ...one },
    { src: ["b/conf"], dest: "/app/dependencies/conf-2", ...one },
  ]);
  const order = ["log.jar", "log-3.jar", "log-2.jar", "log-4.jar", "conf", "conf-2"];
  const all = order.map((name) => `/app/dependencies/${name}`);
  expect(spec.entrypoint?.[2]).toBe(["/app/explodedJar", ...all].join(":"));
});

test.each(["exploded", "packaged"] as const)(
  "a jar that names itself in its Class-Path ships once, %s",
  async (mode) => {
    const jar = await archive(
      "app-1.0.jar",
      [manifest("Main-Class: com.acme.Main", "Class-Path: app-1.0.jar lib/a.jar app.jar"), ...program],
      ["lib/a.jar"],
    );
    await symlink("app-1.0.jar", join(dirname(jar), "app.jar"));
    for (const path of [jar, join(dirname(jar), "app.jar")]) {
      const { spec, warnings } = await describeJavaArchive(path, { mode });
      expect(warnings).toEqual([]);
      expect(spec.layers?.[0]).toMatchObject({ name: "dependencies", add: [{ src: ["lib/a.jar"] }] });
      expect(spec.layers).toHaveLength(mode === "packaged" ? 2 : 3);
    }
  },
);

test("packaged, a library that is named by an absolute path is where Java looks for it", async () => {
  const jar = await archive("app.jar", [manifest("Main-Class: a.Main"), ...program], ["opt/a.jar"]);
  const absolute = join(dirname(jar), "opt/a.jar");
  const other = await archive("b.jar", [manifest("Main-Class: a.Main", `Class-Path: ${absolute}`), ...program]);
  const { spec } = await describeJavaArchive(other, { mode: "packaged", context: "/" });
  expect(spec.layers?.[0]?.add).toMatchObject([{ src: [absolute.slice(1)], dest: `${dirname(absolute)}/` }]);
});
