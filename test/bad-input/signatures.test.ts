import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { LayoutStore, listImages } from "@lading/oci";
import { identityToken, startSigstore } from "@lading/testkit";
import { expect, test } from "vitest";
import { type Workspace, workspace } from "../cli/workspace.ts";

const secrets = {
  password: "correct-horse-battery",
  wrong: "incorrect-donkey-battery",
  request: "request-token-of-the-ci",
  token: identityToken("ci@acme.example", "https://id.example"),
};
const password = { COSIGN_PASSWORD: secrets.password, LADING_POLICY: undefined, SIGSTORE_ID_TOKEN: undefined };

async function signed(): Promise<Workspace> {
  const work = await workspace({ "src/a": "a" });
  const build = ["build", "--from", "scratch", "--add", "src:/a", "--platform", "linux/amd64,linux/arm64"];
  for (const args of [["keygen"], [...build, "-o", "oci:layout", "--sign", "--key", "cosign.key"]])
    expect(await work.lading(args, password)).toMatchObject({ status: 0 });
  return work;
}

test.each(["the index", "an image of it"])("%s that was tampered with is not what was signed", async (which) => {
  await using work = await signed();
  const layout = await LayoutStore.open(join(work.path, "layout"));
  const index = await layout.resolve("");
  const [image = index] = await listImages(layout, index);
  const { digest } = which === "the index" ? index : image;
  const path = layout.path(digest);
  const before = await readFile(path, "utf8");
  const tampered = before.replace(/"digest":"sha256:[0-9a-f]{8}/, '"digest":"sha256:00000000');
  expect(tampered).not.toBe(before);
  await writeFile(path, tampered);

  const recursive = which === "the index" ? [] : ["--recursive"];
  const { status, stdout, stderr } = await work.lading(["verify", "--key", "cosign.pub", ...recursive, "oci:layout"]);

  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toContain("Cannot use oci:layout");
  expect(stderr).toContain(digest);
  const copied = await work.lading(["copy", "oci:layout", "oci:copied"]);
  expect(copied.status).toBe(1);
});

test("no password and no token is in any output", async () => {
  await using work = await signed();
  await using sigstore = await startSigstore();
  await work.write({ "root.json": sigstore.trustedRoot, token: secrets.token, bad: `${secrets.token}.more` });
  // A CI that says no, and repeats what it was asked with.
  const ci = createServer((request, response) => {
    response.writeHead(403, { "content-type": "application/json" });
    response.end(JSON.stringify({ message: `${request.headers.authorization} may not`, value: undefined }));
  });
  await once(ci.listen(0, "127.0.0.1"), "listening");
  const address = ci.address();
  const refusing = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: secrets.request,
  };
  const nowhere = "http://127.0.0.1:9";
  const key = ["--key", "cosign.key"];
  const services = ["--fulcio-url", sigstore.url, "--rekor-url", sigstore.url];
  const unheard = ["--fulcio-url", nowhere, "--rekor-url", nowhere];
  const build = ["build", "--from", "scratch", "--add", "src:/a", "-o", "oci:built", "--provenance", "--sign"];
  const calls: readonly (readonly [readonly string[], Readonly<Record<string, string>>, number])[] = [
    [["sign", ...key, "oci:layout"], {}, 0],
    [["sign", ...key, "oci:layout"], { COSIGN_PASSWORD: secrets.wrong }, 1],
    [["sign", ...key, "--rekor-url", nowhere, "oci:layout"], {}, 1],
    [["sign", ...services, "--identity-token", "token", "oci:layout"], {}, 0],
    [["sign", ...services, "oci:layout"], { SIGSTORE_ID_TOKEN: secrets.token }, 0],
    [["sign", ...unheard, "oci:layout"], { SIGSTORE_ID_TOKEN: secrets.token }, 1],
    [["sign", ...services, "--identity-token", "bad", "oci:layout"], {}, 1],
    [["sign", ...services, "--identity-token", secrets.token, "oci:layout"], {}, 2],
    [["sign", ...services, "oci:layout"], refusing, 1],
    [[...build, ...key], {}, 0],
    [[...build, ...key], { COSIGN_PASSWORD: secrets.wrong }, 1],
    [[...build, ...services], { SIGSTORE_ID_TOKEN: secrets.token }, 0],
    [[...build, ...unheard], { SIGSTORE_ID_TOKEN: secrets.token }, 1],
    [["keygen", "--output-key-prefix", "more"], {}, 0],
    [["verify", "--key", "cosign.pub", "--type", "slsaprovenance1", "oci:built"], {}, 0],
  ];
  try {
    for (const [args, env, code] of calls) {
      const { status, stdout, stderr } = await work.lading([...args, "--json", "--verbose"], { ...password, ...env });
      expect({ args, status, stderr: status === code ? "" : stderr }).toEqual({ args, status: code, stderr: "" });
      for (const secret of Object.values(secrets)) expect(stdout + stderr).not.toContain(secret);
    }
  } finally {
    ci.closeAllConnections();
    ci.close();
  }
  for (const name of ["cosign.key", "more.key"])
    for (const secret of Object.values(secrets)) expect(await work.read(name)).not.toContain(secret);
});
