import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkDockerfile } from "./check-dockerfile.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import { parseDockerfile } from "./parse-dockerfile.ts";
import type { Instruction } from "./syntax.ts";

/** The instructions of the only stage, after FROM. */
function parse(text: string): readonly Instruction[] {
  return parseDockerfile(`FROM scratch\n${text}`, "Dockerfile").stages[0]?.instructions ?? [];
}

function one(text: string): Instruction | undefined {
  return parse(text)[0];
}

function issuesOf(text: string): DockerfileError["issues"] {
  try {
    parseDockerfile(text, "Dockerfile");
  } catch (error) {
    if (error instanceof DockerfileError) return error.issues;
    throw error;
  }
  return [];
}

test("stages, and the arguments before them", () => {
  const file = parseDockerfile(
    `ARG BASE=node\nFROM --platform=$BUILDPLATFORM $BASE:24 AS Build\nRUN make\n\nFROM scratch\nCOPY --from=build /out /\n`,
    "Dockerfile",
  );
  expect(file.args).toMatchObject([
    { args: [{ name: { text: "BASE" }, value: { text: "node", line: 1, column: 10 } }] },
  ]);
  expect(file.stages.map((stage) => [stage.from.image.text, stage.from.as?.text])).toEqual([
    ["$BASE:24", "build"],
    ["scratch", undefined],
  ]);
  expect(file.stages[0]?.from.platform).toEqual({ text: "$BUILDPLATFORM", line: 2, column: 17 });
  expect(file.stages[1]?.instructions).toMatchObject([{ keyword: "COPY", from: { text: "build" } }]);
});

test("an instruction goes on over lines, comments and blank lines", () => {
  expect(one("RUN a \\\n  # why\n\n  b \\  \r\n   c\nRUN d")).toMatchObject({
    line: 2,
    column: 1,
    endLine: 6,
    text: "RUN a   b    c",
    blankLines: [4],
  });
});

test("words know where they are written", () => {
  expect(one("COPY a \\\n  b c/")).toMatchObject({
    sources: [
      { text: "a", line: 2, column: 6 },
      { text: "b", line: 3, column: 3 },
    ],
    destination: { text: "c/", line: 3, column: 5 },
  });
});

test("mistakes are told all at once, each with its place", () => {
  expect(issuesOf("FROM alpine\nCOPY x\n\nWORKDR x\n  EXPOSE 8o\n")).toMatchObject([
    { message: 'COPY has one argument, "x": it lacks the destination', location: { line: 2, column: 6, length: 1 } },
    {
      message: 'Unknown instruction "WORKDR"',
      hint: "Did you mean WORKDIR?",
      location: { line: 4, column: 1, length: 6 },
    },
    {
      message: 'Cannot expose "8o": expected a port or a range, and optionally /tcp, /udp or /sctp',
      location: { line: 5, column: 10, length: 2, context: [{ number: 5, text: "  EXPOSE 8o" }] },
    },
  ]);
});

test("directives count at the very beginning only", () => {
  const file = parseDockerfile(
    "\uFEFF#!/usr/bin/env lading\n# syntax = docker/dockerfile:1 x\n#ESCAPE=`\n# check=skip=UndefinedVar,JSONArgsRecommended;error=true\nFROM a\nRUN b `\n  c\\\n",
    "D",
  );
  expect(file).toMatchObject({
    syntax: "docker/dockerfile:1",
    escape: "`",
    check: { skip: ["UndefinedVar", "JSONArgsRecommended"], error: true },
  });
  expect(file.stages[0]?.instructions).toMatchObject([{ text: "RUN b   c\\" }]);
  expect(file.lines[0]).toBe("#!/usr/bin/env lading");
  for (const before of ["# a comment\n", "\n", "# unknown=1\n"])
    expect(parseDockerfile(`${before}# escape=\`\nFROM a\n`, "D").escape).toBe("\\");
});

