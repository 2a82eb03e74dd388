import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ZipContent, zipOf } from "@lading/testkit";
import { expect, test } from "vitest";
import { installed, isRoot, run } from "../interop/command.ts";
import { type Workspace, workspace } from "./workspace.ts";

type Files = Readonly<Record<string, string | Uint8Array | readonly ZipContent[]>>;

/** What somebody has, and how it is built; `init` is called with the same words. */
interface Kind {
  readonly files: Files;
  readonly args: readonly string[];
  /** Folder of the build that follows. Default: the working directory. */
  readonly context?: string;
  /** Words of what is written. */
  readonly says: readonly string[];
}

const mainClass = { path: "a/Main.class", content: Uint8Array.from([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61]) };
const jar: readonly ZipContent[] = [
  { path: "META-INF/MANIFEST.MF", content: "Main-Class: a.Main\r\nClass-Path: lib/dep.jar\r\n\r\n" },
  mainClass,
  { path: "messages.properties", content: "hello=world\n" },
];

/** The header of a static program for linux/amd64, as elf(5) has it. */
function program(): Uint8Array {
  const header = Buffer.alloc(64);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt8(1, 24);
  return header;
}

const scratch = ["--from", "scratch", "--platform", "linux/amd64"];

const kinds: Readonly<Record<string, Kind>> = {
  "a Dockerfile of stages that copies the whole context": {
    files: {
      Dockerfile: `ARG FROM=scratch
FROM scratch AS files
COPY --chmod=0600 data/*.txt /in/
FROM $FROM
ARG VERSION=0
ENV VERSION=$VERSION
WORKDIR /app
COPY --from=files --chown=7:8 /in .
COPY . /all
ADD --exclude=lib common.tar /unpacked
CMD ["/app/a.txt"]
`,
      "data/a.txt": "a",
      "common.tar": "no archive",
      ".dockerignore": "*.md\n",
      "README.md": "",
    },
    args: ["--build-arg", "VERSION=1", "--platform", "linux/amd64,linux/arm64", "--label", "a=b"],
    says: ['dockerfile: { file: Dockerfile, args: { VERSION: "1" } }', "platforms: [linux/amd64, linux/arm64]"],
  },
  "a Dockerfile of another name, with its ignore file and a context that is named": {
    files: {
      "build/app.Dockerfile": "FROM scratch AS one\nCOPY --from=more . /\nCOPY . /\nFROM scratch\n",
      "build/app.Dockerfile.dockerignore": "build\nmore\n",
      "more/b": "b",
      a: "a",
    },
    args: ["-f", "build/app.Dockerfile", "--build-context", "more=more", "--target", "one"],
    says: ["dockerfile: { file: build/app.Dockerfile, target: one, contexts: { more: more } }"],
  },
  "a jib.yaml that takes everything": {
    files: {
      "jib.yaml": `apiVersion: jib/v1alpha1
kind: BuildFile
environment: { PRICE: "\${price} $HOME" }
cmd: [sh, -c, "[ -f /x ]", "echo [ x ]", a long line that needs a line of its own and another one as well, 12, "yes"]
layers:
  properties: { filePermissions: "440", timestamp: 2000000000 }
  entries:
    - name: all
      files:
        - { src: ., dest: /all, excludes: ["**/*.md", "**/skip/"] }
`,
      "a.md": "",
      "data/run.sh": "#!/bin/sh\n",
      "data/skip/b": "b",
      "lading.lock.example": "",
    },
    args: ["--parameter", "price=1"],
    says: ["- src: .", "platforms: [linux/amd64]"],
  },
  "a jar with a library": {
    files: { "target/app.jar": jar, "target/lib/dep.jar": "dep" },
    args: ["target/app.jar", ...scratch, "--jvm-flags=-Xmx64m,-Xshare:off"],
    says: ["add: [{ src: target/lib/dep.jar, dest: /app/dependencies/, ignore: false }]", "mtime: epoch"],
  },
  "a jar that stays packaged": {
    files: { "app.jar": jar, "lib/dep.jar": "dep" },
    args: ["app.jar", ...scratch, "--mode", "packaged", "--expose", "8080"],
    says: ["entrypoint: [java, -jar, /app/app.jar]", 'expose: ["8080"]'],
  },
  "a war": {
    files: { "shop.war": [{ path: "WEB-INF/classes/a/Main.class", content: mainClass.content }, { path: "i.jsp" }] },
    args: ["shop.war", ...scratch, "--app-root", "/srv"],
    says: ["dest: /srv"],
  },
  "a static site": {
    files: { "site/index.html": "hello", "site/.git/HEAD": "", "site/a/b.html": "" },
    args: ["site", "--from", "scratch", "--app-root", "/srv"],
    context: "site",
    says: ["name: site", "from: scratch"],
  },
  "a program of two platforms": {
    files: { "out/server-amd64": program(), "out/server-arm64": Buffer.from(program()).fill(183, 18, 19) },
    args: ["out/server-amd64", "--platform", "linux/amd64,linux/arm64"],
    says: ["name: server", "entrypoint: [/server]", "- src: out/server-arm64\n        dest: /server"],
  },
  "a Node project": {
    files: {
      "package.json": '{ "main": "./server.js", "dependencies": { "x": "1" } }',
      "package-lock.json": JSON.stringify({
        lockfileVersion: 3,
        packages: { "": { dependencies: { x: "1" } }, "node_modules/x": { version: "1.0.0" } },
      }),
      "server.js": "",
      "node_modules/x/index.js": "",
      "node_modules/y/index.js": "",
    },
    args: scratch,
    says: ["entrypoint: [node, /app/server.js]"],
  },
  "files that flags name": {
    files: { "dist/a": "a", "package.json": "{" },
    args: ["--add", "dist:/srv", "--entrypoint", "/srv/a --flag", "--env", "A=$$1", "--compression", "none"],
    says: ["entrypoint: /srv/a --flag", "compression: none"],
  },
  "a site in a folder of its own": {
    files: { "public/index.html": "hello", "public/.git/HEAD": "" },
    args: ["public", "--from", "scratch", "--app-root", "/srv"],
    context: "public",
    says: ["name: public"],
  },
};

