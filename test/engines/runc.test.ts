import { engineSuite } from "@lading/testkit";
import { describe } from "vitest";
import { runc } from "./engines.ts";

describe.runIf(runc.isHere)("the contract of engines", () => engineSuite("runc", runc.start));