test.each([
  ["# escape=x", 'Cannot escape by "x": expected a backslash or a backtick', 10],
  ["# escape=`\n# escape=\\", 'There is a second "# escape="', 1],
  ["# check=skp=all", 'Cannot read "skp=all" of "# check=": expected skip=, experimental= or error=true', 9],
  ["# check=error=perhaps", 'Cannot read "error=perhaps" of "# check="', 9],
])("%s is refused", (text, message, column) => {
  const [issue] = issuesOf(`${text}\nFROM a\n`);
  expect(issue?.message).toContain(message);
  expect(issue?.location?.column).toBe(column);
});

test("an escape that is escaped continues nothing", () => {
  expect(parse("RUN a \\\\\nRUN b \\\n")).toMatchObject([{ text: "RUN a \\\\" }, { text: "RUN b" }]);
});

test("comments right above an instruction are its comments", () => {
  expect(parse("# one\n# two\n\nRUN a\n# three\n#\n# four\nRUN b\nRUN c")).toMatchObject([
    { comments: ["one", "two"] },
    { comments: ["four"] },
    { text: "RUN c" },
  ]);
  expect(parse("# one\nRUN a\nRUN b")[1]).not.toHaveProperty("comments");
});

test.each([
  ['CMD ["a", "b c"]', { form: "exec", argv: ["a", "b c"] }],
  ["CMD []", { form: "exec", argv: [] }],
  ['CMD  [ "\\u0041" ] ', { form: "exec", argv: ["A"] }],
  ["CMD a  'b'", { form: "shell", line: "a  'b'" }],
  ["CMD []random string", { form: "shell", line: "[]random string" }],
  ["CMD ['a']", { form: "shell", line: "['a']" }],
  ['CMD ["a",]', { form: "shell", line: '["a",]' }],
  ['CMD [ "$x" = y ]', { form: "shell", line: '[ "$x" = y ]' }],
  ["CMD -- --version", { form: "shell", line: "--version" }],
])("%s", (text, command) => {
  expect(one(text)).toMatchObject({ keyword: "CMD", command });
  expect(one(text.replace("CMD", "entrypoint"))).toMatchObject({ keyword: "ENTRYPOINT", command });
  expect(one(text.replace("CMD", "RUN"))).toMatchObject({ keyword: "RUN", command, heredocs: [], mounts: [] });
  expect(one(text.replace("CMD", "HEALTHCHECK --retries=1 CMD a &&"))).toMatchObject({ command: { form: "shell" } });
});

test.each([
  ["ENV a=b", [["a", "b"]]],
  [
    `ENV a="b c" d='e "f' g=h\\ i j=`,
    [
      ["a", '"b c"'],
      ["d", `'e "f'`],
      ["g", "h\\ i"],
      ["j", ""],
    ],
  ],
  ["ENV a=b=c", [["a", "b=c"]]],
  ["ENV a  b  c=d ", [["a", "b  c=d"]]],
  ["LABEL $A=$B", [["$A", "$B"]]],
  [`LABEL "a b"=c`, [['"a b"', "c"]]],
])("%s", (text, expected) => {
  const instruction = one(text);
  const pairs = instruction?.keyword === "ENV" || instruction?.keyword === "LABEL" ? instruction.pairs : [];
  expect(pairs.map(({ name, value }) => [name.text, value.text])).toEqual(expected);
});

test("a value is where it is written", () => {
  expect(one('ENV a=1 \\\n  long="x y"')).toMatchObject({
    pairs: [
      { name: { line: 2, column: 5 }, value: { line: 2, column: 7 } },
      { name: { line: 3, column: 3 }, value: { text: '"x y"', line: 3, column: 8 } },
    ],
  });
  expect(one("ENV a=1")).not.toHaveProperty("legacy");
  expect(one("ENV a 1")).toMatchObject({ legacy: true, pairs: [{ value: { line: 2, column: 7 } }] });
});

test("a health check may be switched off", () => {
  expect(one("HEALTHCHECK NONE")).not.toHaveProperty("command");
});