async function prepared(files: Files): Promise<Workspace> {
  const work = await workspace();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(work.path, path, ".."), { recursive: true });
    const bytes = typeof content === "string" || content instanceof Uint8Array ? content : await zipOf(content);
    await writeFile(join(work.path, path), bytes, { mode: 0o755 });
  }
  return work;
}

/** What would be built, by `--dry-run`. */
async function planOf(work: Workspace, args: readonly string[]): Promise<unknown> {
  const { stdout } = await work.lading(["build", ...args, "--dry-run", "--json"]);
  const { images, annotations, warnings }: Readonly<Record<string, unknown>> = JSON.parse(stdout);
  expect(images).not.toEqual([]);
  return { images, annotations, warnings };
}

test.each(Object.entries(kinds))("init of %s writes a description of the same image", async (_, kind) => {
  const { files, args, context = ".", says } = kind;
  await using work = await prepared(files);
  const later = { SOURCE_DATE_EPOCH: "1000000000" };
  const out = ["-q", "-o", "oci:../out"];
  const digest = await work.lading(["build", ...args, ...out]);
  expect(digest).toMatchObject({ status: 0, stderr: "" });
  const digestLater = await work.lading(["build", ...args, ...out], later);
  expect(digestLater.stdout).not.toBe(digest.stdout);
  const plan = await planOf(work, args);

  const written = join(context, "lading.yaml");
  expect(await work.lading(["init", ...args])).toMatchObject({ status: 0, stdout: `${written}\n` });
  const text = await work.read(written);
  for (const words of says) expect(text).toContain(words);
  expect(await planOf(work, [context])).toEqual(plan);
  expect(await work.lading(["build", context, ...out])).toEqual(digest);
  expect(await work.lading(["build", context, ...out], later)).toEqual(digestLater);
});

test("a package of a workspace is written down at the workspace's root, under its own name", async () => {
  await using work = await prepared({
    "package.json": '{ "name": "workspace", "workspaces": ["packages/*"] }',
    "package-lock.json": JSON.stringify({
      lockfileVersion: 3,
      packages: {
        "": { workspaces: ["packages/*"] },
        "node_modules/api": { resolved: "packages/api", link: true },
        "packages/api": { version: "1.0.0" },
      },
    }),
    "packages/api/package.json": '{ "name": "@acme/api", "version": "1.0.0", "main": "server.js" }',
    "packages/api/server.js": "",
    "node_modules/.package-lock.json": "{}",
  });
  await symlink("../packages/api", join(work.path, "node_modules/api"));
  const out = ["-q", "-o", "oci:../out"];
  const built = await work.lading(["build", "packages/api", ...scratch, ...out]);
  expect(built).toMatchObject({ status: 0, stderr: "" });
  expect(await work.lading(["init", "packages/api", ...scratch])).toMatchObject({
    status: 0,
    stdout: "lading.api.yaml\n",
    stderr: "Written from a package.json. Look it over, then run: lading build -f lading.api.yaml\n",
  });
  expect(await work.lading(["build", "-f", "lading.api.yaml", ...out])).toEqual(built);
});

