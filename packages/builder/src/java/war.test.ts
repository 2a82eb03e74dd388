import { expect, test } from "vitest";
import { archive, classFor, manifest } from "./archive-fixture.suite.ts";
import { type DescribedArchive, describeJavaArchive, type JavaArchiveOptions } from "./java-archive.ts";

const contents = [
  manifest(),
  { path: "index.html" },
  { path: "applet/Old.class", content: classFor(5) },
  { path: "WEB-INF/web.xml" },
  { path: "WEB-INF/classes/com/acme/Servlet.class", content: classFor(17) },
  { path: "WEB-INF/classes/messages.properties" },
  { path: "WEB-INF/lib/a-1.jar" },
];

async function describe(options: JavaArchiveOptions = {}): Promise<DescribedArchive["spec"]> {
  return (await describeJavaArchive(await archive("Shop.war", contents), options)).spec;
}

test("a war is unpacked where Jetty looks for it", async () => {
  const { from, entrypoint, layers = [] } = await describe();
  expect({ from, entrypoint }).toEqual({
    from: "jetty",
    entrypoint: ["java", "-jar", "/usr/local/jetty/start.jar", "--module=ee10-deploy"],
  });
  const inside = { src: ["Shop.war"], dest: "/var/lib/jetty/webapps/ROOT", unpack: true, ignore: false };
  expect(layers.map(({ name, add }) => [name, add])).toEqual([
    ["dependencies", [{ ...inside, include: ["WEB-INF/lib"], exclude: ["WEB-INF/lib/**/*SNAPSHOT*"] }]],
    ["resources", [{ ...inside, exclude: ["WEB-INF/lib", "WEB-INF/classes/**/*.class"] }]],
    ["classes", [{ ...inside, include: ["WEB-INF/classes/**/*.class"] }]],
  ]);
});

test("another server's own command starts it, in the folder that was named", async () => {
  const spec = await describe({ asked: { from: "tomcat:10" }, appRoot: "/usr/local/tomcat/webapps/ROOT" });
  expect(spec).toMatchObject({
    from: "tomcat:10",
    layers: [{ add: [{ dest: "/usr/local/tomcat/webapps/ROOT" }] }, {}, {}],
  });
  expect(spec.entrypoint).toBeUndefined();
  await expect(describe({ asked: { from: "tomcat:10" } })).rejects.toThrow(
    'Cannot build "Shop.war" on tomcat:10: where it keeps web applications is not known',
  );
  await expect(describe({ asked: { from: "tomcat:10" }, appRoot: "/webapps", jvmFlags: ["-Xmx1g"] })).rejects.toThrow(
    "Cannot give flags to the Java of tomcat:10: its own command starts it",
  );
});

test.each([
  [
    "docker.io/library/jetty:12-jdk21",
    ["java", "-Xmx1g", "-jar", "/usr/local/jetty/start.jar", "--module=ee10-deploy"],
  ],
  ["jetty@sha256:".padEnd(77, "a"), ["java", "-Xmx1g", "-jar", "/usr/local/jetty/start.jar", "--module=ee10-deploy"]],
])("%s is Jetty", async (from, entrypoint) => {
  expect((await describe({ asked: { from }, jvmFlags: ["-Xmx1g"] })).entrypoint).toEqual(entrypoint);
});

test("a Jetty that has no such module is started by its own command", async () => {
  const spec = await describe({ asked: { from: "jetty:11-jre17" } });
  expect(spec.layers?.[0]?.add).toMatchObject([{ dest: "/var/lib/jetty/webapps/ROOT" }]);
  expect(spec.entrypoint).toBeUndefined();
});

test("a war that is a program of its own may be run as one", async () => {
  const war = await archive("app.war", [
    manifest("Main-Class: org.springframework.boot.loader.launch.WarLauncher", "Start-Class: com.acme.App"),
    { path: "WEB-INF/classes/com/acme/App.class", content: classFor(11) },
  ]);
  expect((await describeJavaArchive(war, { mode: "packaged" })).spec).toMatchObject({
    from: "eclipse-temurin:11-jre",
    entrypoint: ["java", "-jar", "/app/app.war"],
  });
});
