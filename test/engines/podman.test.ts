import { engineSuite } from "@lading/testkit";
import { describe } from "vitest";
import { podman } from "./engines.ts";

// As root, and as whoever runs this: `rootless.test.ts` does so as somebody else.
describe.runIf(podman.isHere)("the contract of engines", () => engineSuite("podman", podman.start));
