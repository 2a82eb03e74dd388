import { readFile } from "node:fs/promises";
import { identityToken, startRegistry, startSigstore } from "@lading/testkit";
import { expect, test } from "vitest";
import { type Workspace, workspace } from "./workspace.ts";

const password = { COSIGN_PASSWORD: "correct horse", LADING_POLICY: undefined };

/** A workspace with a key, and an image in a layout and in an archive. */
async function signingWorkspace(): Promise<Workspace & { readonly digest: string }> {
  const work = await workspace({ "src/a": "a" });
  await done(work, ["keygen"], password);
  const outputs = ["-o", "oci:layout", "-o", "oci-archive:app.tar"];
  const named = ["--platform", "linux/amd64", "--tag", "ghcr.io/acme/app:1"];
  const { stdout } = await done(work, ["build", "--from", "scratch", "--add", "src:/src", ...named, ...outputs]);
  return Object.assign(work, { digest: stdout.trim() });
}

const policy = (key: string): string => `default: reject\nimages:\n  ghcr.io/acme:\n    keys: [${key}]\n`;

type Ended = Awaited<ReturnType<Workspace["lading"]>>;

async function done(
  work: Workspace,
  args: readonly string[],
  env?: Readonly<Record<string, string | undefined>>,
): Promise<Ended> {
  const ended = await work.lading(args, env);
  expect(ended.status, ended.stderr).toBe(0);
  return ended;
}

async function refused(work: Workspace, args: readonly string[], says: string, status = 1): Promise<void> {
  const ended = await work.lading(args, password);
  expect(ended.stderr).toContain(says);
  expect({ status: ended.status, stdout: ended.stdout }).toEqual({ status, stdout: "" });
}

test.each(["oci:layout", "oci-archive:app.tar"])(
  "an image in %s is signed, attested and verified there",
  async (place) => {
    await using work = await signingWorkspace();
    await refused(
      work,
      ["verify", "--key", "cosign.pub", place],
      `Cannot verify ${work.digest}: no signature was found`,
    );
    await work.write({ "sbom.json": '{"bomFormat":"CycloneDX"}' });

    const sign = ["sign", "--key", "cosign.key", "--annotations", "commit=abc", place];
    expect((await done(work, sign, password)).stdout).toBe(`${work.digest}\n`);
    await done(
      work,
      ["attest", "--key", "cosign.key", "--type", "cyclonedx", "--predicate", "sbom.json", place],
      password,
    );

    const verify = ["verify", "--offline", "--key", "cosign.pub"];
    expect((await done(work, [...verify, "-a", "commit=abc", place])).stdout).toBe(`${work.digest}\n`);
    const { stdout } = await done(work, [...verify, "--type", "cyclonedx", "--json", place]);
    const attested = { predicate: { bomFormat: "CycloneDX" } };
    expect(JSON.parse(stdout)).toMatchObject({
      images: [
        {
          signatures: [
            { ...attested, form: "bundle" },
            { ...attested, form: "tag" },
          ],
        },
      ],
    });
    await refused(work, [...verify, "-a", "commit=def", place], "it was signed with commit=abc");
    await refused(work, [...verify, "--type", "spdx", place], "it is of type https://cyclonedx.org/bom");
    await done(work, ["keygen", "--output-key-prefix", "other"], password);
    await refused(work, ["verify", "--key", "other.pub", place], "it is not signed with this key");
    await done(work, ["verify", "--key", "other.pub", "--key", "cosign.pub", place]);
  },
);

test("an SBOM's attestation is no signature", async () => {
  await using work = await signingWorkspace();
  await work.write({ "sbom.json": "{}" });
  await done(
    work,
    ["attest", "--key", "cosign.key", "--type", "cyclonedx", "--predicate", "sbom.json", "oci:layout"],
    password,
  );
  await refused(
    work,
    ["verify", "--key", "cosign.pub", "oci:layout"],
    "it is an attestation of type https://cyclonedx.org/bom, and no signature",
  );
});

