import {
  type Descriptor,
  type Digest,
  mediaTypes,
  OciError,
  type Options,
  readBlob,
  type Referrer,
  referrerOf,
  type Source,
} from "@lading/oci";
import { askedRepository, type Exchange, parseDigestOf } from "./exchange.ts";
import { Problem, sendJson } from "./problem.ts";

/** GET …/tags/list with `n` and `last` (end-8a, end-8b). */
export async function sendTags(exchange: Exchange): Promise<void> {
  const { route } = exchange;
  const repository = askedRepository(exchange);
  const tags = await repository.tags();
  if (tags.length === 0 && !(await repository.exists()))
    throw new Problem(404, "NAME_UNKNOWN", `Cannot find the repository ${JSON.stringify(route.repository)}`);
  sendPage(exchange, tags, (page) => ({ name: route.repository, tags: page }));
}

/** GET /v2/_catalog, which is distribution's and no part of the specification. */
export async function sendCatalog(exchange: Exchange): Promise<void> {
  const paths = (await exchange.catalog.paths()).filter(exchange.mayPull);
  sendPage(exchange, paths, (page) => ({ repositories: page }));
}

/** GET …/referrers/<digest>, filtered by `artifactType` (end-12a, end-12b). Never 404: what is not here may have referrers. */
export async function sendReferrers(exchange: Exchange): Promise<void> {
  const { route, response, catalog, signal } = exchange;
  const subject = parseDigestOf(route.reference);
  const artifactType = route.query.get("artifactType");
  const found = new Map<Digest, Descriptor>();
  for (const manifest of await askedRepository(exchange).manifests({ signal })) {
    const referrer = await readReferrer(catalog.backing.source, manifest, { signal });
    if (referrer?.subject.digest === subject) found.set(manifest.digest, referrer.descriptor);
  }
  const manifests = [...found.values()].filter((each) => artifactType === null || each.artifactType === artifactType);
  if (artifactType !== null) response.setHeader("oci-filters-applied", "artifactType");
  sendJson(
    response,
    200,
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
    { "content-type": mediaTypes.ociIndex },
  );
}

async function readReferrer(source: Source, manifest: Descriptor, options: Options): Promise<Referrer | undefined> {
  try {
    return referrerOf(manifest, await readBlob(source.blob(manifest), options));
  } catch (error) {
    // What cannot be read refers to nothing.
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

function sendPage(
  { route, response }: Exchange,
  all: readonly string[],
  body: (page: readonly string[]) => unknown,
): void {
  const last = route.query.get("last");
  const n = route.query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n))
    throw new Problem(400, "UNSUPPORTED", `Cannot list ${JSON.stringify(n.slice(0, 100))} names: n is a number`);
  // Not the name itself but the place where it would be: it may be gone since.
  const rest = last === null ? all : all.filter((name) => name > last);
  const page = n === null ? rest : rest.slice(0, Number(n));
  const end = page.at(-1);
  if (end !== undefined && page.length < rest.length) {
    const query = new URLSearchParams(route.query);
    query.set("last", end);
    response.setHeader("link", `<${route.url.split("?")[0]}?${query.toString()}>; rel="next"`);
  }
  sendJson(response, 200, body(page));
}