test("arguments may lack a value, and be several", () => {
  expect(one("ARG a b= c='d e'")).toMatchObject({
    args: [{ name: { text: "a" } }, { name: { text: "b" }, value: { text: "" } }, { value: { text: "'d e'" } }],
  });
});

test("COPY and ADD have their flags, and sources as words or as a list", () => {
  expect(
    one('COPY --from=0 --chown="$U":1 --chmod=u+x --link --parents=false --exclude=a --exclude=*.b a b /c/'),
  ).toMatchObject({
    from: { text: "0" },
    chown: { text: "$U:1", line: 2, column: 23 },
    chmod: { text: "u+x" },
    link: true,
    parents: false,
    exclude: [{ text: "a" }, { text: "*.b" }],
    sources: [{ text: "a" }, { text: "b" }],
    destination: { text: "/c/" },
  });
  expect(
    one(`ADD --checksum=sha256:${"a".repeat(64)} --keep-git-dir --unpack=FALSE ["a b", "c\\u0041", "/d"]`),
  ).toMatchObject({
    checksum: { text: `sha256:${"a".repeat(64)}` },
    keepGitDir: true,
    unpack: false,
    sources: [
      { text: "a b", column: 120 },
      { text: "cA", column: 127 },
    ],
    destination: { text: "/d" },
  });
  const plain = one("ADD a b");
  expect(plain).toMatchObject({ link: false, exclude: [], keepGitDir: undefined, unpack: undefined });
});

test("RUN has its flags", () => {
  expect(
    one("RUN --mount=type=cache,target=/x --mount=type=tmpfs,target=/y --network=none --security=sandbox make"),
  ).toMatchObject({
    mounts: [{ text: "type=cache,target=/x", column: 13 }, { text: "type=tmpfs,target=/y" }],
    network: { text: "none" },
    security: { text: "sandbox" },
    command: { line: "make" },
  });
});

test("heredocs of COPY are its contents, one after another", () => {
  const [copy, run] = parse("COPY <<a.txt <<-'B'C x /d/\none $V\na.txt\n\t\ttwo\n  BC\n\tBC\nRUN x");
  expect(copy).toMatchObject({
    heredocs: [
      { name: "a.txt", content: "one $V\n", expand: true, line: 2, column: 6 },
      { name: "BC", content: "two\n  BC\n", expand: false },
    ],
    endLine: 7,
  });
  expect(run).toMatchObject({ text: "RUN x", line: 8 });
});

test.each([
  ["RUN <<EOF", "EOF", true],
  ["RUN 3<<EOF cat", "EOF", true],
  ["RUN --network=none <<- EOF sh > x", "EOF", true],
  ["RUN <<E'O'F", "EOF", false],
  [String.raw`RUN <<E\'OF`, "E'OF", true],
  ['RUN "a" <<"EOF" && b', "EOF", false],
  ["RUN <<$EOF", "$EOF", true],
  ["ONBUILD RUN <<EOF", "EOF", true],
  ["onbuild copy <<EOF /x", "EOF", true],
  ["RUN a \\\n <<EOF", "EOF", true],
])("%s has a heredoc", (text, name, expand) => {
  const found = one(`${text}\n# no comment\n\n${name}\nRUN next`);
  const instruction = found?.keyword === "ONBUILD" ? found.trigger : found;
  expect(instruction).toMatchObject({ heredocs: [{ name, expand, content: "# no comment\n\n" }] });
});

test.each([
  "RUN a<<EOF",
  'RUN "<<EOF"',
  'RUN ["<<EOF"]',
  "RUN <<<EOF",
  "RUN echo $((1<<2))",
  "CMD <<EOF",
  "RUN it's <<EOF",
])("%s has none", (text) => {
  expect(parse(`${text}\nRUN b`)).toHaveLength(2);
});

