import { DockerfileError, parseDockerfile } from "@lading/builder";
import { expect, test } from "vitest";
import { exitCode, explain } from "./explain.ts";
import { styleFor } from "./progress/terminal.ts";

/** What parsing the text throws. */
function refusal(text: string): unknown {
  try {
    return parseDockerfile(text, "Dockerfile");
  } catch (error) {
    return error;
  }
}

test("what is wrong with a Dockerfile is shown in its lines", () => {
  const error = refusal("FROM node:24\nCOPPY . /app\n\tEXPOSE 80\t8o\n");
  expect(explain(error, styleFor({ isTTY: false }, {}))).toBe(`\
error: Unknown instruction "COPPY"
  --> Dockerfile:2:1
  2 | COPPY . /app
    | ^^^^^
hint: Did you mean COPY?
error: Cannot expose "8o": expected a port or a range, and optionally /tcp, /udp or /sctp
  --> Dockerfile:3:12
  3 |  EXPOSE 80 8o
    |            ^^
`);
  expect(error).toBeInstanceOf(DockerfileError);
  expect(exitCode(error)).toBe(2);
});
