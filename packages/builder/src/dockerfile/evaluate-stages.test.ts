import { chmodSync, linkSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openImage, readTree } from "@lading/oci";
import { expect, test } from "vitest";
import { planBuild } from "../build.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import type { StepRunner } from "./step-runner.ts";
import { configOf, look, workspace } from "./workspace.suite.ts";

test("a folder's contents go into the destination, a file becomes it or goes into it", async () => {
  const space = await workspace();
  const files = { "d/a": "A", "d/sub/b": "B", f: "F" };
  const result = await space.build(
    "FROM scratch\nCOPY d /one\nCOPY f /two\nCOPY f /three/\nCOPY f /one\nCOPY d/sub f /four/\nWORKDIR /w\nCOPY f .\n",
    { files },
  );
  expect(await look(result)).toEqual([
    "four/ 755 0:0",
    "four/b 644 0:0 B",
    "four/f 644 0:0 F",
    "one/ 755 0:0",
    "one/a 644 0:0 A",
    "one/f 644 0:0 F",
    "one/sub/ 755 0:0",
    "one/sub/b 644 0:0 B",
    "three/ 755 0:0",
    "three/f 644 0:0 F",
    "two 644 0:0 F",
    "w/ 755 0:0",
    "w/f 644 0:0 F",
  ]);
});

test("files of the context are root's, with the mode and the time that they have; SOURCE_DATE_EPOCH ends it", async () => {
  const space = await workspace();
  space.write({ "d/script": "x", late: "x" });
  chmodSync(join(space.context, "d/script"), 0o4751);
  chmodSync(join(space.context, "d"), 0o750);
  utimesSync(join(space.context, "d/script"), 1000, 1000);
  utimesSync(join(space.context, "late"), 3000, 3000);
  const result = await space.build("FROM scratch\nCOPY d late /e/\n", { request: { sourceDateEpoch: 2000 } });
  expect((await look(result)).map((line) => line.replace(/ x$/, ""))).toEqual([
    "e/ 755 0:0",
    "e/late 644 0:0",
    "e/script 751 0:0",
  ]);
  const tree = await readTree(await openImage(result.source, result.descriptor));
  expect(tree.lstat("e/script")?.header.mtime).toBe(1000);
  expect(tree.lstat("e/late")?.header.mtime).toBe(2000);
});

test("a source that is a symlink is what it leads to, in the context; below a folder it stays one", async () => {
  const space = await workspace();
  const files = { "real/f": "F", "real/l": "-> f", top: "-> /real", out: "-> ../../../real/f", through: "-> real" };
  const result = await space.build("FROM scratch\nCOPY top /a/\nCOPY out /b\nCOPY through/f /c\nCOPY thr* /d/\n", {
    files,
  });
  expect(await look(result)).toEqual([
    "a/ 755 0:0",
    "a/f 644 0:0 F",
    "a/l 777 0:0 -> f",
    "b 644 0:0 F",
    "c 644 0:0 F",
    "d/ 755 0:0",
    "d/f 644 0:0 F",
    "d/l 777 0:0 -> f",
  ]);
});

test("a destination that is a symlink is written through; one that a folder's file falls upon is replaced", async () => {
  const space = await workspace();
  space.write({
    "links/to": "-> real/file",
    "links/chain": "-> /to",
    "links/new": "-> ../run/made/file",
    "links/circle": "-> circle",
    "links/root": "-> /",
    "real/file": "old",
    f: "F",
    "d/to": "D",
  });
  const links = "FROM scratch\nCOPY links /\nCOPY real /real\n";
  const lines = async (copy: string): Promise<string[]> => await look(await space.build(`${links}${copy}\n`));
  const before = await lines("LABEL a=b");
  expect(before).toContain("to 777 0:0 -> real/file");
  const through = before.with(before.indexOf("real/file 644 0:0 old"), "real/file 644 0:0 F");
  expect(await lines("COPY f /to")).toEqual(through);
  expect(await lines("WORKDIR /\nADD f chain")).toEqual(through);
  expect(await lines("COPY <<E /to\nF\nE")).toContain("real/file 644 0:0 F");
  expect(await lines("COPY f /new")).toEqual(expect.arrayContaining([...before, "run/made/file 644 0:0 F"]));
  expect(await lines("COPY f /root")).toEqual(expect.arrayContaining([...before, "f 644 0:0 F"]));
  expect(await lines("COPY --link f /to")).toEqual(
    before.with(before.indexOf("to 777 0:0 -> real/file"), "to 644 0:0 F"),
  );
  expect(await lines("COPY d /")).toEqual(before.with(before.indexOf("to 777 0:0 -> real/file"), "to 644 0:0 D"));
  expect(await space.failure(`${links}COPY f /circle\n`)).toBe(
    '4:1 Cannot add "/circle" as "/circle": the symlinks at "/circle" lead in a circle',
  );
});