test("other instructions", () => {
  expect(
    parse(
      `USER a b
WORKDIR "/x y"
STOPSIGNAL SIGINT
MAINTAINER it's me
EXPOSE 80 8000-8010/udp $PORTS 127.0.0.1:1:1
VOLUME /a /b
VOLUME ["/c d"]
SHELL ["a", "-c"]
HEALTHCHECK none
HEALTHCHECK --interval=1m --timeout=30s --start-period=0 --start-interval=1s --retries=3 CMD curl x
ONBUILD  copy . /x`,
    ),
  ).toMatchObject([
    { keyword: "USER", value: { text: "a b" } },
    { keyword: "WORKDIR", value: { text: '"/x y"', line: 3, column: 9 } },
    { keyword: "STOPSIGNAL", value: { text: "SIGINT" } },
    { keyword: "MAINTAINER", value: { text: "it's me" } },
    { keyword: "EXPOSE", values: [{ text: "80" }, { text: "8000-8010/udp" }, { text: "$PORTS" }, { column: 32 }] },
    { keyword: "VOLUME", values: [{ text: "/a" }, { text: "/b" }] },
    { keyword: "VOLUME", values: [{ text: "/c d" }] },
    { keyword: "SHELL", argv: ["a", "-c"] },
    { keyword: "HEALTHCHECK", text: "HEALTHCHECK none" },
    {
      keyword: "HEALTHCHECK",
      command: { form: "shell", line: "curl x" },
      interval: { text: "1m" },
      timeout: { text: "30s" },
      startPeriod: { text: "0" },
      startInterval: { text: "1s" },
      retries: { text: "3" },
    },
    { keyword: "ONBUILD", text: "ONBUILD  copy . /x", trigger: { keyword: "COPY", text: "copy . /x", column: 10 } },
  ]);
});

