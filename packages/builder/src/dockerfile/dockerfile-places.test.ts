import { expect, test } from "vitest";
import { dockerfilePlaces } from "./dockerfile-places.ts";
import { parseDockerfile } from "./parse-dockerfile.ts";

const places = (text: string) =>
  dockerfilePlaces({ file: parseDockerfile(text, "Dockerfile"), contexts: {} }, ["linux/amd64"]);

test("an empty COPY --from is the context, and no image", () => {
  expect(places(`FROM scratch\nCOPY --from= f /\nCOPY --from="" f /\nCOPY --from='tool:1' f /\n`)).toEqual(["tool:1"]);
});