test("wildcards are Go's: a star ends at a slash, two of them are one, and brackets take their meaning", async () => {
  const space = await workspace();
  const files = { "a.txt": "a", "b.md": "b", "d/c.txt": "c", "[x].txt": "x" };
  const result = await space.build(
    `FROM scratch
COPY *.txt /star/
COPY **.md /two/
COPY d/?.tx[t] /class/
COPY [[]x].txt /plain/
`,
    { files },
  );
  expect((await look(result)).filter((line) => !line.includes("/ "))).toEqual([
    "class/c.txt 644 0:0 c",
    "plain/[x].txt 644 0:0 x",
    "star/[x].txt 644 0:0 x",
    "star/a.txt 644 0:0 a",
    "two/b.md 644 0:0 b",
  ]);
});

test.each([
  ["COPY missing /", '2:1 Cannot find "missing" in the context'],
  ["COPY *.none /", '2:1 "*.none" matches nothing in the context'],
  ["COPY d/a d/b /x", '2:1 Cannot put 2 sources at "/x": it is no folder'],
  ["COPY d/* /x", '2:1 Cannot put 2 sources at "/x": it is no folder'],
  ["COPY hidden /", '2:1 Cannot find "hidden" in the context'],
  ["COPY d /x\nCOPY d /x/a", '3:1 Cannot add "d" as "/x/a": the base has a file there, and a folder is needed'],
  ["COPY $none /", '2:6 "$none" comes to nothing'],
  ["COPY --chown=me d /", '2:1 Cannot find user "me": the image has no /etc/passwd'],
  ["ADD https://example.org/x.git /", '2:5 Cannot add "https://example.org/x.git": it is a git repository'],
  ["ADD https://example.org/x /", '2:5 Cannot add "https://example.org/x": this build fetches nothing'],
  ["COPY https://example.org/x /", '2:6 Cannot copy "https://example.org/x": COPY takes no URL'],
  [`ADD --checksum=sha256:${"0".repeat(64)} d /`, "2:16 --checksum is for URLs"],
  ["RUN true", '2:1 Cannot run "RUN true": nothing here runs programs'],
])("%s is told at its place", async (line, message) => {
  const space = await workspace();
  const files = { "d/a": "", "d/b": "", hidden: "", ".dockerignore": "hidden\n" };
  expect(await space.failure(`FROM scratch\n${line}\n`, { files })).toBe(message);
});

test("FROM with a variable that nobody sets is told as that, and a stage that stands below as such", async () => {
  const space = await workspace();
  expect(await space.failure("ARG V\nFROM node:$V\n")).toBe("2:6 FROM node:$V comes to node:");
  expect(await space.failure("FROM $V\n")).toBe("1:6 FROM $V comes to nothing");
  await expect(space.build("FROM b AS a\nFROM a AS b\n")).rejects.toMatchObject({
    hint: "Stage b does not stand above: a stage begins with one that does",
  });
});

test("--from that comes to nothing is the context, and a number is no image", async () => {
  const space = await workspace();
  const made = await space.build("FROM scratch\nARG X\nCOPY --from=$X f /\nCOPY --from= f /g\n", { files: { f: "F" } });
  expect(await look(made)).toEqual(["f 644 0:0 F", "g 644 0:0 F"]);
  expect(await space.failure("FROM scratch\nCOPY --from=1 f /\n")).toBe('2:13 Stage "1" is not above this one');
});

test("what is missing is looked for: near names, the ignore file, the context's border", async () => {
  const space = await workspace();
  const files = { "dist/main.js": "", secret: "", ".dockerignore": "sec*\n" };
  const hint = async (line: string): Promise<string | undefined> => {
    const error: unknown = await space.build(`FROM scratch\n${line}\n`, { files: {} }).catch((cause: unknown) => cause);
    return error instanceof DockerfileError ? error.hint : undefined;
  };
  space.write(files);
  expect(await hint("COPY dist/mian.js /")).toBe('Did you mean "dist/main.js"?');
  expect(await hint("COPY secret /")).toBe('"sec*" in .dockerignore hides it');
  expect(await hint("ADD ftp://a/b /")).toBe("What ADD fetches begins with http:// or https://");
  expect(await hint("COPY ../other /")).toBe('Sources lie in the context: "../other" is read as "other" there');
});

