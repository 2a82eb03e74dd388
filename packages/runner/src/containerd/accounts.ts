import { join } from "node:path";
import type { Digest, Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { FactsStore } from "../image/facts-store.ts";
import { imageFacts } from "../image/image-facts.ts";
import type { Accounts } from "../image/user.ts";
import type { ContainerdClient } from "./client.ts";
import { imageById } from "./find-image.ts";

/** The accounts of an image, as they were found before it first ran, or now. `root`: the state folder. */
export async function accountsOf(
  client: ContainerdClient,
  root: string,
  id: Digest,
  options: Options = {},
): Promise<Accounts> {
  const facts = new FactsStore(join(root, "facts"));
  const known = await facts.get(id);
  if (known !== undefined) return known.accounts;
  const image = await imageById(client, id, options);
  if (image === undefined) throw new RunnerError("NOT_FOUND", `Cannot find image ${id} in containerd any more`);
  const found = await imageFacts(image, options);
  await facts.set(id, found);
  return found.accounts;
}
