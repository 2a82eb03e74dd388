import { createHash } from "node:crypto";
import { digestAlgorithm, digestHex } from "@lading/oci";
import type { Tool } from "./cyclonedx.ts";
import { namesOf, rootsOf, uuidOf } from "./identity.ts";
import type { Inventory } from "./inventory.ts";
import { isExpression } from "./licence.ts";
import type { Package } from "./package.ts";
import type { BaseImage, Subject } from "./subject.ts";

/** An SBOM as SPDX 2.3 has it, as JSON: of the same image the same in every byte. */
export function spdx(subject: Subject, inventory: Inventory, tool: Tool): Record<string, unknown> {
  const ids = new Map(Array.from(namesOf(inventory.packages), ([one, name]) => [one, idOf(name)] as const));
  const licences = new Map<string, string>();
  const relationships: Relationship[] = [{ ...between("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image") }];
  const packages = [imageOf(subject)];
  if (subject.base !== undefined) {
    packages.push(baseOf(subject.base));
    relationships.push(between("SPDXRef-Image", "DESCENDANT_OF", "SPDXRef-Base"));
  }
  const { os } = inventory;
  if (os !== undefined) {
    packages.push({
      SPDXID: "SPDXRef-OperatingSystem",
      name: os.id,
      ...(os.version === undefined ? {} : { versionInfo: os.version }),
      ...unanalysed,
      primaryPackagePurpose: "OPERATING-SYSTEM",
      description: os.title,
      comment: layerComment(subject, os.layer),
    });
    relationships.push(between("SPDXRef-Image", "CONTAINS", "SPDXRef-OperatingSystem"));
  }
  for (const [one, id] of ids) packages.push(packageOf(one, id, subject, licences));
  const roots = new Set(rootsOf(inventory.packages));
  for (const [one, id] of ids) {
    relationships.push(between("SPDXRef-Image", "CONTAINS", id));
    if (roots.has(one) && one.carried === "application") relationships.push(between("SPDXRef-Image", "DEPENDS_ON", id));
    for (const needed of one.dependencies) {
      const target = ids.get(needed);
      if (target !== undefined) relationships.push(between(id, "DEPENDS_ON", target));
    }
  }
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: subject.name,
    documentNamespace: `https://spdx.org/spdxdocs/image-${uuidOf(`spdx ${subject.digest} ${subject.name}`)}`,
    creationInfo: {
      // Asked for by the specification; who states no time gets none that could be taken for one.
      created: `${(subject.created ?? new Date(0)).toISOString().slice(0, 19)}Z`,
      creators: [`Tool: ${tool.name}-${tool.version}`],
    },
    ...(inventory.unread.length === 0 ? {} : { comment: incomplete(inventory) }),
    packages,
    ...(licences.size === 0
      ? {}
      : {
          hasExtractedLicensingInfos: Array.from(licences, ([extractedText, licenseId]) => ({
            licenseId,
            extractedText,
          })),
        }),
    relationships,
  };
}

interface Relationship {
  readonly spdxElementId: string;
  readonly relationshipType: string;
  readonly relatedSpdxElement: string;
}

function between(spdxElementId: string, relationshipType: string, relatedSpdxElement: string): Relationship {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

/** Nobody looked at the files of a package one by one. */
const unanalysed = { downloadLocation: "NOASSERTION", filesAnalyzed: false } as const;
const unlicensed = {
  licenseConcluded: "NOASSERTION",
  licenseDeclared: "NOASSERTION",
  copyrightText: "NOASSERTION",
} as const;

function imageOf({ name, digest, purl, platform }: Subject): Record<string, unknown> {
  return {
    SPDXID: "SPDXRef-Image",
    name,
    versionInfo: digest,
    ...unanalysed,
    ...unlicensed,
    primaryPackagePurpose: "CONTAINER",
    checksums: [checksumOf(digest)],
    externalRefs: [purlReference(purl)],
    comment: `Image for ${platform}`,
  };
}

function baseOf({ name, digest, purl }: BaseImage): Record<string, unknown> {
  return {
    SPDXID: "SPDXRef-Base",
    name,
    ...(digest === undefined ? {} : { versionInfo: digest, checksums: [checksumOf(digest)] }),
    ...unanalysed,
    ...unlicensed,
    primaryPackagePurpose: "CONTAINER",
    externalRefs: [purlReference(purl)],
    comment: "The image that this one was laid on",
  };
}

function packageOf(
  one: Package,
  SPDXID: string,
  subject: Subject,
  licences: Map<string, string>,
): Record<string, unknown> {
  const { name, version, purl, path, licence, supplier, sha512, source, cpe, carried } = one;
  return {
    SPDXID,
    name,
    versionInfo: version,
    ...(supplier === undefined ? {} : { supplier: `Organization: ${supplier}` }),
    downloadLocation: source ?? "NOASSERTION",
    filesAnalyzed: false,
    ...unlicensed,
    licenseDeclared: licence === undefined ? "NOASSERTION" : declared(licence, licences),
    primaryPackagePurpose: carried === "application" ? "APPLICATION" : "LIBRARY",
    ...(sha512 === undefined ? {} : { checksums: [{ algorithm: "SHA512", checksumValue: sha512 }] }),
    sourceInfo: `/${path}${carried === undefined || carried === "application" ? "" : `, ${carried}`}`,
    externalRefs: [
      purlReference(purl),
      ...(cpe === undefined
        ? []
        : [{ referenceCategory: "SECURITY", referenceType: "cpe23Type", referenceLocator: cpe }]),
    ],
    comment: layerComment(subject, one.layer),
  };
}

function checksumOf(digest: Subject["digest"]): Record<string, string> {
  return { algorithm: digestAlgorithm(digest).toUpperCase(), checksumValue: digestHex(digest) };
}

function purlReference(purl: string): Record<string, string> {
  return { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl };
}

/** What is no expression of SPDX gets a name of its own, and stands as it is behind it (§10). */
function declared(licence: string, licences: Map<string, string>): string {
  if (isExpression(licence)) return licence;
  const name = licences.get(licence) ?? `LicenseRef-${hashOf(licence)}`;
  licences.set(licence, name);
  return name;
}

function layerComment({ layers }: Subject, layer: number): string {
  return `Layer ${layer + 1}${layers[layer] === undefined ? "" : `, ${layers[layer]}`}`;
}

function incomplete({ unread }: Inventory): string {
  return `Packages may be missing. Not understood: ${unread.map(({ path, reason }) => `/${path} (${reason})`).join(", ")}`;
}

/** Letters, digits, dots and hyphens only, and still one for each name. */
function idOf(name: string): string {
  return `SPDXRef-Package-${name
    .replace(/^pkg:/, "")
    .replaceAll(/[^A-Za-z0-9.-]+/g, "-")
    .slice(0, 100)}-${hashOf(name)}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