test("--chown takes numbers and names of the image, for folders that are made as well; what is there stays", async () => {
  const space = await workspace();
  const files = { passwd: "app:x:1000:1001::/:\n", group: "staff:x:50:\n", "d/s/f": "F" };
  const result = await space.build(
    `FROM scratch
COPY passwd group /etc/
COPY --chown=app d /a/b/
COPY --chown=app:staff d/s/f /c
COPY --chown=7 d/s/f /d
COPY --chown=8:9 d /a/b
`,
    { files },
  );
  expect((await look(result)).filter((line) => !line.startsWith("etc"))).toEqual([
    "a/ 755 1000:1001",
    "a/b/ 755 1000:1001",
    "a/b/s/ 755 8:9",
    "a/b/s/f 644 8:9 F",
    "c 644 1000:50 F",
    "d 644 7:7 F",
  ]);
});

test("--chmod is for files and folders, those that are made on the way too", async () => {
  const space = await workspace();
  const files = { "d/f": "F", x: "X" };
  const result = await space.build(
    "FROM scratch\nCOPY --chmod=770 x /p/sub/x\nCOPY --chmod=u=rwX,go=rX d /q\nCOPY --chmod=a+x,g-r x /r\n",
    { files },
  );
  expect(await look(result)).toEqual([
    "p/ 770 0:0",
    "p/sub/ 770 0:0",
    "p/sub/x 770 0:0 X",
    "q/ 755 0:0",
    "q/f 644 0:0 F",
    "r 715 0:0 X",
  ]);
});

test("--parents keeps folders, after its pivot; its wildcards cross them", async () => {
  const space = await workspace();
  const files = { "a/b/c.txt": "c", "a/b/d.md": "d", "a/e.txt": "e" };
  const result = await space.build(
    `FROM scratch
COPY --parents a/b/c.txt /one/
COPY --parents ./a/./b/*.md /two/
COPY --parents **/*.txt /three/
COPY --parents a/b /four/
`,
    { files },
  );
  expect((await look(result)).filter((line) => !line.includes("/ "))).toEqual([
    "four/a/b/c.txt 644 0:0 c",
    "four/a/b/d.md 644 0:0 d",
    "one/a/b/c.txt 644 0:0 c",
    "three/a/b/c.txt 644 0:0 c",
    "three/a/e.txt 644 0:0 e",
    "two/b/d.md 644 0:0 d",
  ]);
});

test("--exclude leaves out by paths below the source, files by their names", async () => {
  const space = await workspace();
  const files = { "d/a.txt": "a", "d/b.md": "b", "d/s/c.txt": "c", "x.txt": "x", "x.md": "m" };
  const result = await space.build(
    "FROM scratch\nCOPY --exclude=**/*.txt --exclude=s d /d/\nCOPY --exclude=*.txt x.* /x/\n",
    {
      files,
    },
  );
  expect((await look(result)).filter((line) => !line.includes("/ "))).toEqual(["d/b.md 644 0:0 b", "x/x.md 644 0:0 m"]);
});

test("--link does not ask what is there", async () => {
  const space = await workspace();
  const result = await space.build("FROM scratch\nCOPY real /real/\nCOPY link/ /\nCOPY --link f /l/f\nCOPY f /m/f\n", {
    files: { "real/x": "x", "link/l": "-> real", "link/m": "-> real", f: "F" },
  });
  expect((await look(result)).filter((line) => line.endsWith(" F"))).toEqual(["l/f 644 0:0 F", "real/f 644 0:0 F"]);
});

test("heredocs are files; with quotes nothing in them is replaced", async () => {
  const space = await workspace();
  const result = await space.build(
    "FROM scratch\nARG NAME=value\nCOPY <<one <<'two' /d/\n$NAME\none\n$NAME\ntwo\nCOPY --chmod=755 <<EOF /run.sh\n#!/bin/sh\nEOF\n",
  );
  expect(await look(result)).toEqual([
    "d/ 755 0:0",
    "d/one 644 0:0 value",
    "d/two 644 0:0 $NAME",
    "run.sh 755 0:0 #!/bin/sh",
  ]);
});