test("signatures go to a registry, and on with the image", async () => {
  await using work = await signingWorkspace();
  await using registry = await startRegistry();
  const name = `${registry.host}/acme/app:1`;
  await done(work, ["copy", "oci:layout", name]);
  await done(work, ["sign", "--key", "cosign.key", name], password);
  await done(work, ["verify", "--key", "cosign.pub", name]);
  await done(work, ["copy", name, "oci-archive:back.tar"]);
  await done(work, ["verify", "--offline", "--key", "cosign.pub", "oci-archive:back.tar"]);
});

test("an index is signed with its images, or without", async () => {
  await using work = await workspace({ "src/a": "a" });
  await done(work, ["keygen"], password);
  const platforms = ["--platform", "linux/amd64", "--platform", "linux/arm64"];
  await done(work, [
    "build",
    "--from",
    "scratch",
    ...platforms,
    "--add",
    "src:/src",
    "--tag",
    "a.example/app:1",
    "-o",
    "oci:layout",
  ]);
  await done(work, ["sign", "--key", "cosign.key", "oci:layout"], password);
  await done(work, ["verify", "--key", "cosign.pub", "oci:layout"]);
  const arm = ["verify", "--key", "cosign.pub", "--platform", "linux/arm64", "oci:layout"];
  await refused(work, arm, "no signature was found");
  await refused(work, ["verify", "--key", "cosign.pub", "--recursive", "oci:layout"], "no signature was found");
  await done(work, ["sign", "--key", "cosign.key", "--recursive", "oci:layout"], password);
  await done(work, arm);
  await done(work, ["verify", "--key", "cosign.pub", "--recursive", "oci:layout"]);
});

test("an identity signs by its token, which nobody is shown", async () => {
  await using work = await signingWorkspace();
  await using sigstore = await startSigstore();
  const token = identityToken("ci@acme.example", "https://id.example");
  await work.write({ "root.json": sigstore.trustedRoot, token });
  const services = ["--fulcio-url", sigstore.url, "--rekor-url", sigstore.url];
  const signed = await done(work, ["sign", "--verbose", ...services, "--identity-token", "token", "oci:layout"]);
  expect(signed.stdout + signed.stderr).not.toContain(token);

  const issuer = ["--certificate-oidc-issuer", "https://id.example", "--trusted-root", "root.json"];
  await done(work, ["verify", "--offline", "--certificate-identity", "ci@acme.example", ...issuer, "oci:layout"]);
  await refused(
    work,
    ["verify", "--certificate-identity", "ci@acme.exampl", ...issuer, "oci:layout"],
    "it was signed by ci@acme.example, as https://id.example says",
  );
  await refused(
    work,
    ["sign", "--keyless", "--identity-token", token, "oci:layout"],
    "Cannot take an identity token from the command line",
    2,
  );
});

test("a signing config says which services sign", async () => {
  await using work = await signingWorkspace();
  await using sigstore = await startSigstore();
  const service = (version: number, path = ""): object => ({
    url: `${sigstore.url}${path}`,
    majorApiVersion: version,
    validFor: { start: "2020-01-01T00:00:00Z" },
    operator: "acme.example",
  });
  const config = {
    mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    caUrls: [service(1)],
    rekorTlogUrls: [service(2)],
    rekorTlogConfig: { selector: "ANY" },
    tsaUrls: [service(1, "/api/v1/timestamp")],
    tsaConfig: { selector: "ANY" },
  };
  await work.write({
    "root.json": sigstore.trustedRoot,
    token: identityToken("ci@acme.example", "https://id.example"),
    "config.json": JSON.stringify(config),
    "timeless.json": JSON.stringify({ ...config, tsaUrls: [] }),
  });
  const sign = ["sign", "--identity-token", "token", "--signing-config"];

  await done(work, [...sign, "config.json", "--keyless", "oci:layout"]);

  const whom = ["--certificate-identity", "ci@acme.example", "--certificate-oidc-issuer", "https://id.example"];
  await done(work, ["verify", "--offline", ...whom, "--trusted-root", "root.json", "oci:layout"]);
  await refused(work, [...sign, "timeless.json", "--keyless", "oci:layout"], "none of its services says when", 2);
  await refused(work, [...sign, "config.json", "--rekor-url", sigstore.url, "oci:layout", "--keyless"], "at once", 2);
  await refused(work, [...sign, "config.json", "--key", "cosign.key", "oci:layout"], "its log is of version 2", 2);
  await refused(work, [...sign, "token", "--keyless", "oci:layout"], "it is no signing config", 1);
});

