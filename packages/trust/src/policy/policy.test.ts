import { copy, type Descriptor, MemoryStore, parseReference } from "@lading/oci";
import { randomImage } from "@lading/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { attach } from "../attach/artifact.ts";
import { generateSigningKey } from "../keys/signing-key.ts";
import { keySigner } from "../sign/authorities.ts";
import { signImage } from "../sign/sign-image.ts";
import { admit, type PolicyPlace } from "./policy.ts";
import { readPolicy } from "./read-policy.ts";

const ours = generateSigningKey();
const others = generateSigningKey();
const files: Readonly<Record<string, string>> = {
  "/etc/p/ours.pub": ours.publicKey.pem,
  "/etc/p/others.pub": others.publicKey.pem,
};
const read = async (path: string): Promise<string> => files[path] ?? "";

const store = new MemoryStore();
let image: Descriptor;
beforeAll(async () => {
  const made = await randomImage();
  image = made.descriptor;
  await copy(made.source, store, image);
  await attach(store, await signImage(keySigner(ours), image, store, { references: ["ghcr.io/acme/app:1"] }));
});

/** What becomes of the image under a policy: "ok", or why it is refused. */
async function judged(policy: unknown, place: string | PolicyPlace): Promise<string> {
  const where = typeof place === "string" ? { transport: "docker" as const, reference: parseReference(place) } : place;
  try {
    const read_ = await readPolicy(policy, "/etc/p/policy.yaml", read);
    await admit(read_, { source: store, descriptor: image, place: where, shown: "it" });
    return "ok";
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [error.message, error.cause instanceof Error ? error.cause.message : ""].join(" ");
  }
}

function at(path: string, names: readonly string[]): PolicyPlace {
  return { transport: "oci", path, names: names.map(parseReference) };
}

describe("Lading's own", () => {
  const policy = {
    default: "reject",
    images: {
      "ghcr.io/acme": { keys: ["ours.pub"] },
      "ghcr.io/acme/app:2": { keys: ["others.pub"] },
      "ghcr.io/acme/open": "accept",
      "*.example.com": { keys: ["others.pub", "ours.pub"] },
      "docker.io/library": { keys: ["ours.pub"], attestations: ["slsaprovenance1"] },
    },
  };

  test.each([
    ["ghcr.io/acme/app:1", "ok"],
    ["ghcr.io/acme/app:2", 'forbids it, by its rule for "ghcr.io/acme/app:2"'],
    ["ghcr.io/acme/open:1", "ok"],
    ["ghcr.io/acmeX/app:1".toLowerCase(), "forbids it, by its default"],
    ["cdn.example.com/app:1", "ok"],
    ["example.com/app:1", "forbids it, by its default"],
    ["nginx:1", "no attestation of type https://slsa.dev/provenance/v1"],
  ])("%s", async (place, expected) => {
    const result = await judged(policy, place);
    expect(result).toContain(
      expected.startsWith("no attestation") ? "it is a signature, and no attestation" : expected,
    );
  });

  test("a file is judged by every name that its image has there, and by the default when it has none", async () => {
    expect(await judged(policy, at("/tmp/x", ["ghcr.io/acme/app:1"]))).toBe("ok");
    expect(await judged(policy, at("/tmp/x", ["ghcr.io/acme/app:1", "quay.io/x:1"]))).toContain("by its default");
    expect(await judged(policy, at("/tmp/x", []))).toContain("by its default");
  });

  test("what is revoked is refused, images and keys", async () => {
    expect(await judged({ ...policy, revoked: { images: [image.digest] } }, "ghcr.io/acme/app:1")).toContain(
      `revokes ${image.digest}`,
    );
    expect(await judged({ ...policy, revoked: { keys: ["ours.pub"] } }, "ghcr.io/acme/app:1")).toContain(
      "its keys are revoked",
    );
    expect(await judged({ ...policy, revoked: { keys: ["ours.pub"] } }, "cdn.example.com/app:1")).toContain(
      "it is not signed with this key",
    );
  });

  test.each([
    [{ default: "allow" }, 'default: Invalid option: expected one of "accept"|"reject"'],
    [{ default: "reject", image: {} }, 'Unrecognized key: "image"'],
    [
      { default: "reject", images: { nginx: "accept" } },
      "images.nginx: no name in full, such as docker.io/library/nginx",
    ],
    [{ default: "reject", images: { "ghcr.io": {} } }, "a rule has either keys or identities"],
    [
      { default: "reject", images: { "ghcr.io": { identities: [{ subject: "a", issuer: "b" }] } } },
      "a rule with identities needs a trustedRoot",
    ],
    [{ default: "reject", images: { "ghcr.io": { keys: ["none.pub"] } } }, "Cannot read none.pub: it is no PEM file"],
    ["reject", "expected object"],
  ])("%j is not understood", async (value, expected) => {
    expect(await judged(value, "ghcr.io/acme/app:1")).toContain(expected);
  });
});

