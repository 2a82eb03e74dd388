import type { Descriptor, Digest, Options, Reference, Source } from "@lading/oci";
import { TrustError } from "../errors.ts";
import { verifyImage } from "../verify/verify-image.ts";
import type { Claim } from "../verify/claim.ts";
import type { Trust } from "../verify/trust.ts";
import { namesToScopes, type PolicyTransport, scopesOf } from "./scopes.ts";

/** Which images may be used, by where they come from. Made by `readPolicy`. */
export interface Policy {
  /** The file it was read from, for errors. */
  readonly shown: string;
  /** What holds where no scope fits. */
  readonly default: readonly Requirement[];
  /** By transport, then by scope: the first that fits of `scopesOf` counts, and no other. */
  readonly transports: ReadonlyMap<PolicyTransport, ReadonlyMap<string, readonly Requirement[]>>;
  /** Whether files are judged by the names that images have in them, as if they came from there; else by their path. */
  readonly byName: boolean;
  /** Images that are refused whoever signed them. */
  readonly revoked: ReadonlySet<Digest>;
}

/** One thing that must hold; of several all must. */
export type Requirement =
  | { readonly type: "accept" }
  /** `why` says what is missing where a requirement cannot be checked here. */
  | { readonly type: "reject"; readonly why?: string }
  | {
      readonly type: "signed";
      readonly trust: Trust;
      /** Default: a signature. */
      readonly predicateType?: string;
      /** Looks at the name that was signed; throws Rejection. */
      readonly accept?: (claim: Claim, image: PolicyImage) => void;
    };

/** An image that is to be used. */
export interface PolicyImage {
  readonly source: Source;
  readonly descriptor: Descriptor;
  /** Where it comes from. */
  readonly place: PolicyPlace;
  /** The place as people are told of it. */
  readonly shown: string;
}

export type PolicyPlace =
  | { readonly transport: "docker"; readonly reference: Reference }
  | {
      readonly transport: Exclude<PolicyTransport, "docker">;
      /** The file or folder, absolute and without symbolic links. */
      readonly path: string;
      /** Names that the image has there: what it claims to be. */
      readonly names: readonly Reference[];
    };

/** Throws TrustError FORBIDDEN, or its NotVerifiedError as the cause, for an image that a policy does not admit. */
export async function admit(policy: Policy, image: PolicyImage, options: Options = {}): Promise<void> {
  const { digest } = image.descriptor;
  if (policy.revoked.has(digest))
    throw new TrustError("FORBIDDEN", `Cannot use ${image.shown}: ${policy.shown} revokes ${digest}`);
  const rules = rulesFor(policy, image);
  for (const { scope, requirements } of rules)
    for (const requirement of requirements) await hold(requirement, scope, policy, image, options);
}

interface Rule {
  /** What the policy calls it. */
  readonly scope: string;
  readonly requirements: readonly Requirement[];
}

function rulesFor(policy: Policy, { place }: PolicyImage): readonly Rule[] {
  const places =
    policy.byName && place.transport !== "docker" && place.names.length > 0
      ? namesToScopes(place.names)
      : [scopesOf(place)];
  return places.map(({ transport, scopes }): Rule => {
    const rules = policy.transports.get(transport);
    const scope = scopes.find((each) => rules?.has(each));
    return scope === undefined
      ? { scope: "its default", requirements: policy.default }
      : { scope: `its rule for "${scope}"`, requirements: rules?.get(scope) ?? [] };
  });
}

async function hold(
  requirement: Requirement,
  scope: string,
  { shown }: Policy,
  image: PolicyImage,
  { signal }: Options,
): Promise<void> {
  if (requirement.type === "accept") return;
  const forbidden = `Cannot use ${image.shown}: ${shown} forbids it, by ${scope}`;
  if (requirement.type === "reject")
    throw new TrustError("FORBIDDEN", requirement.why === undefined ? forbidden : `${forbidden}: ${requirement.why}`);
  const { trust, predicateType, accept } = requirement;
  try {
    await verifyImage(image.source, image.descriptor, {
      trust,
      predicateType,
      signal,
      ...(accept === undefined ? {} : { accept: (claim: Claim) => accept(claim, image) }),
    });
  } catch (cause) {
    if (!(cause instanceof TrustError)) throw cause;
    throw new TrustError("FORBIDDEN", forbidden, { cause });
  }
}