test("a stage is copied from with its owners and its hardlinks, and goes into no image itself", async () => {
  const space = await workspace();
  space.write({ "d/f": "F" });
  linkSync(join(space.context, "d/f"), join(space.context, "d/g"));
  const result = await space.build(
    `FROM scratch AS build
COPY --chown=3:4 --chmod=700 d /out/
COPY d/f /unused
FROM scratch
COPY --from=build /out /app
COPY --from=0 --chown=5 /out/f /own
`,
  );
  expect(await look(result)).toEqual(["app/ 755 0:0", "app/f 700 3:4 F", "app/g 700 3:4 F", "own 700 5:5 F"]);
  const tree = await readTree(await openImage(result.source, result.descriptor));
  expect(tree.lstat("app/g")?.inode).toBe(tree.lstat("app/f")?.inode);
});

test("an image is built on, and copied from; its layers are read once and not packed again", async () => {
  const space = await workspace();
  const base = await space.build('FROM scratch\nCOPY d /usr/lib/\nCOPY l /\nENV A=1\nCMD ["run"]\nLABEL of=base\n', {
    files: { "d/x": "X", "d/y": "Y", "l/lib": "-> usr/lib" },
  });
  space.images.set("base:1", base);
  const result = await space.build(
    `ARG VERSION=1
FROM base:\${VERSION} AS own
ENV B=$A-2
COPY d/x /lib/z
FROM own
COPY --from=base:1 /lib /copy
COPY --from=own /lib/z /z
ENTRYPOINT ["/z"]
`,
  );
  expect(result.images[0]?.layers.map(({ reuse }) => reuse)).toEqual(["base", "base", "none", "none", "none"]);
  expect(await look(result)).toEqual([
    "copy/ 755 0:0",
    "copy/x 644 0:0 X",
    "copy/y 644 0:0 Y",
    "lib 777 0:0 -> usr/lib",
    "usr/ 755 0:0",
    "usr/lib/ 755 0:0",
    "usr/lib/x 644 0:0 X",
    "usr/lib/y 644 0:0 Y",
    "usr/lib/z 644 0:0 X",
    "z 644 0:0 X",
  ]);
  expect(await configOf(result)).toMatchObject({ Entrypoint: ["/z"], Labels: { of: "base" } });
  expect(await configOf(result)).not.toHaveProperty("Cmd");
  expect((await configOf(result)).Env?.slice(-2)).toEqual(["A=1", "B=1-2"]);
});