describe("containers' policy.json", () => {
  const keyPath = "/etc/p/ours.pub";
  const signed = (more: object = {}): unknown => ({
    default: [{ type: "reject" }],
    transports: { docker: { "ghcr.io/acme": [{ type: "sigstoreSigned", keyPath, ...more }] } },
  });
  const keyData = Buffer.from(ours.publicKey.pem).toString("base64");

  test.each<[string, unknown, string, string]>([
    ["the name that was signed", signed(), "ghcr.io/acme/app:1", "ok"],
    [
      "another tag",
      signed(),
      "ghcr.io/acme/app:2",
      "it was signed as ghcr.io/acme/app:1, and not as ghcr.io/acme/app:2",
    ],
    ["another repository", signed(), "ghcr.io/acme/web:1", "it was signed as ghcr.io/acme/app:1"],
    ["a key in it", signed({ keyPath: undefined, keyData }), "ghcr.io/acme/app:1", "ok"],
    ["several keys", signed({ keyPath: undefined, keyPaths: ["others.pub", "ours.pub"] }), "ghcr.io/acme/app:1", "ok"],
    ["two ways to name keys", signed({ keyData }), "ghcr.io/acme/app:1", "it takes one of keyPath, keyPaths"],
    ["any tag", signed({ signedIdentity: { type: "matchRepository" } }), "ghcr.io/acme/app:2", "ok"],
    [
      "a mirror",
      signed({
        signedIdentity: { type: "remapIdentity", prefix: "ghcr.io/acme/mirror", signedPrefix: "ghcr.io/acme" },
      }),
      "ghcr.io/acme/mirror/app:1",
      "ok",
    ],
    [
      "a name of its own",
      signed({ signedIdentity: { type: "exactReference", dockerReference: "ghcr.io/acme/app:1" } }),
      "ghcr.io/acme/other:5",
      "ok",
    ],
    [
      "a public key infrastructure, which is not checked",
      signed({ keyPath: undefined, pki: { caRootsPath: "/x" } }),
      "ghcr.io/acme/app:1",
      '"pki", which it asks for',
    ],
    ["GPG", { default: [{ type: "signedBy", keyType: "GPGKeys" }] }, "ghcr.io/acme/app:1", "signatures of GPG"],
    ["anything", { default: [{ type: "insecureAcceptAnything" }] }, "ghcr.io/acme/app:1", "ok"],
    ["no scope that fits", signed(), "quay.io/acme/app:1", "by its default"],
    ["no requirements", { default: [] }, "quay.io/acme/app:1", "Cannot read the policy"],
  ])("%s", async (_, policy, place, expected) => {
    expect(await judged(policy, place)).toContain(expected);
  });

  test("the digest of the image stands for any tag", async () => {
    expect(await judged(signed(), `ghcr.io/acme/app@${image.digest}`)).toBe("ok");
  });

  test("folders are judged by their path", async () => {
    const policy = {
      default: [{ type: "reject" }],
      transports: { oci: { "/srv/images": [{ type: "insecureAcceptAnything" }] } },
    };
    expect(await judged(policy, at("/srv/images/a", ["ghcr.io/acme/app:1"]))).toBe("ok");
    expect(await judged(policy, at("/srv/imagesX", ["ghcr.io/acme/app:1"]))).toContain("by its default");
  });

  const accept = [{ type: "insecureAcceptAnything" }];
  test.each([
    ["oci", "/srv/images/", "no absolute path as it would be written in full"],
    ["oci-archive", "/srv/images/", "no absolute path as it would be written in full"],
    ["oci", "/srv/../images", "no absolute path as it would be written in full"],
    ["docker-archive", "/srv/images", 'it has no scope but ""'],
  ])("of %s, the scope %s could never fit and is refused", async (transport, scope, expected) => {
    const policy = { default: accept, transports: { [transport]: { [scope]: [{ type: "reject" }] } } };
    expect(await judged(policy, "ghcr.io/acme/app:1")).toContain(expected);
  });

  test.each([{}, { "": accept }])("of docker-archive, %j is understood", async (scopes) => {
    const policy = { default: accept, transports: { "docker-archive": scopes } };
    expect(await judged(policy, "ghcr.io/acme/app:1")).toBe("ok");
  });
});
