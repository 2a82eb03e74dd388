import { ComponentType, ExternalReferenceType, HashAlgorithm } from "@cyclonedx/cyclonedx-library/Enums";
import {
  Bom,
  Component,
  ExternalReference,
  LicenseExpression,
  NamedLicense,
  OrganizationalEntity,
  Property,
  SpdxLicense,
} from "@cyclonedx/cyclonedx-library/Models";
import { JSON as CycloneJson } from "@cyclonedx/cyclonedx-library/Serialize";
import { isSupportedSpdxId } from "@cyclonedx/cyclonedx-library/SPDX";
import { Spec1dot6 } from "@cyclonedx/cyclonedx-library/Spec";
import { digestHex } from "@lading/oci";
import { namesOf, rootsOf, uuidOf } from "./identity.ts";
import type { Inventory } from "./inventory.ts";
import { isExpression } from "./licence.ts";
import type { Package } from "./package.ts";
import type { BaseImage, Subject } from "./subject.ts";

/** An SBOM as CycloneDX 1.6 has it, as JSON: of the same image the same in every byte. */
export function cyclonedx(subject: Subject, inventory: Inventory, tool: Tool): Record<string, unknown> {
  const bom = new Bom({ serialNumber: `urn:uuid:${uuidOf(`cyclonedx ${subject.digest}`)}` });
  const image = imageOf(subject);
  bom.metadata.component = image;
  bom.metadata.tools.components.add(
    new Component(ComponentType.Application, tool.name, { version: tool.version, bomRef: "tool" }),
  );
  if (subject.created !== undefined) bom.metadata.timestamp = subject.created;
  for (const { path, reason } of inventory.unread)
    bom.metadata.properties.add(new Property("lading:unread", `/${path}: ${reason}`));

  if (subject.base !== undefined) {
    const base = baseOf(subject.base);
    bom.components.add(base);
    image.dependencies.add(base.bomRef);
  }
  const { os } = inventory;
  if (os !== undefined) {
    const component = new Component(ComponentType.OperatingSystem, os.id, {
      ...(os.version === undefined ? {} : { version: os.version }),
      description: os.title,
      bomRef: `os:${os.id}`,
    });
    for (const property of layerProperties(subject, os.layer)) component.properties.add(property);
    bom.components.add(component);
    image.dependencies.add(component.bomRef);
  }
  const names = namesOf(inventory.packages);
  const components = new Map<Package, Component>();
  for (const [one, name] of names) components.set(one, componentOf(one, name, subject));
  for (const [one, component] of components) {
    bom.components.add(component);
    for (const needed of one.dependencies) {
      const ref = components.get(needed)?.bomRef;
      if (ref !== undefined) component.dependencies.add(ref);
    }
  }
  for (const root of rootsOf(inventory.packages)) {
    const ref = components.get(root)?.bomRef;
    if (ref !== undefined) image.dependencies.add(ref);
  }
  return complete(bom, inventory, names);
}

/** Who made the document. */
export interface Tool {
  readonly name: string;
  readonly version: string;
}

/** Adds what the library has no words for: where each package is, and what the list may lack. */
function complete(
  bom: Bom,
  { packages, unread }: Inventory,
  names: ReadonlyMap<Package, string>,
): Record<string, unknown> {
  const normalizer = new CycloneJson.Normalize.Factory(Spec1dot6).makeForBom();
  const { components = [], dependencies = [], ...rest } = normalizer.normalize(bom, { sortLists: true });
  const paths = new Map(packages.map((one) => [names.get(one), one.path]));
  for (const component of components) {
    const path = paths.get(component["bom-ref"]);
    if (path !== undefined) Object.assign(component, { evidence: { occurrences: [{ location: `/${path}` }] } });
  }
  const incomplete = unread.length === 0 ? {} : { compositions: [{ aggregate: "incomplete", assemblies: ["image"] }] };
  return { ...rest, components, dependencies, ...incomplete };
}

function imageOf({ name, digest, purl, platform }: Subject): Component {
  const image = new Component(ComponentType.Container, name, { version: digest, purl, bomRef: "image" });
  image.hashes.set(algorithmOf(digest), digestHex(digest));
  image.properties.add(new Property("lading:platform", platform));
  return image;
}

function baseOf({ name, digest, purl }: BaseImage): Component {
  const base = new Component(ComponentType.Container, name, {
    ...(digest === undefined ? {} : { version: digest }),
    purl,
    bomRef: "base",
  });
  if (digest !== undefined) base.hashes.set(algorithmOf(digest), digestHex(digest));
  base.properties.add(new Property("lading:role", "base"));
  return base;
}

function algorithmOf(digest: Subject["digest"]): HashAlgorithm {
  return digest.startsWith("sha512:") ? HashAlgorithm["SHA-512"] : HashAlgorithm["SHA-256"];
}

function componentOf(one: Package, bomRef: string, subject: Subject): Component {
  const { type, version, purl, licence, supplier, sha512, source, carried } = one;
  const { group, name } = groupOf(one);
  const component = new Component(typeOf(one), name, {
    ...(group === undefined ? {} : { group }),
    version,
    purl,
    bomRef,
  });
  if (one.cpe !== undefined && isCpe(one.cpe)) component.cpe = one.cpe;
  if (licence !== undefined) component.licenses.add(licenceOf(licence));
  if (supplier !== undefined) component.supplier = new OrganizationalEntity({ name: supplier });
  if (sha512 !== undefined) component.hashes.set(HashAlgorithm["SHA-512"], sha512);
  if (source !== undefined)
    component.externalReferences.add(new ExternalReference(source, ExternalReferenceType.Distribution));
  // The names that cyclonedx-npm has for them (CycloneDX property taxonomy, cdx:npm).
  if (carried === "bundled") component.properties.add(new Property("cdx:npm:package:bundled", "true"));
  if (carried === "vendored") component.properties.add(new Property("lading:vendored", "true"));
  if (type === "npm") component.properties.add(new Property("cdx:npm:package:path", one.path));
  for (const property of layerProperties(subject, one.layer)) component.properties.add(property);
  return component;
}

function layerProperties({ layers }: Subject, layer: number): readonly Property[] {
  const digest = layers[layer];
  const number = new Property("lading:layer:number", String(layer + 1));
  return digest === undefined ? [number] : [number, new Property("lading:layer:digest", digest)];
}

function groupOf({ type, name }: Package): { readonly group: string | undefined; readonly name: string } {
  const separator = type === "npm" ? "/" : type === "maven" ? ":" : undefined;
  const at = separator === undefined ? -1 : name.indexOf(separator);
  return at === -1 ? { group: undefined, name } : { group: name.slice(0, at), name: name.slice(at + 1) };
}

function typeOf({ type, carried }: Package): ComponentType {
  if (type === "generic") return ComponentType.Platform;
  return carried === "application" ? ComponentType.Application : ComponentType.Library;
}

function licenceOf(text: string): SpdxLicense | LicenseExpression | NamedLicense {
  if (isSupportedSpdxId(text)) return new SpdxLicense(text);
  return isExpression(text) ? new LicenseExpression(text) : new NamedLicense(text);
}

function isCpe(text: string): text is `cpe:2.3:${string}` {
  return text.startsWith("cpe:2.3:");
}