test("a policy holds for all that use images of others", async () => {
  await using work = await signingWorkspace();
  await done(work, ["keygen", "--output-key-prefix", "other"], password);
  await done(work, ["sign", "--key", "cosign.key", "oci:layout"], password);
  await done(work, ["bundle", "create", "oci:layout", "-o", "bundle.tar"]);
  await work.write({ "good.yaml": policy("cosign.pub"), "bad.yaml": policy("other.pub") });
  const uses: readonly (readonly string[])[] = [
    ["copy", "oci:layout", "oci:out"],
    ["pull", "oci:layout", "oci:out"],
    ["build", "--from", "oci:layout", "--add", "src:/b", "--tag", "a.example/b:1", "-o", "oci:out"],
    ["bundle", "load", "bundle.tar", "--to", "oci:out"],
  ];
  for (const use of uses) {
    await refused(work, [...use, "--policy", "bad.yaml"], 'bad.yaml forbids it, by its rule for "ghcr.io/acme"');
    expect(await work.names()).not.toContain("out");
  }
  for (const use of uses) await done(work, [...use, "--policy", "good.yaml"]);
  await refused(work, ["run", "--policy", "bad.yaml", "oci:layout", "/src/a"], "bad.yaml forbids it", 125);
  const byEnvironment = await work.lading(["copy", "oci:layout", "oci:elsewhere"], { LADING_POLICY: "bad.yaml" });
  expect(byEnvironment.status).toBe(1);
});

test("what is wrong is refused before anything is written", async () => {
  await using work = await signingWorkspace();
  const archive = await readFile(`${work.path}/app.tar`);
  await work.write({ "no.pem": "hello", "list.json": "[]" });
  const sign = ["sign", "--key", "cosign.key"];
  for (const [args, says, status] of [
    [["sign", "oci:layout"], "Cannot sign without a key", 2],
    [["sign", "--key", "none.key", "oci:layout"], 'Cannot read the key "none.key"', 2],
    [["sign", "--key", "no.pem", "oci:layout"], "Cannot read no.pem: it is no PEM file", 1],
    [["sign", "--key", "cosign.pub", "oci:layout"], "Cannot sign with cosign.pub: it holds a public key", 1],
    [[...sign, "docker-archive:app.tar"], "Cannot sign in", 2],
    [[...sign, "--rekor-url", "ftp://x", "oci:layout"], "expected a URL", 2],
    [[...sign, "--rekor-url", "https://a:secret@x.example", "oci:layout"], "a URL with a password in it", 2],
    [[...sign, "--offline", "--rekor-url", "https://x.example", "oci:layout"], "with --offline", 2],
    [["attest", "--key", "cosign.key", "oci:layout"], "Cannot attest without --predicate", 2],
    [["attest", "--key", "cosign.key", "--predicate", "list.json", "oci:layout"], "a predicate is a JSON object", 2],
    [
      ["attest", "--key", "cosign.key", "--type", "sbom", "--predicate", "list.json", "oci:layout"],
      'Cannot use --type "sbom"',
      2,
    ],
    [["verify", "oci:layout"], "Cannot verify without knowing whose signature counts", 2],
    [["verify", "--key", "cosign.key", "oci:layout"], "Cannot read cosign.key: it is a private key", 1],
    [["verify", "--certificate-identity", "a", "oci:layout"], "without --certificate-oidc-issuer", 2],
    [["verify", "--trusted-root", "x", "oci:layout"], "Cannot verify with --trusted-root alone", 2],
  ] as const)
    await refused(work, args, says, status);
  const wrong = await work.lading([...sign, "oci-archive:app.tar"], { COSIGN_PASSWORD: "wrong-secret" });
  expect(wrong.stderr).toBe("error: Cannot decrypt cosign.key: the password is wrong\n");
  expect(await readFile(`${work.path}/app.tar`)).toEqual(archive);
});
