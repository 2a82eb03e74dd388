import { engineSuite } from "@lading/testkit";
import { describe } from "vitest";
import { containerd } from "./engines.ts";

describe.runIf(containerd.isHere)("the contract of engines", () => engineSuite("containerd", containerd.start));
