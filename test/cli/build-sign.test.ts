import { join } from "node:path";
import { LayoutStore, nameOf, OciArchive, parseManifest, readBlob, type Source } from "@lading/oci";
import { identityToken, startRegistry, startSigstore } from "@lading/testkit";
import { expect, test } from "vitest";
import * as z from "zod";
import { type Workspace, workspace } from "./workspace.ts";

const password = { COSIGN_PASSWORD: "correct horse", LADING_POLICY: undefined };
const build = ["build", "--from", "scratch", "--add", "src:/app", "--platform", "linux/amd64"];
const sign = ["--sign", "--key", "cosign.key"];

async function signingWorkspace(): Promise<Workspace> {
  const work = await workspace({ "src/a": "a" });
  await done(work, ["keygen"]);
  return work;
}

async function done(work: Workspace, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await work.lading(args, password);
  expect(status, stderr).toBe(0);
  return stdout.trim();
}

/** The names that are signed at the tag of an image. */
async function signedNames(source: Source, digest: string): Promise<readonly unknown[]> {
  const found = await source.resolve(`${digest.replace(":", "-")}.sig`);
  const { layers } = parseManifest(await readBlob(source.blob(found)));
  const payload = z.object({ critical: z.object({ identity: z.object({ "docker-reference": z.string() }) }) });
  return await Promise.all(
    layers.map(async (layer) => {
      const text = Buffer.from(await readBlob(source.blob(layer))).toString();
      return payload.parse(JSON.parse(text)).critical.identity["docker-reference"];
    }),
  );
}

test("build --sign signs an image in a registry, a layout and an archive, under the names that it has there", async () => {
  await using work = await signingWorkspace();
  await using registry = await startRegistry();
  const name = `${registry.host}/acme/app`;
  const outputs = ["--push", "-o", "oci:layout", "-o", "oci-archive:app.tar", "-o", "docker-archive:docker.tar"];

  const digest = await done(work, [...build, "-t", `${name}:1`, "-t", `${name}:latest`, ...outputs, ...sign]);

  const layout = await LayoutStore.open(join(work.path, "layout"));
  const places = [`${name}:1`, `oci:layout:${name}:latest`, `oci-archive:app.tar:${name}:1`];
  for (const place of places) expect(await done(work, ["verify", "--key", "cosign.pub", place])).toBe(digest);
  for (const source of [layout, await OciArchive.open(join(work.path, "app.tar"))])
    expect(await signedNames(source, digest)).toEqual([`${name}:1`, `${name}:latest`]);
  // As cosign marks them, which looks for signatures in layouts by nothing else.
  expect((await layout.list()).map((entry) => [nameOf(entry), entry.annotations?.["kind"]])).toEqual(
    expect.arrayContaining([
      [`${name}:1`, "dev.cosignproject.cosign/image"],
      [`${digest.replace(":", "-")}.sig`, "dev.cosignproject.cosign/sigs"],
    ]),
  );
});

test("with several platforms the index and each of its images are signed, with all that is said of them", async () => {
  await using work = await signingWorkspace();
  const both = ["--platform", "linux/arm64", "--sbom", "--provenance", "-t", "ghcr.io/acme/app:1", "-o", "oci:out"];

  const told = z
    .object({ attestations: z.array(z.looseObject({})), signatures: z.array(z.looseObject({})) })
    .parse(JSON.parse(await done(work, [...build, ...both, ...sign, "--json"])));

  expect([told.attestations.length, told.signatures.length]).toEqual([5, 3]);
  const verify = ["verify", "--key", "cosign.pub", "oci:out"];
  await done(work, [...verify, "--recursive"]);
  await done(work, [...verify, "--recursive", "--type", "slsaprovenance1"]);
  const sbom = await done(work, [...verify, "--platform", "linux/arm64", "--type", "cyclonedx", "--json"]);
  expect(JSON.parse(sbom)).toMatchObject({ images: [{ signatures: [{ form: "bundle" }, { form: "tag" }] }] });
});

