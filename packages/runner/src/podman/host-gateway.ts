import { isIPv4 } from "node:net";
import type { Options } from "@lading/oci";
import * as z from "zod";
import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import { hostAddress } from "../network/write-container-files.ts";
import { plainly } from "./answers.ts";
import type { PodmanClient } from "./podman-client.ts";

const networkAnswer = z.object({ subnets: z.array(z.object({ gateway: z.string().nullish() })).nullish() });

/** The hosts that a plan adds, with an address for `host-gateway`: podman before 4.4 writes the word into /etc/hosts. */
export async function addedHosts(
  client: PodmanClient,
  { addHosts, namespaces }: Pick<ContainerPlan, "addHosts" | "namespaces">,
  { rootless, signal }: Options & { readonly rootless: boolean },
): Promise<readonly string[]> {
  const word = /:host-gateway$/;
  if (!addHosts.some((entry) => word.test(entry))) return addHosts;
  // The bridge of somebody who is not root is not the host's.
  const bridge = namespaces.network === "bridge" && !rootless ? await bridgeGateway(client, { signal }) : undefined;
  return addHosts.map((entry) => entry.replace(word, `:${bridge ?? hostAddress()}`));
}

/** The host's address on podman's usual network; undefined where containers.conf names another one. */
async function bridgeGateway(client: PodmanClient, { signal }: Options): Promise<string | undefined> {
  const attempt = "Cannot look at podman's network";
  try {
    const { subnets } = networkAnswer.parse(
      await client.call("GET", "networks/podman/json", { signal, attempt }),
      plainly,
    );
    return (subnets ?? []).map(({ gateway }) => gateway ?? "").find((gateway) => isIPv4(gateway));
  } catch (error) {
    if (error instanceof RunnerError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
