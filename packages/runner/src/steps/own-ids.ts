import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { FileOwner } from "@lading/oci";
import type { UnpackOptions } from "../runc/special-files.ts";

/** Who files can belong to, for this process. */
export interface OwnIds {
  /** Whether it is in a user namespace: then its root is somebody else's, and may less. */
  readonly inUserNamespace: boolean;
  /** Whether everything is root's, for want of another id. */
  readonly single: boolean;
  /** Other files where other ids are meant by the same numbers; "" for those of the machine. */
  readonly name: string;
}

/** What who has one id can do. */
export const moreIds =
  "Give this user more: install newuidmap (uidmap, shadow), and: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER";

/** As user_namespaces(7) has them in /proc. */
export function ownIds(read: (map: string) => string = readMap): OwnIds {
  const maps = ["uid_map", "gid_map"].map(read);
  const inUserNamespace = !maps.every((map) => /^\s*0\s+0\s+4294967295\s*$/.test(map));
  return {
    inUserNamespace,
    single: maps.some((map) => /^\s*\d+\s+\d+\s+1\s*$/.test(map)),
    name: inUserNamespace ? createHash("sha256").update(maps.join()).digest("hex").slice(0, 12) : "",
  };
}

function readMap(name: string): string {
  return readFileSync(`/proc/self/${name}`, "latin1");
}

/** Whose a file is here that belongs to `owner` in the image. */
export function ownerHere({ uid, gid }: FileOwner, { single }: OwnIds): FileOwner {
  return single ? { uid: 0, gid: 0 } : { uid, gid };
}

/** How this process unpacks files of images. */
export function unpackingBy(ids: OwnIds): Omit<UnpackOptions, "signal"> {
  const { inUserNamespace } = ids;
  return {
    owners: (owner) => ownerHere(owner, ids),
    devices: !inUserNamespace,
    // Where overlays keep their attributes among those of users.
    ...(inUserNamespace ? { opaqueAttribute: "user.overlay.opaque" } : {}),
  };
}