test("signatures that a place has already stay when the same image is built and signed again", async () => {
  await using work = await signingWorkspace();
  await using registry = await startRegistry();
  await done(work, ["keygen", "--output-key-prefix", "other"]);
  for (const place of [`${registry.host}/acme/app:1`, "oci:layout"]) {
    await done(work, [...build, "-o", place, ...sign, "--form", "tag", "--provenance"]);
    await done(work, [...build, "-o", place, "--sign", "--key", "other.key", "--form", "tag", "--provenance"]);
    for (const key of ["cosign.pub", "other.pub"]) {
      await done(work, ["verify", "--key", key, place]);
      await done(work, ["verify", "--key", key, "--type", "slsaprovenance1", place]);
    }
  }
});

test("an image that is pushed by its digest is signed under the name with that digest", async () => {
  await using work = await signingWorkspace();
  await using registry = await startRegistry();
  const digest = await done(work, [...build, "-o", "oci:layout"]);
  const place = `${registry.host}/acme/app@${digest}`;

  await done(work, [...build, "-o", place, ...sign, "--form", "tag"]);

  await done(work, ["copy", place, "oci:copied"]);
  const copied = await LayoutStore.open(join(work.path, "copied"));
  expect(await signedNames(copied, digest)).toEqual([place]);
});

test("an identity signs a build once, however many places it goes to", async () => {
  await using work = await signingWorkspace();
  await using sigstore = await startSigstore();
  await work.write({
    "root.json": sigstore.trustedRoot,
    token: identityToken("ci@acme.example", "https://id.example"),
  });
  const services = ["--fulcio-url", sigstore.url, "--rekor-url", sigstore.url, "--identity-token", "token"];

  // An archive that has no room for signatures makes none, by whatever name it calls the image.
  const outputs = ["oci:one", "oci:two", "docker-archive:three.tar:b.example/other:1"].flatMap((one) => ["-o", one]);
  await done(work, [...build, "-t", "a.example/app:1", ...outputs, "--sign", ...services]);

  expect(sigstore.requests).toHaveLength(4);
  const whom = ["--certificate-identity", "ci@acme.example", "--certificate-oidc-issuer", "https://id.example"];
  for (const place of ["oci:one", "oci:two"])
    await done(work, ["verify", ...whom, "--trusted-root", "root.json", place]);
});

test.each([
  [["--sign", "-o", "oci:out"], "Cannot sign without a key", 2],
  [[...sign, "-o", "docker-archive:x.tar"], "Cannot use --sign: docker-archive:x.tar has no place for what refers", 2],
  [["--key", "cosign.key", "-o", "oci:out"], "Cannot use --key without --sign", 2],
  [["--rekor-url", "https://rekor.example", "-o", "oci:out"], "Cannot use --rekor-url without --sign", 2],
  [[...sign, "--watch", "-o", "oci:out"], "Cannot use --sign with --watch", 2],
  [["--sign", "--keyless", "--offline", "-o", "oci:out"], "with --offline", 2],
  [["--sign", "--key", "cosign.pub", "-o", "oci:out"], "Cannot sign with cosign.pub: it holds a public key", 1],
])("build %j is refused before anything is built", async (flags, words, code) => {
  await using work = await signingWorkspace();

  const { status, stdout, stderr } = await work.lading([...build, ...flags], password);

  expect({ status, stdout }).toEqual({ status: code, stdout: "" });
  expect(stderr).toContain(words);
  expect(await work.names()).toEqual(["cosign.key", "cosign.pub", "src"]);
});

test("a wrong password ends a build before it begins, and a log that does not answer leaves nothing behind", async () => {
  await using work = await signingWorkspace();
  const wrong = await work.lading([...build, "-o", "oci:out", ...sign], { COSIGN_PASSWORD: "wrong-secret" });
  expect(wrong.stderr).toBe("error: Cannot decrypt cosign.key: the password is wrong\n");

  const rekor = ["--rekor-url", "http://127.0.0.1:9"];
  const unheard = await work.lading([...build, "-o", "oci-archive:out.tar", ...sign, ...rekor], password);
  expect(unheard.stderr).toContain("error: Cannot log the signature at http://127.0.0.1:9");

  expect([wrong.status, unheard.status]).toEqual([1, 1]);
  expect(await work.names()).toEqual(["cosign.key", "cosign.pub", "src"]);
});
