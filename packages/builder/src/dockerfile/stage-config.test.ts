import { expect, test } from "vitest";
import { parseDockerfile } from "./parse-dockerfile.ts";
import { Scope } from "./scope.ts";
import { StageConfig } from "./stage-config.ts";
import type { Instruction } from "./syntax.ts";

const untouched = {
  word: ({ text }: { readonly text: string }) => text,
  words: ({ text }: { readonly text: string }) => [text],
};

/** The instructions of a stage, without FROM. */
function instructionsOf(text: string): readonly Instruction[] {
  return parseDockerfile(`FROM scratch\n${text}\n`, "Dockerfile").stages[0]?.instructions ?? [];
}

function configOf(text: string): StageConfig {
  const config = new StageConfig({});
  for (const instruction of instructionsOf(text))
    if (instruction.keyword === "MAINTAINER" || instruction.keyword === "ONBUILD")
      config.apply(instruction, untouched, () => {});
  return config;
}

test("what is kept for later is read again as it was, heredocs and all", () => {
  const text = "COPY <<a.txt <<-'b.txt' /x/\none $A\n# two\na.txt\n\tthree\nb.txt";
  const [kept = ""] = configOf(`ONBUILD ${text}\nONBUILD USER x`).finish(new Scope([])).OnBuild ?? [];
  expect(instructionsOf(kept)).toMatchObject([
    {
      keyword: "COPY",
      heredocs: [
        { name: "a.txt", content: "one $A\n# two\n", expand: true },
        { name: "b.txt", content: "three\n", expand: false },
      ],
      destination: { text: "/x/" },
    },
  ]);
});

test("a maintainer's name is taken as it is", () => {
  expect(configOf("MAINTAINER Pat O'Neill $HOME").author).toBe("Pat O'Neill $HOME");
});