test.each([
  // Keywords and flags.
  ["EXPOS 80", 'Unknown instruction "EXPOS"', "Did you mean EXPOSE?"],
  ["&& make", 'Unknown instruction "&&"', "If it belongs to the line above, end that one with \\"],
  ["COPY --form=x a b", 'Unknown flag "--form" of COPY', "Did you mean --from?"],
  [
    "COPY --a=x a b",
    'Unknown flag "--a" of COPY',
    "Known flags: --chown, --chmod, --link, --exclude, --from, --parents",
  ],
  ["USER --a b", 'Unknown flag "--a" of USER', "USER has no flags"],
  ["CMD --version", 'Unknown flag "--version" of CMD', "Write CMD -- before a command that begins with a dash"],
  ["ADD --link --link a b", "ADD has --link twice", undefined],
  ["ADD --chown a b", "ADD --chown lacks its value", "Write --chown=…"],
  ["ADD --link=perhaps a b", 'ADD --link is "perhaps": expected true or false', undefined],
  ["RUN --network=hots a", 'Unknown network "hots"', "Did you mean host?"],
  ["RUN --security=none a", 'Unknown security "none"', "Write one of sandbox, insecure"],
  // Arguments.
  ["COPY", "COPY has neither source nor destination", "Write COPY source… destination"],
  ["COPY a <<EOF\nEOF", "COPY has a heredoc as its destination", undefined],
  ['ADD ["a"]', 'ADD has one argument, "a": it lacks the destination', "Write ADD source… destination"],
  ['COPY ["a", 1]', "COPY is a list with something else than strings", "Quote each part"],
  ["RUN", "RUN has no command", undefined],
  ["CMD", "CMD has no command", "Write CMD [] for none"],
  ["SHELL sh -c", "SHELL is no JSON array", 'Write SHELL ["/bin/sh", "-c"]'],
  ["SHELL []", "SHELL is empty", 'Write SHELL ["/bin/sh", "-c"]'],
  ["ENV", "ENV has no argument", undefined],
  ["ENV a", "ENV a lacks its value", "Write ENV a=…"],
  ["ENV a=b c", 'ENV has "c", which lacks "="', "Quote a value that has blanks"],
  ["LABEL =a", 'LABEL has no name before "="', undefined],
  ["ARG", "ARG has no argument", undefined],
  ["USER", "USER has no argument", undefined],
  ["VOLUME []", "VOLUME has no path", undefined],
  ['VOLUME ["/a", " "]', "VOLUME has an empty path", undefined],
  ["HEALTHCHECK", "HEALTHCHECK has no argument", "Write HEALTHCHECK CMD command, or HEALTHCHECK NONE"],
  ["HEALTHCHECK curl x", 'HEALTHCHECK is "curl": expected CMD or NONE', undefined],
  ["HEALTHCHECK NONE x", 'HEALTHCHECK NONE has "x" after it', undefined],
  ["HEALTHCHECK CMD []", "HEALTHCHECK CMD has no command", "Write HEALTHCHECK NONE to switch it off"],
  ["ONBUILD", "ONBUILD has no argument", "Write ONBUILD and an instruction"],
  ["ONBUILD FROM a", "ONBUILD cannot keep FROM for later", undefined],
  ["ONBUILD onbuild RUN a", "ONBUILD cannot keep ONBUILD for later", undefined],
  ["ONBUILD COPY a", 'COPY has one argument, "a": it lacks the destination', "Write COPY source… destination"],
  ["FROM a b", 'FROM has "b" after its image, where only AS may stand', "Write FROM image AS name"],
  ["FROM a AS", "FROM … AS lacks the stage's name", undefined],
  ["FROM a AS b c", 'FROM has "c" after the stage\'s name', undefined],
  [
    "FROM a AS 1b",
    'Cannot name a stage "1b"',
    "Begin with a letter, and go on with letters, digits, hyphens, underscores and dots",
  ],
  // Values.
  ["FROM --platform=linux/amd/64/v8 a", 'Cannot read platform "linux/amd/64/v8"', "Write os/architecture: linux/amd64"],
  [
    "EXPOSE 80/http",
    'Cannot expose "80/http": expected a port or a range, and optionally /tcp, /udp or /sctp',
    undefined,
  ],
  ["EXPOSE 70000", 'Cannot expose "70000": ports are 1 to 65535, the lower one first', undefined],
  [
    "STOPSIGNAL SIGKIL",
    'Cannot set stopSignal "SIGKIL": expected a name (SIGTERM) or a number from 1 to 64',
    "Did you mean SIGKILL?",
  ],
  [
    "ADD --checksum=md5:00 a b",
    'Cannot use the checksum "md5:00": expected sha256: and 64 hexadecimal digits',
    undefined,
  ],
  ["COPY --chmod=888 a b", 'Cannot read mode "888": "888" is not a symbolic mode', undefined],
  ["COPY --chmod=source a b", 'Cannot read mode "source": expected octal digits, or a change like go-w', undefined],
  ["COPY --chown=a:b:c a b", 'Cannot read owner "a:b:c": expected user or user:group, by name or number', undefined],
  [
    "COPY --chown=4294967295 a b",
    'Cannot read owner "4294967295": 4294967295 is no number of a user or group',
    undefined,
  ],
  [
    "HEALTHCHECK --interval=1 CMD a",
    'Cannot read the healthcheck\'s interval "1": expected a duration',
    'Write seconds, or a duration like "1m30s"',
  ],
  [
    "HEALTHCHECK --timeout=$T CMD a",
    'Cannot read the healthcheck\'s timeout "$T": expected a duration',
    'Write seconds, or a duration like "1m30s"',
  ],
  ["HEALTHCHECK --retries=-1 CMD a", 'Cannot use the healthcheck\'s retries "-1": expected a whole number', undefined],
  // Quotes, braces, heredocs.
  ["ENV a=b c='d", `Cannot expand "'d": a single quote is not closed`, undefined],
  ["LABEL a=${b", 'Cannot expand "${b": a "}" is missing', undefined],
  ['COPY a "b', `Cannot expand ""b": a double quote is not closed`, undefined],
  [
    "RUN <<EOF\nmake\n EOF\n",
    "The heredoc <<EOF has no end",
    "Write a line that is EOF and nothing else after its content",
  ],
])("%s is refused", (text, message, hint) => {
  expect(issuesOf(`FROM scratch\n${text}`)).toMatchObject([{ message, hint, location: { line: 2 } }]);
});

