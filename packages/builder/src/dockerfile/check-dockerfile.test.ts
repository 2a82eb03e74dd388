import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { checkDockerfile, type CheckOptions } from "./check-dockerfile.ts";
import { parseDockerfile } from "./parse-dockerfile.ts";

/** `rule:line` of each warning. */
function rules(text: string, options?: CheckOptions): string[] {
  return checkDockerfile(parseDockerfile(text, "Dockerfile"), options).map(
    ({ rule, location }) => `${rule}:${location.line}`,
  );
}

test.each([
  ["nothing", "FROM scratch\nCOPY a /\n", []],
  [
    "casing",
    "FROM scratch\nRun a\ncopy b /\nCMD []",
    ["ConsistentInstructionCasing:2", "ConsistentInstructionCasing:3"],
  ],
  ["lower case, where it is used more", "from scratch\ncopy a /\nCMD []", ["ConsistentInstructionCasing:3"]],
  ["as many of both", "from scratch\nCMD []", ["ConsistentInstructionCasing:1"]],
  ["AS", "FROM scratch as a\nFROM scratch AS b", ["FromAsCasing:1"]],
  ["as", "from scratch AS a\nfrom scratch as b", ["FromAsCasing:1"]],
  ["a mixed FROM, which is told once", "From scratch as a\nFROM a", ["ConsistentInstructionCasing:1"]],
  ["capitals in a stage's name", "FROM scratch AS Build", ["StageNameCasing:1"]],
  ["one name twice", "FROM scratch AS a\nFROM scratch AS A", ["StageNameCasing:2", "DuplicateStageName:2"]],
  ["reserved names", "FROM scratch AS scratch\nFROM a AS context", ["ReservedStageName:1", "ReservedStageName:2"]],
  ["a blank line in an instruction", "FROM scratch\nCOPY a \\\n\n/", ["NoEmptyContinuation:3"]],
  ["MAINTAINER", "FROM scratch\nMAINTAINER me", ["MaintainerDeprecated:2"]],
  ["the old form", "FROM scratch\nENV a b\nLABEL a b\nENV a=b", ["LegacyKeyValueFormat:2", "LegacyKeyValueFormat:3"]],
  [
    "commands that start a shell",
    "FROM scratch\nCMD a\nENTRYPOINT b\nHEALTHCHECK CMD c",
    ["JSONArgsRecommended:2", "JSONArgsRecommended:3"],
  ],
  ["commands for a shell that was chosen", 'FROM scratch AS a\nSHELL ["x"]\nCMD a\nFROM a\nENTRYPOINT b', []],
  [
    "commands that do not count",
    "FROM scratch AS a\nCMD []\nCMD []\nENTRYPOINT []\nHEALTHCHECK NONE\nHEALTHCHECK NONE\nFROM a\nCMD []",
    ["MultipleInstructionsDisallowed:2", "MultipleInstructionsDisallowed:5"],
  ],
  [
    "what looks like a secret",
    "ARG NPM_TOKEN\nFROM scratch\nENV API_KEY=x PUBLIC_KEY=x KEYS=x\nARG password_file\nARG auth=x",
    ["SecretsUsedInArgOrEnv:1", "SecretsUsedInArgOrEnv:3", "SecretsUsedInArgOrEnv:5"],
  ],
  [
    "arguments that nobody declares",
    "ARG A=x\nFROM scratch$B\nFROM --platform=$TARGETPLATFORN $A",
    ["UndefinedArgInFrom:2", "UndefinedArgInFrom:3"],
  ],
  [
    "arguments of a stage in FROM",
    "FROM scratch\nARG A=x\nFROM $A",
    ["UndefinedArgInFrom:3", "InvalidDefaultArgInFrom:3"],
  ],
  [
    "defaults that name no image",
    "ARG TAG\nARG B=x-$TARGETARCH\nFROM node:$TAG\nFROM node${TAG:+:$TAG}\nFROM $B\nFROM $TARGETARCH\nFROM oci:/bases/$B",
    ["InvalidDefaultArgInFrom:3"],
  ],
  [
    "the target's platform",
    "FROM --platform=${TARGETPLATFORM} scratch\nFROM --platform=$BUILDPLATFORM scratch",
    ["RedundantTargetPlatform:1"],
  ],
  [
    "a platform that never changes",
    "FROM --platform=linux/arm64 scratch AS x\nFROM --platform=linux/amd64 scratch AS x-amd64\nFROM --platform=$BUILDOS/amd64 x AS y",
    ["FromPlatformFlagConstDisallowed:1"],
  ],
  [
    "relative working folders",
    "FROM scratch AS a\nWORKDIR x\nWORKDIR y\nFROM a\nWORKDIR z\nFROM b\nWORKDIR /x\nWORKDIR y",
    ["WorkdirRelativePath:2"],
  ],
  [
    "working folders from variables",
    "FROM scratch\nENV A=x\nWORKDIR $A\nFROM scratch\nARG B\nWORKDIR $B\nFROM c\nWORKDIR $HOME/x\nFROM d\nWORKDIR C:/x",
    ["WorkdirRelativePath:3"],
  ],
  [
    "ports",
    "FROM scratch\nARG P=53/UDP\nEXPOSE 80/Tcp $P 8080:80\nEXPOSE 80/tcp",
    ["ExposeProtoCasing:3", "ExposeProtoCasing:3", "ExposeInvalidFormat:3"],
  ],
  ["comments on definitions, when nobody asked", "# x is\nARG y\nFROM scratch", []],
  [
    "comments on definitions",
    "# check=experimental=InvalidDefinitionDescription\n# x is\nARG y\n# y is\nARG y\n# b is\nFROM scratch AS c\n# d\nCOPY a /\n# c is\nARG b c",
    ["InvalidDefinitionDescription:3", "InvalidDefinitionDescription:7"],
  ],
])("%s", (_, text, expected) => {
  expect(rules(text)).toEqual(expected);
});