test.runIf(installed("runc", "busybox") && isRoot)(
  "a lading.yaml names a Dockerfile with RUN, and lays its own on what that makes",
  async () => {
    await using work = await workspace({
      Dockerfile:
        "ARG GREETING=hello\nFROM scratch AS tools\nCOPY sh /bin/sh\nFROM tools\nARG GREETING\nRUN echo $GREETING > /said\n",
    });
    await run("cp", [(await run("sh", ["-c", "command -v busybox"])).trim(), join(work.path, "sh")]);
    const env = { LADING_ROOT: join(work.path, "../state") };
    const flags = ["-q", "-o", "oci:../out"];
    const said = async (): Promise<string> => {
      await work.lading(["export", "oci:../out", "../files"]);
      return await work.read("../files/said");
    };
    const built = await work.lading(["build", ...flags], env);
    expect(built).toMatchObject({ status: 0, stderr: "" });
    await work.lading(["init", "--name", "said"]);
    expect(await work.lading(["build", ...flags], env)).toEqual(built);
    expect(await said()).toBe("hello\n");

    await work.write({
      "lading.yaml": `name: said
dockerfile: { args: { GREETING: "good day" } }
layers: [{ name: more, add: [{ content: more, dest: /more }] }]
user: "7"
`,
    });
    const more = await work.lading(["build", ...flags], env);
    expect(more).toMatchObject({ status: 0, stderr: "" });
    await run("rm", ["-rf", join(work.path, "../files")]);
    expect(await said()).toBe("good day\n");
    expect(await work.read("../files/more")).toBe("more");
    // Flags go over the file, and the stage is chosen by them as well.
    await work.lading(["build", ...flags, "--build-arg", "GREETING=bye"], env);
    await run("rm", ["-rf", join(work.path, "../files")]);
    expect(await said()).toBe("bye\n");
    await work.lading(["build", ...flags, "--target", "tools"], env);
    await run("rm", ["-rf", join(work.path, "../files")]);
    await work.lading(["export", "oci:../out", "../files"]);
    expect(await work.names("../files")).toEqual(["bin", "more"]);
  },
);

test("a description that is there is not written over without --force, under whatever name it would be found", async () => {
  await using work = await workspace({ Dockerfile: "FROM scratch\nCOPY a /\n", a: "a", "lading.config.ts": "" });
  const refused = await work.lading(["init"]);
  expect(refused).toMatchObject({ status: 2, stdout: "" });
  expect(refused.stderr).toContain('Cannot write "lading.yaml": there is a lading.config.ts already');
  expect(await work.names()).toEqual(["Dockerfile", "a", "lading.config.ts"]);

  expect(await work.lading(["init", "--force", "--json"])).toMatchObject({
    status: 0,
    stdout: `${JSON.stringify({ path: "lading.yaml", kind: "a Dockerfile" })}\n`,
    stderr: "",
  });
  await work.write({ "lading.yaml": "name: mine\n" });
  expect((await work.lading(["init"])).stderr).toContain("there is a lading.yaml already");
  expect(await work.read("lading.yaml")).toBe("name: mine\n");
  await work.lading(["init", "--force", "-t", "ghcr.io/acme/app:1", "-t", "ghcr.io/acme/app:latest"]);
  expect(await work.read("lading.yaml")).toContain(
    "name: ghcr.io/acme/app:1\ntags: [ghcr.io/acme/app:latest]\ndockerfile: Dockerfile\n",
  );
});

test("what cannot be described is refused, and nothing is written", async () => {
  await using work = await workspace({
    "broken/Dockerfile": "FORM scratch\n",
    "notes.txt": "",
    "own/lading.yaml": "name: own\n",
    "site/index.html": "",
    "folder/a": "",
  });
  for (const [args, says] of [
    [["broken"], 'Unknown instruction "FORM"'],
    [["gone"], 'Cannot read context folder "gone"'],
    [["notes.txt"], 'no kind of file that is known here by "notes.txt"'],
    [["-f", "own/lading.yaml"], 'Cannot describe "own/lading.yaml": it is a description of Lading\'s own'],
    [["-f", "-"], "Cannot describe what comes on standard input"],
    [["site"], "without a base that serves it"],
    [["folder", "--target", "app"], 'Cannot use --target with "folder": it is for a Dockerfile only'],
    [["--secret", "id=a"], "Unknown"],
  ] as const) {
    const refused = await work.lading(["init", ...args]);
    expect(refused).toMatchObject({ status: 2, stdout: "" });
    expect(refused.stderr).toContain(says);
  }
  expect(await work.names()).toEqual(["broken", "folder", "notes.txt", "own", "site"]);
  expect(await work.names("folder")).toEqual(["a"]);
});