test.each([
  ["EXPOSE $A/http", "STOPSIGNAL $S", "COPY --chmod=$M --chown=$O:$G a b", "FROM --platform=$P x", "WORKDIR ${W:?}"],
])("what has variables is not judged before they are known", (...lines) => {
  expect(issuesOf(`FROM scratch\n${lines.join("\n")}`)).toEqual([]);
});

test("a file needs FROM before anything else but arguments", () => {
  expect(issuesOf("")).toEqual([
    {
      message: 'Cannot read "Dockerfile": it has no instructions',
      hint: "Begin with FROM and an image, or FROM scratch",
    },
  ]);
  expect(issuesOf("# a\n\n")).toHaveLength(1);
  expect(issuesOf("ARG a\n")).toMatchObject([{ message: "No FROM follows", location: { line: 1 } }]);
  expect(issuesOf("RUN a\nFROM b")).toMatchObject([
    {
      message: "RUN stands before FROM",
      hint: "Only ARG may stand before the first FROM",
      location: { line: 1, length: 3 },
    },
  ]);
  // What is wrong with FROM itself is not told of each line after it.
  expect(issuesOf("FROMM a\nRUN b\nRUN c")).toHaveLength(1);
});

test("ten mistakes are enough", () => {
  expect(issuesOf(`FROM a\n${"NOPE\n".repeat(50)}`)).toHaveLength(10);
});

test("an error says where in its message too, for who shows nothing else", () => {
  const text = "FROM a\nCOPPY b c\nUSER\n";
  expect(() => parseDockerfile(text, "sub/Dockerfile")).toThrow(
    expect.objectContaining({
      message: 'sub/Dockerfile:2: Unknown instruction "COPPY"\nsub/Dockerfile:3: USER has no argument',
      code: "SPEC",
      hint: "Did you mean COPY?",
    }),
  );
});

test("what is long takes no time that grows faster than it", { timeout: 20_000 }, () => {
  const many = 50_000;
  expect(one(`COPY${" \\\n a".repeat(many)} /x/`)).toMatchObject({ destination: { line: many + 2, column: 4 } });
  expect(one(`COPY [${'"\\u0041", '.repeat(many)}"/x/"]`)).toMatchObject({ destination: { line: 2 } });
  expect(one(`${"# a\n".repeat(many)}RUN b`)).toMatchObject({ line: many + 2 });
  expect(issuesOf(`FROM a\n${"\r".repeat(many)}x`)).toHaveLength(1);
});

const piece = fc.constantFrom(
  ...Array.from(" \t\n\r\\`\"'$#<[]{},:=/-x1\u00e9\u0000"),
  ..."FROM scratch,FROM a AS b,ARG,CMD,COPY,ENTRYPOINT,ENV,EXPOSE,HEALTHCHECK CMD,LABEL,ONBUILD,RUN,SHELL,USER".split(
    ",",
  ),
  ..."<<EOF,EOF,--from=,--chmod=,--x,# escape=`,# check=,${X:-,VOLUME,WORKDIR,STOPSIGNAL,\n,\n,\\\n, , ".split(","),
);

test("whatever a file holds, it is read and checked, or refused", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("", "FROM a AS b\n"),
      fc.array(fc.oneof({ weight: 9, arbitrary: piece }, fc.string()), { maxLength: 60 }),
      (start, pieces) => {
        try {
          checkDockerfile(parseDockerfile(start + pieces.join(""), "Dockerfile"));
        } catch (error) {
          expect(error).toBeInstanceOf(DockerfileError);
        }
      },
    ),
    { numRuns: 3000 },
  );
});