test("the config is what the instructions say", async () => {
  const space = await workspace();
  const result = await space.build(
    `FROM scratch
ARG PORTS="80 443"
ENV ONE=1 TWO="\${ONE}2" PATH=/bin
ENV legacy a  b
LABEL a=1 "b c"='d'
EXPOSE $PORTS 53/udp 8000-8002
VOLUME /data /more
USER app:staff
WORKDIR /a
WORKDIR b/../c
STOPSIGNAL sigint
HEALTHCHECK --interval=5s --retries=2 CMD curl -f http://localhost
SHELL ["/bin/bash", "-c"]
CMD echo hi
MAINTAINER somebody
`.replace("USER app:staff", "USER 5:6"),
  );
  const { config, author } = (await openImage(result.source, result.descriptor)).config;
  expect(config).toEqual({
    Env: ["PATH=/bin", "ONE=1", "TWO=2", "legacy=a  b"],
    Labels: { a: "1", "b c": "d" },
    ExposedPorts: { "443/tcp": {}, "53/udp": {}, "80/tcp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {} },
    Volumes: { "/data": {}, "/more": {} },
    User: "5:6",
    WorkingDir: "/a/c",
    StopSignal: "sigint",
    Healthcheck: { Test: ["CMD-SHELL", "curl -f http://localhost"], Interval: 5e9, Retries: 2 },
    Shell: ["/bin/bash", "-c"],
    Cmd: ["/bin/bash", "-c", "echo hi"],
  });
  expect(author).toBe("somebody");
  expect(await look(result)).toEqual(["a/ 755 5:6", "a/c/ 755 5:6"]);
});

test("the history has one entry for each instruction, and says which made a layer", async () => {
  const space = await workspace();
  const result = await space.build('FROM scratch\nENV A=1\nCOPY f /\nWORKDIR /\nCMD ["/f"]\n', { files: { f: "" } });
  const { history } = (await openImage(result.source, result.descriptor)).config;
  const created = "1970-01-01T00:00:00Z";
  expect(history).toEqual([
    { created, created_by: "ENV A=1", empty_layer: true },
    { created, created_by: "COPY f /" },
    { created, created_by: "WORKDIR /", empty_layer: true },
    { created, created_by: 'CMD ["/f"]', empty_layer: true },
  ]);
});

test("arguments have the value that is given, else their default, and hide behind ENV", async () => {
  const space = await workspace();
  const text = `ARG GLOBAL=g
FROM scratch
ARG GLOBAL
ARG OWN=o
ARG GIVEN=no
ARG HIDDEN=arg
ARG TARGETARCH
ENV HIDDEN=env
LABEL all=$GLOBAL-$OWN-$GIVEN-$HIDDEN-$TARGETARCH-$NEVER
WORKDIR /x
`;
  const result = await space.build(text, { buildArgs: { GIVEN: "yes" } });
  expect((await configOf(result)).Labels).toEqual({ all: "g-o-yes-env-amd64-" });
});

test("triggers of a base run first, and are gone then", async () => {
  const space = await workspace();
  space.images.set(
    "base",
    await space.build("FROM scratch\nWORKDIR /app\nONBUILD COPY f /app/\nONBUILD LABEL by=trigger\n", {
      files: { f: "F" },
    }),
  );
  const result = await space.build("FROM base\nLABEL own=$by\n");
  expect(await look(result)).toEqual(["app/ 755 0:0", "app/f 644 0:0 F"]);
  expect((await configOf(result)).Labels).toEqual({ by: "trigger", own: "" });
  expect(await configOf(result)).not.toHaveProperty("OnBuild");
});

test("a stage copies and mounts from those above it", async () => {
  const space = await workspace();
  const runner: StepRunner = { run: () => Promise.reject(new Error("There is nothing to run")) };
  const failureOf = async (instruction: string): Promise<string> =>
    await space.failure(`FROM scratch AS own\n${instruction}\nFROM scratch AS later\n`, { target: "0", runner });
  expect(await failureOf("COPY --from=later d /")).toBe('2:13 Stage "later" is not above this one');
  expect(await failureOf("COPY --from=own d /")).toBe('2:13 Stage "own" is not above this one');
  expect(await failureOf('RUN --mount=from=1,target=/d ["true"]')).toBe('2:13 Stage "1" is not above this one');
});

test("only the stages that the target needs are looked at", async () => {
  const space = await workspace();
  const text = "FROM nowhere AS broken\nFROM scratch AS good\nCOPY f /\nFROM broken\n";
  expect(await look(await space.build(text, { files: { f: "F" }, target: "good" }))).toEqual(["f 644 0:0 F"]);
  expect(await look(await space.build(text, { target: "1" }))).toEqual(["f 644 0:0 F"]);
  await expect(space.build(text)).rejects.toThrow('Cannot use image "nowhere"');
  await expect(space.build(text, { target: "goood" })).rejects.toThrow('There is no stage "goood" to build');
});

test("named contexts stand for folders and images", async () => {
  const space = await workspace();
  space.write({ "other/f": "F", "other/.dockerignore": "g\n", "other/g": "G" });
  space.images.set("oci:base", await space.build("FROM scratch\nCOPY other/f /base\n"));
  const result = await space.build("FROM name\nCOPY --from=folder . /d/\n", {
    contexts: { name: { place: "oci:base" }, folder: { folder: join(space.context, "other") } },
  });
  expect((await look(result)).filter((line) => !line.includes("dockerignore"))).toEqual([
    "base 644 0:0 F",
    "d/ 755 0:0",
    "d/f 644 0:0 F",
  ]);
});

test("ADD unpacks what is an archive by its content, unless it shall not", async () => {
  const space = await workspace();
  // Made by GNU tar and gzip: one folder `in` with a file `f` that says "F".
  const archive = Buffer.from(tarball, "base64");
  mkdirSync(join(space.context, "d"));
  writeFileSync(join(space.context, "looks.txt"), archive);
  writeFileSync(join(space.context, "d/fake.tar.gz"), "no archive");
  const result = await space.build(
    "FROM scratch\nADD looks.txt /a\nADD --unpack=false looks.txt /b\nADD d/fake.tar.gz /c/\nADD --chown=4:5 looks.txt /d/\n",
  );
  expect((await look(result)).map((line) => line.replace(/ [^ ]*\u{fffd}[^]*$/u, " …"))).toEqual([
    "a/ 755 0:0",
    "a/in/ 755 1:2",
    "a/in/f 640 1:2 F",
    expect.stringMatching(/^b 644 0:0/),
    "c/ 755 0:0",
    "c/fake.tar.gz 644 0:0 no archive",
    "d/ 755 4:5",
    "d/in/ 755 4:5",
    "d/in/f 640 4:5 F",
  ]);
  expect(await space.failure("FROM scratch\nADD --unpack=true d/fake.tar.gz /\n")).toContain("2:1 Cannot unpack");
});

test("platforms share the layers that are equal", async () => {
  const space = await workspace();
  const result = await space.build("FROM scratch\nARG TARGETARCH\nCOPY d /d/\nCOPY f.$TARGETARCH /f\n", {
    files: { "d/a": "a", "f.amd64": "1", "f.arm64": "2" },
    spec: { platforms: ["linux/amd64", "linux/arm64"] },
  });
  const [first, second] = result.images.map(({ layers }) => layers.map(({ diffId }) => diffId));
  expect(first?.[0]).toBe(second?.[0]);
  expect(first?.[1]).not.toBe(second?.[1]);
  expect(result.images[1]?.layers.map(({ reuse }) => reuse)).toEqual(["none", "none"]);
});

test("an archive that several platforms unpack, and a file that is written here, are packed once", async () => {
  const space = await workspace();
  writeFileSync(join(space.context, "in.tgz"), Buffer.from(tarball, "base64"));
  await space.build("FROM scratch\nADD in.tgz /\nCOPY <<EOF /f\nhello\nEOF\n", {
    spec: { platforms: ["linux/amd64", "linux/arm64"] },
  });
  const packed = space.events.flatMap((event) => (event.type === "layer-start" ? [event.platforms.length] : []));
  expect(packed).toEqual([2, 2]);
});

test("what the description says is laid on what the Dockerfile makes", async () => {
  const space = await workspace();
  const result = await space.build("FROM scratch\nCOPY f /app/\nENV A=1\nLABEL a=1\n", {
    files: { f: "F", g: "G" },
    spec: { labels: { b: "2" }, env: { B: "$A" }, layers: [{ name: "more", add: [{ src: "g", dest: "/app/" }] }] },
  });
  expect(await look(result)).toEqual(["app/ 755 0:0", "app/f 644 0:0 F", "app/g 644 0:0 G"]);
  expect(await configOf(result)).toMatchObject({ Labels: { a: "1", b: "2" }, Env: [expect.anything(), "A=1", "B=1"] });
});

test("a plan runs nothing: what RUN makes, and what is copied from it, is not known yet", async () => {
  const space = await workspace();
  const plan = await planBuild(
    space.request("FROM scratch AS b\nRUN make\nFROM scratch\nCOPY f /\nCOPY --from=b /out /\nCOPY f /g\n", {
      files: { f: "" },
    }),
  );
  expect(plan.images[0]?.layers.map(({ name, unknown = false }) => [name, unknown])).toEqual([
    ["COPY f /", false],
    ["COPY --from=b /out /", true],
    ["COPY f /g", false],
  ]);
});

test("the same again packs nothing again", async () => {
  const space = await workspace();
  const text = "FROM scratch AS b\nCOPY d /\nFROM scratch\nCOPY --from=b /d/a /a\nADD d /d/\n";
  const first = await space.build(text, { files: { "d/d/a": "a" } });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await space.build(text);
  const second = await space.build(text);
  expect(second.descriptor).toEqual(first.descriptor);
  expect(second.images[0]?.layers.map(({ reuse }) => reuse)).toEqual(["stat", "stat"]);
});

const tarball =
  "H4sIAAAAAAACA+3Ruw3CQBBF0SllO/D6s0sH9EGC5MQB4P4NlgNEQGZLiHOSN8Fkd5ya2Ft+OpWybs7ttt22q7f79Vf7ro9U4gDz/XG5pRR/apya6xH965C/9G8/+w+lRsr67+4cAAAAAAAAAADAr1oAMiEg0wAoAAA=";