test("what a first build would refuse of it, whatever its base, is refused before anything is written", async () => {
  await using work = await workspace({
    "app/Dockerfile": "ARG BASE=scratch\nFROM scratch AS app\nLABEL a=b\nFROM $BASE\n",
    "upper/Dockerfile": "FROM Ubuntu\n",
    "jib/jib.yaml":
      "apiVersion: jib/v1alpha1\nkind: BuildFile\nlayers: { entries: [{ name: a, files: [{ src: target, dest: /a }] }] }\n",
    "node/package.json": '{ "name": "node", "main": "a.js" }',
    "node/a.js": "",
    "node/key.pem": "-----BEGIN PRIVATE KEY-----\n",
    "site/index.html": "",
  });
  await mkdir(`${work.path}/empty`);
  for (const [args, status, says] of [
    [["app", "--target", "ap"], 2, "Did you mean app?"],
    [["app", "--build-arg", "BASE="], 2, "FROM $BASE comes to nothing\n  --> app/Dockerfile:4:6"],
    [["app", "-t", "a!"], 2, 'Cannot parse image name "a!"'],
    [["app", "--platform", "linux/amd64,pdp"], 2, 'Cannot parse platform "pdp"'],
    [["app", "--platform", "linux/amd64,linux/amd64"], 2, "Cannot build for linux/amd64 twice"],
    [["app", "--expose", "99999"], 2, 'Cannot expose "99999"'],
    [["app", "--compression", "gzip:99"], 2, 'Cannot parse compression "gzip:99"'],
    [["upper"], 2, 'Cannot parse image name "Ubuntu": the repository must be lower case'],
    [["jib"], 1, 'Cannot add "target": there is no such file'],
    [["node"], 1, "Cannot add what looks like secrets: key.pem (private key)"],
    [["node", "--platform", "pdp"], 2, 'Cannot parse platform "pdp"'],
    [["node", "--allow-secret", "key.pem", "--user", "a:b:c"], 2, 'Cannot set user "a:b:c"'],
    [["site", "--from", "nginx", "--stop-signal", "SIGSTOPP"], 2, 'Cannot set stopSignal "SIGSTOPP"'],
    [["empty"], 2, "it would have no layer"],
  ] as const) {
    const refused = await work.lading(["init", ...args]);
    expect(refused).toMatchObject({ status, stdout: "" });
    expect(refused.stderr).toContain(says);
  }
  for (const folder of await work.names()) expect(await work.names(folder)).not.toContain("lading.yaml");
});

test("what may not work in the image of a Node project is said when it is written down", async () => {
  const scripts = '{ "start": "nodemon a.js" }';
  await using work = await workspace({
    "package.json": `{ "name": "My App", "main": "a.js", "scripts": ${scripts} }`,
    "a.js": "",
  });
  const written = await work.lading(["init", "--from", "scratch"]);
  expect(written).toMatchObject({ status: 0, stdout: "lading.yaml\n" });
  expect(written.stderr).toContain(
    'warning: a.js starts the image, and not the start script "nodemon a.js", which runs',
  );
  expect(await work.read("lading.yaml")).toContain("name: my-app\n");
  expect(await work.lading(["build", "-q", "-o", "oci:out"])).toMatchObject({ status: 0, stderr: "" });
});

test("what a lading.yaml says wrong of its Dockerfile is told with its place", async () => {
  await using work = await workspace({ Dockerfile: "FROM scratch\nCOPY lading.yaml /\n" });
  for (const [text, says] of [
    ["from: nginx\ndockerfile: Dockerfile\n", "--> lading.yaml:1:7"],
    ["dockerfile: { tagret: app }\n", 'Did you mean "target"?'],
    ["dockerfile: { network: bridge }\n", 'dockerfile.network: expected "none" or "default" or "host", found "bridge"'],
    ["dockerfile: gone.Dockerfile\n", 'Cannot read "gone.Dockerfile"'],
    ["dockerfile: { target: app }\n", 'There is no stage "app" to build\n  --> Dockerfile:1:1'],
    ["dockerfile: Dockerfile\n", "hint: It describes the build, or is written by it, and neither is a source"],
    ["layers: [{ add: [{ src: lading.yaml, dest: / }] }]\n", "hint: It describes the build"],
  ] as const) {
    await work.write({ "lading.yaml": text });
    const refused = await work.lading(["build", "-o", "oci:out"]);
    expect(refused.status).toBeGreaterThan(0);
    expect(refused.stderr).toContain(says);
  }
  expect(await work.names()).toEqual(["Dockerfile", "lading.yaml"]);
});
