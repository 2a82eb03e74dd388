import { dirname } from "node:path";
import { describeStaticSite } from "@lading/builder";
import { appRootOf } from "../config/app-root-flag.ts";
import type { Description, DescribeOptions } from "./front-end.ts";

/** The image of a site by the page that it begins with. */
export function describeSite(path: string, { shown, asked, flags }: DescribeOptions): Description {
  const spec = describeStaticSite({ shown: dirname(shown), from: asked.from, appRoot: appRootOf(flags) });
  return { spec, context: dirname(path) };
}
