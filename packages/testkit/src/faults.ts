import type { Operation, ServedRequest } from "@lading/registry-server";
import { connections, errorBodies, pauses, statuses } from "./faults-anywhere.ts";
import { bodies, disabled, headers, redirects, resumption } from "./faults-of-downloads.ts";
import { chunks, cuts, forms, locations, mounts } from "./faults-of-uploads.ts";
import { type FaultScene, send } from "./fault.ts";
import { tagsGet, always, type Outcome, survives, refuses, fault, type RegistryFault } from "./registry-fault.ts";

/** Two tags a page, each with a Link of the form given. */
function linked(name: string, link: (next: string, scene: FaultScene) => string, outcome: Outcome): RegistryFault {
  return fault(
    tagsGet,
    name,
    always,
    async (scene) => {
      const last = new URL(scene.request.url, scene.other).searchParams.get("last");
      const path = scene.request.url.split("?")[0] ?? "";
      const answer = await scene.answer(`${path}?n=2${last === null ? "" : `&last=${last}`}`);
      const next = /<([^>]*)>/.exec(String(answer.headers["link"] ?? ""))?.[1];
      const headers = { ...answer.headers, link: next === undefined ? undefined : link(next, scene) };
      await send(scene.raw, { ...answer, headers });
    },
    outcome,
  );
}

const links: readonly RegistryFault[] = [
  linked("Link relative", (next) => `<${next}>; rel="next"`, survives),
  linked("Link relative to the page", (next) => `<list${next.slice(next.indexOf("?"))}>; rel="next"`, survives),
  linked("Link absolute", (next, { raw }) => `<http://${raw.request.headers.host}${next}>; rel="next"`, survives),
  linked("Link without quotes", (next) => `<${next}>; rel=next`, survives),
  linked("Link after others", (next) => `</first>; rel="first", <${next}>; title="a, b"; rel="last next"`, survives),
  linked(
    "Link to another host",
    (next, { other }) => `<${new URL(next, other).href}>; rel="next"`,
    refuses("UNSAFE_URL"),
  ),
  linked("Link to itself", (_next, { request }) => `<${request.url}>; rel="next"`, refuses("INVALID_RESPONSE")),
];

/** Every way in which registries were seen or are feared to fail. */
export const registryFaults: readonly RegistryFault[] = [
  ...statuses,
  ...pauses,
  ...connections,
  ...bodies,
  ...headers,
  ...errorBodies,
  ...resumption,
  ...disabled,
  ...redirects,
  ...locations,
  ...chunks,
  ...cuts,
  ...forms,
  ...mounts,
  ...links,
];

/** Whether a request is one that the fault is about. */
export function isAffected({ operation, method, only }: RegistryFault, request: ServedRequest): boolean {
  const operations: readonly Operation[] = typeof operation === "string" ? [operation] : operation;
  return (
    operations.includes(request.operation) &&
    (method === undefined || method === request.method) &&
    (only === undefined || only(request))
  );
}
