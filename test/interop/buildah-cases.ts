import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";

/** A context and a Dockerfile that two builders are given. */
export interface BuildahCase {
  readonly name: string;
  readonly dockerfile: string;
  /** Arguments that both understand. */
  readonly args?: readonly string[];
  readonly make?: (folder: Context) => void;
  /** What is other with us, by path or by the config's key, theirs and then ours; docs/decisions/0016-dockerfiles.md says why. */
  readonly known?: Readonly<Record<string, readonly [unknown, unknown]>>;
}

/** A folder that is filled with files of known modes and times. */
export class Context {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(path, { recursive: true });
  }

  file(path: string, content = path, mode = 0o644): this {
    const disk = this.#place(path);
    writeFileSync(disk, content);
    chmodSync(disk, mode);
    utimesSync(disk, 1_000_000_000, 1_000_000_000);
    return this;
  }

  files(...paths: readonly string[]): this {
    for (const path of paths) this.file(path);
    return this;
  }

  folder(path: string, mode = 0o755): this {
    mkdirSync(join(this.#path, path), { recursive: true });
    chmodSync(join(this.#path, path), mode);
    return this;
  }

  symlink(path: string, target: string): this {
    symlinkSync(target, this.#place(path));
    return this;
  }

  hardlink(path: string, other: string): this {
    linkSync(join(this.#path, other), this.#place(path));
    return this;
  }

  /** A tar of `folder`, compressed as GNU tar's flag says; the folder stays. */
  archive(path: string, folder: string, flag: "" | "z" | "j" | "J" = ""): this {
    const from = join(this.#path, folder);
    execFileSync("tar", [
      "-C",
      from,
      `-c${flag}f`,
      this.#place(path),
      "--owner=7",
      "--group=8",
      "--numeric-owner",
      ".",
    ]);
    return this;
  }

  #place(path: string): string {
    const disk = join(this.#path, path);
    mkdirSync(dirname(disk), { recursive: true });
    return disk;
  }
}

/** Images to build on: each is the build argument of its name. */
export const madeBases: readonly (BuildahCase & { readonly make: (folder: Context) => void })[] = [
  {
    // Users, a symlinked folder, and folders that are not as new ones would be.
    name: "BASE",
    make: (context) => {
      context
        .file("root/etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n")
        .file("root/etc/group", "root:x:0:\napp:x:1001:\nstaff:x:50:\n")
        .file("root/usr/lib/old", "old")
        .symlink("root/lib", "usr/lib")
        .folder("root/tmp", 0o1777)
        .folder("root/private", 0o700);
    },
    dockerfile: 'FROM scratch\nCOPY root/ /\nENV PATH=/bin BASE2=set\nCMD ["base"]\n',
  },
  {
    name: "ONBUILD",
    make: (context) => void context.files("f"),
    dockerfile: "FROM scratch\nCOPY f /\nONBUILD COPY app /app/\nONBUILD LABEL by=trigger\nONBUILD WORKDIR /app\n",
  },
  {
    // Its shell is put there by whoever builds it.
    name: "SHELL",
    make: (context) => {
      context.folder("root/bin").folder("root/tmp", 0o1777);
      // What buildah leaves in an image that lacks it.
      context.folder("root/dev").folder("root/proc").folder("root/sys").folder("root/run");
      context.file("root/etc/hosts", "").file("root/etc/hostname", "").file("root/etc/resolv.conf", "");
    },
    dockerfile: "FROM scratch\nCOPY root /\nENV PATH=/bin\n",
  },
];

export const buildahCases: readonly BuildahCase[] = [
  {
    name: "sources, wildcards and destinations",
    make: (context) => {
      context
        .files("a.txt", "b.txt", "c.md", "ab", "dir/one", "dir/sub/two", "dir/.hidden", "dir2/three", "with space")
        .files("[x]y", "xy", "deep/a/f.js", "deep/b/f.js", "deep/b/g.ts", "ümlaut")
        .file("script", "#!/bin/sh\n", 0o755)
        .file("dir/secret", "s", 0o600)
        .folder("dir/empty", 0o700)
        .folder("sealed/inner", 0o711)
        .folder("sealed", 0o700)
        .file("sealed/f", "f", 0o600)
        .symlink("to-file", "a.txt")
        .symlink("to-dir", "dir")
        .symlink("dir/inner", "one")
        .symlink("dir/dangling", "nowhere/at/all")
        .symlink("dir/absolute", "/etc/passwd")
        .file("links/first", "same")
        .hardlink("links/second", "links/first");
    },
    dockerfile: `ARG BASE
FROM $BASE
COPY a.txt /single/file
COPY a.txt /folder/
COPY a.txt b.txt /several/
COPY *.txt /stars/
COPY a? /question/
COPY [a-b].txt /class/
COPY [[]x]y /escaped/
COPY deep/*/f.js /deep/
COPY dir* /contents/
COPY dir /dir
COPY dir/ /dir-slash/
COPY dir/sub dir2 /merged/
COPY sealed /sealed
COPY sealed /tmp
COPY script /usr/bin/
COPY to-file /followed-file
COPY to-dir /followed-dir/
COPY links /links
COPY ["with space", "/json form/"]
COPY ümlaut /
COPY a.txt lib/new
COPY b.txt /lib/
COPY a.txt /private/into
COPY a.txt /tmp/
WORKDIR /work
COPY a.txt relative
COPY a.txt ./dot/
COPY b.txt ../up
COPY . /everything/
`,
    known: {
      // It takes the bracket for the end of the class.
      "/escaped/[x]y": [undefined, expect.anything()],
      "/escaped/xy": [expect.anything(), undefined],
    },
  },
  {
    name: "owners and modes",
    make: (context) => {
      context.files("f", "d/g", "d/sub/h").file("x", "x", 0o755).symlink("d/l", "g");
    },
    dockerfile: `ARG BASE
FROM $BASE
COPY --chown=5 f /numeric
COPY --chown=5:6 d /both/
COPY --chown=app f /named/f
COPY --chown=app:staff d /names
COPY --chown=app:50 f /mixed
COPY --chmod=640 f /octal
COPY --chmod=0755 d /octal-dir
COPY --chown=7:8 f /made/on/the/way
COPY --chown=7:8 f /private/kept
COPY --chmod=600 --chown=1:2 x /x
USER app
COPY f /of-user/f
WORKDIR /workdir/of/user
`,
  },
  {
    name: "an ignore file",
    make: (context) => {
      context
        .file(
          ".dockerignore",
          "# comment\n*.log\n!keep.log\nnode_modules\n**/cache\nbuild/*\n!build/keep\n/rooted\nsub/rooted-not\ndir?/x\n  spaced  \n**/*.tmp\n!important.tmp\n",
        )
        .files("a.log", "keep.log", "sub/b.log", "node_modules/m", "sub/node_modules/m", "x/cache/c", "cache/c")
        .files("build/no", "build/keep/yes", "rooted", "sub/rooted", "sub/rooted-not", "dir1/x", "dir1/y", "spaced")
        .files("deep/er/z.tmp", "important.tmp", "sub/important.tmp", "app");
    },
    dockerfile: "FROM scratch\nCOPY . /all/\nCOPY sub /sub/\nCOPY build* /build/\n",
  },
  {
    name: "variables",
    args: ["--build-arg", "GIVEN=given", "--build-arg", "GLOBAL=outside", "--build-arg", "EMPTY="],
    make: (context) => void context.files("f-value", "dir/$literal"),
    dockerfile: `ARG GLOBAL=default
ARG BASE
FROM $BASE
ARG GLOBAL
ARG GIVEN=no
ARG OWN=own
ARG NONE
ARG EMPTY=filled
ARG TARGETOS
ARG TARGETARCH
ENV A=value B="two words" C=with\\ space
ENV OLD $A is legacy
ENV A=new USES_OLD=$A
ENV PLUS=\${A:+set} MINUS=\${NONE:-fallback} EMPTY_MINUS=\${EMPTY:-fallback} UNSET_PLUS=\${NOPE:+set}
ENV BRACES=\${A}tail QUOTED='$A' DOUBLE="$A" ESCAPED=\\$A PATH=/own:$PATH
ENV OWN=app
LABEL one=1 "two words"="\${B}" multi="line \\
goes on" global=$GLOBAL given=$GIVEN own=$OWN os=$TARGETOS/$TARGETARCH base=$BASE_UNKNOWN.$BASE2
COPY f-$USES_OLD /\${A}/file
COPY dir/\\$literal /literal/
WORKDIR /work/$A
WORKDIR relative
EXPOSE 80 \${PORT:-8080}/tcp 53/udp
VOLUME /data /more/$A
USER \${OWN}:staff
STOPSIGNAL SIGTERM
`,
  },
  {
    name: "commands and shells",
    make: (context) => void context.files("f"),
    dockerfile: `FROM scratch
MAINTAINER Some Body <some@body>
COPY f /
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENTRYPOINT exec top -b
CMD ["one", "two words", "$NOT_EXPANDED"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=1m --retries=4 CMD curl -f http://localhost/ || exit 1
VOLUME ["/a b", "/c"]
EXPOSE 1000-1002
ONBUILD COPY later /
ONBUILD ENV X=1
`,
    known: {
      // The shell of SHELL is for RUN and CMD alone there.
      Entrypoint: [
        ["/bin/sh", "-c", "exec top -b"],
        ["/bin/bash", "-o", "pipefail", "-c", "exec top -b"],
      ],
      ExposedPorts: [{ "1000-1002/tcp": {} }, { "1000/tcp": {}, "1001/tcp": {}, "1002/tcp": {} }],
    },
  },
  {
    name: "an entrypoint takes the command of the base away",
    dockerfile: 'ARG BASE\nFROM $BASE\nENTRYPOINT ["run"]\nHEALTHCHECK NONE\nWORKDIR /x\n',
  },
  {
    name: "stages",
    make: (context) => {
      context.files("f", "src/a", "src/b/c").symlink("src/l", "a").symlink("src/up", "../f").file("src/x", "", 0o700);
    },
    dockerfile: `ARG BASE
FROM $BASE AS files
ENV FROM_FIRST=1
COPY --chown=3:4 src /out/src
COPY f /out/g
WORKDIR /out/work
FROM files AS more
COPY f /out/more
LABEL stage=more
FROM scratch AS unused
COPY never-there /
FROM $BASE
COPY --from=files /out /from-name
COPY --from=0 /out/src/l /followed
COPY --from=more /out/more /out/g /both/
COPY --from=more --chown=9 /out/src/ /owned/
COPY --from=files /out/s* /star/
COPY --from=files /lib/old /through-link
`,
  },
  {
    name: "archives",
    make: (context) => {
      context
        .file("in/a", "a", 0o640)
        .file("in/d/b", "b", 0o755)
        .folder("in/d", 0o711)
        .folder("in/lib")
        .file("in/lib/from-archive")
        .symlink("in/l", "d/b")
        .hardlink("in/h", "in/a")
        .archive("plain.tar", "in")
        .archive("in.tgz", "in", "z")
        .archive("odd-name", "in", "j")
        .archive("in.tar.xz", "in", "J")
        .archive("d/inner.tar", "in/d")
        .file("not.tar.gz", "no archive at all");
    },
    dockerfile: `ARG BASE
FROM $BASE
ADD plain.tar /plain
ADD in.tgz /slash/
ADD odd-name /odd
ADD in.tar.xz /
ADD d /folder/
ADD not.tar.gz /file/
ADD plain.tar in.tgz /two/
COPY in.tgz /copied
WORKDIR /w
ADD in.tgz .
`,
    known: {
      // A folder takes the place of a symlink there, which breaks most bases.
      "/lib": [expect.objectContaining({ kind: "directory" }), expect.objectContaining({ kind: "symlink" })],
      "/lib/from-archive": [expect.anything(), undefined],
      "/usr/lib": [expect.objectContaining({ uid: 0 }), expect.objectContaining({ uid: 7 })],
      "/usr/lib/from-archive": [undefined, expect.anything()],
    },
  },
  {
    name: "triggers of a base",
    make: (context) => void context.files("app/main", "package"),
    dockerfile: "ARG ONBUILD\nFROM $ONBUILD\nLABEL own=1\n",
  },
  {
    name: "sources that may be missing, and links as sources and destinations",
    make: (context) => {
      context
        .files("package.json", "d/one", "d/.dot", "k/one", ".hidden", "f")
        .symlink("out", "/f")
        .symlink("up", "../../../f")
        .symlink("to-dir", "/d")
        .symlink("d/l1", "l2")
        .symlink("d/l2", "l1")
        .file("s/t", "t", 0o755)
        .folder("s/sticky", 0o1777);
    },
    dockerfile: `ARG BASE
FROM $BASE
WORKDIR /w/x
ENV empty=""
COPY package.json yarn.lock* pnpm-lock.y?ml ./
COPY f $empty
COPY --chown=$empty f ../chown
COPY d/one k/one /last/
COPY out up /links/
COPY to-dir /linked-dir
COPY d /loops
COPY .h* /hidden/
COPY s /special
COPY ./ ./all/
COPY d/../f ../../cleaned
COPY \\
  --chown=1:2 \\
  # a comment between
  --chmod=700 \\
  f \\
  /flags
`,
  },
  {
    name: "quotes, blanks and continuations",
    make: (context) => void context.files("f"),
    dockerfile: `  from scratch
ENV A=a\\ b B='c d' C="e f" D=$A E='$A' F="\\$A" G=\\$A H="x\\"y" I=x\\\\y
ENV legacy  a  b "c"  $PATH
ENV ONE="it's" TWO='say "x"' THREE=a"b"'c'd FOUR="  x  " FIVE= SIX=#x
ENV M=1 \\
  # one
    # two
  N=2 \\

    O=3
ENV A=\${A:-x} PATH=$PATH:/x
LABEL "a b"="c d" e='f g' h=i\\ j k="$PATH" l='$PATH' m.n-o=p json='{"x": "y"}' multi="a\\
   b" tab="a\tb"
LABEL a=1 a=2
\tcopy\tf\t/f
WORKDIR /a/
WORKDIR b//c/
WORKDIR ./d/../e
CMD    echo   a    b   
ENTRYPOINT   [ "a" , "b\\u0041" ]   
HEALTHCHECK --interval=1m30s --timeout=500ms CMD ["a","b"]
STOPSIGNAL term
VOLUME ["/e f", "/g"]
USER 1000
`,
  },
  {
    name: "an ignore file that takes back what it hid",
    make: (context) => {
      context
        .file(".dockerignore", "\ufeff*\r\n!sub\r\nsub/*\r\n!sub/keep.log\n!docs/b\ndocs/b/c.md\n!/rooted/\n")
        .files("a", "sub/keep.log", "sub/other", "docs/a.md", "docs/b/c.md", "docs/b/d.md", "rooted/x");
    },
    dockerfile: "FROM scratch\nCOPY . /all/\nCOPY sub /sub\n",
  },
  {
    name: "layers over layers",
    make: (context) => {
      context.files("one/f", "one/sub/g", "two/sub/h", "file").file("two/f", "newer", 0o600).folder("two/sub", 0o700);
    },
    dockerfile: `FROM scratch
COPY one /d
COPY two /d
COPY file /d/sub/g
COPY one/f /new/deep/f
COPY two/f /new/deep/
WORKDIR /d/sub
COPY . again/
`,
  },
];

/** Programs, where both builders can run them. */
export const runCases: readonly BuildahCase[] = [
  {
    name: "what programs remove, replace and make",
    make: (context) => {
      context.files("d/a", "d/b", "e/a", "e/sub/b", "keep/x", "keep/y").file("bits", "x", 0o755);
    },
    dockerfile: `ARG SHELL
FROM $SHELL
COPY . /data/
ARG WHO=world
ENV GREETING=hello
RUN rm /data/d/a && rm -r /data/e && mkdir /data/e && echo new > /data/e/fresh
RUN ["/bin/sh", "-c", "echo $GREETING $WHO > /said; id -u > /uid"]
RUN chmod 4755 /data/bits && chown 5:6 /data/keep/x && mv /data/keep/y /data/keep/z
RUN ln -s /data/keep /link && ln /said /said-too && mkdir -p /deep/er && touch /deep/er/f && chmod 1777 /deep
WORKDIR /data/keep
RUN pwd > where && rm -rf /data/d
USER 7:8
RUN id -u > /deep/uid && id -g > /deep/gid
`,
  },
];

/** What neither may build. */
export const refused: readonly (readonly [what: string, dockerfile: string])[] = [
  ["a source that is not there", "FROM scratch\nCOPY nothing /\n"],
  ["wildcards that match nothing", "FROM scratch\nCOPY *.nothing /\n"],
  ["an instruction that is none", "FROM scratch\nCOPPY a /\n"],
  ["a flag that is none", "FROM scratch\nCOPY --chwon=1 a /\n"],
  ["a stage that is not there", "FROM scratch\nCOPY --from=5 a /\n"],
  ["no FROM", "COPY a /\n"],
  ["a FROM that comes to nothing", "FROM $NOTHING\nCOPY a /\n"],
  ["COPY without a destination", "FROM scratch\nCOPY a\n"],
  ["a duration that is none", "FROM scratch\nCOPY a /\nHEALTHCHECK --interval=fast CMD x\n"],
  ["a user that is not there", "FROM scratch\nCOPY --chown=nobody-here a /\n"],
];