test("variables must have been defined, in this stage or in the one it is built on", () => {
  const text = `ARG GLOBAL=x
FROM scratch AS a
COPY $A $PATH /
ENV A=x B=$A
COPY --chown=$A:$C $B \${D:-x} /
ARG C GLOBAL
ENV E=$C F=$GLOBAL G=$TARGETARCH
RUN --mount=type=cache,target=$H echo $NOT_OURS
COPY <<EOF <<'EOT' /x/
$I
EOF
$NOT_OURS
EOT
FROM a
USER $A$C$J`;
  expect(rules(text)).toEqual([
    "UndefinedVar:3",
    "UndefinedVar:4",
    "UndefinedVar:5",
    "UndefinedVar:5",
    "UndefinedVar:7",
    "UndefinedVar:8",
    "UndefinedVar:9",
    "UndefinedVar:15",
  ]);
});

test("what a base sets is defined; of one that is not known, only a slip of the pen is told", () => {
  const text = "FROM node AS a\nENV PATH=/x:$PAHT NODE=$NODE_VERSION\nFROM a\nUSER $YARN_VERSION\n";
  expect(rules(text)).toEqual(["UndefinedVar:2"]);
  expect(rules(text, { baseVariables: (image) => (image === "node" ? ["NODE_VERSION"] : []) })).toEqual([
    "UndefinedVar:2",
    "UndefinedVar:4",
  ]);
  expect(checkDockerfile(parseDockerfile(text, "D"))[0]).toMatchObject({
    message: "$PAHT is not defined here: did you mean $PATH?",
    location: { line: 2, column: 10, length: 8 },
  });
});

test("what the ignore file leaves out cannot be copied", async () => {
  await using folder = await temporaryFolder();
  const context = folder.path;
  const ignoring = (patterns: string, text: string): string[] => {
    writeFileSync(join(context, ".dockerignore"), patterns);
    return rules(text, { context });
  };
  const text = `FROM scratch AS a
ENV LOG=x.log
COPY node_modules/x . $LOG https://example.com/y.log /z/
ADD /node_modules src /z/
COPY --from=a /node_modules /z/
ADD https://example.com/y.log git@example.com:y.log /z/`;
  expect(ignoring("node_modules\n*.log", text)).toEqual([
    "CopyIgnoredFile:3",
    "CopyIgnoredFile:3",
    "CopyIgnoredFile:4",
  ]);
  expect(ignoring("*", "FROM scratch\nCOPY . /")).toEqual(["CopyIgnoredFile:2"]);
  expect(ignoring(".*", "FROM scratch\nCOPY . /")).toEqual([]);
  expect(ignoring("*\n!a/b", "FROM scratch\nCOPY a . /")).toEqual([]);
  expect(ignoring("*\n!a/b", "FROM scratch\nCOPY a/b c /")).toEqual(["CopyIgnoredFile:2"]);
  writeFileSync(join(context, "own.dockerignore"), "a");
  expect(rules("FROM scratch\nCOPY a /", { context, ignoreFile: "own.dockerignore" })).toEqual(["CopyIgnoredFile:2"]);
});

test("rules are skipped for the file, or for the instruction below a comment", () => {
  const text = "FROM scratch as a\n# check=skip=JSONArgsRecommended // why\nCMD a\n# check=nonsense\nENTRYPOINT b\n";
  expect(rules(text)).toEqual(["FromAsCasing:1", "JSONArgsRecommended:5"]);
  expect(rules(`# check=skip=FromAsCasing, JSONArgsRecommended\n${text}`)).toEqual(["JSONArgsRecommended:6"]);
  expect(rules(`# check=skip=FromAsCasing,JSONArgsRecommended\n${text}`)).toEqual([]);
  expect(rules(`# check=skip=all;error=true\n${text}`)).toEqual([]);
  expect(parseDockerfile(`# check=error=true\n${text}`, "D").check).toMatchObject({ error: true, skip: [] });
});

test("a warning names its place and where the rule is explained", () => {
  expect(checkDockerfile(parseDockerfile("FROM scratch\n  CMD a b\n", "x/Dockerfile"))).toEqual([
    {
      rule: "JSONArgsRecommended",
      message: "CMD starts a shell, which does not hand signals on: write a JSON array",
      url: "https://docs.docker.com/reference/build-checks/json-args-recommended/",
      location: {
        file: "x/Dockerfile",
        line: 2,
        column: 3,
        length: 7,
        context: [{ number: 2, text: "  CMD a b" }],
      },
    },
  ]);
});
