import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { makeCertificate } from "../transport/certificate.suite.ts";
import { readCertificates, readHostCertificates } from "./certs-d.ts";
import type { TlsSettings } from "./host-config.ts";

const one = makeCertificate("one.test");
const two = makeCertificate("two.test");

async function writeAll(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
}

/** What there is for a host below a folder that stands for home and /etc. */
async function forHost(host: string, files: Readonly<Record<string, string>>): Promise<TlsSettings> {
  await using folder = await temporaryFolder();
  await writeAll(folder.path, files);
  const at = (name: string): string => join(folder.path, name);
  const systemFolders = { containers: at("etc/containers"), docker: at("etc/docker") };
  return await readHostCertificates(host, { home: at("home"), systemFolders });
}

async function inFolder(files: Readonly<Record<string, string>>): Promise<TlsSettings> {
  await using folder = await temporaryFolder();
  await writeAll(folder.path, files);
  return await readCertificates(folder.path);
}

test("the first folder for a host and port counts, alone", async () => {
  const files = {
    "etc/docker/certs.d/r.test:5000/ca.crt": two.cert,
    "etc/containers/certs.d/r.test:5000/ca.crt": one.cert,
    "etc/docker/certs.d/other.test/ca.crt": two.cert,
  };
  expect(await forHost("r.test:5000", files)).toEqual({ ca: [one.cert] });
  expect(await forHost("other.test", files)).toEqual({ ca: [two.cert] });
  expect(await forHost("r.test", files)).toEqual({});
  expect(await forHost("r.test:5000", { ...files, "home/.config/containers/certs.d/r.test:5000/empty": "" })).toEqual(
    {},
  );
});

test("Docker Hub's folder is found under its name and its host", async () => {
  expect(await forHost("registry-1.docker.io", { "etc/docker/certs.d/docker.io/a.crt": one.cert })).toEqual({
    ca: [one.cert],
  });
});

test.each(["..", "../../secret", "a/../b", ".", "a\0b", ""])("the host %j leads nowhere", async (host) => {
  expect(await forHost(host, { "etc/docker/certs.d/ca.crt": one.cert, "etc/docker/ca.crt": one.cert })).toEqual({});
});

test("authorities and the client's own pair are told apart by their endings", async () => {
  const files = {
    "a.crt": one.cert,
    "b.crt": `Some text\n${two.cert}`,
    "client.cert": one.cert,
    "client.key": one.key,
  };
  expect(await inFolder(files)).toEqual({
    ca: [one.cert, `Some text\n${two.cert}`],
    cert: one.cert,
    key: one.key,
  });
});

test("a link to nowhere is passed over", async () => {
  await using folder = await temporaryFolder();
  await symlink("/nowhere", join(folder.path, "a.crt"));
  expect(await readCertificates(folder.path)).toEqual({});
});

test.each([
  [{ "a.crt": "not a certificate" }, /a\.crt": there is no PEM certificate in it$/],
  [{ "a.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }, /^Cannot use ".*a\.crt": /],
  [{ "a.cert": one.cert }, /a\.cert": its key a\.key is missing$/],
  [{ "a.key": one.key }, /a\.key": its certificate a\.cert is missing$/],
  [{ "a.cert": one.cert, "a.key": two.key }, /a\.key" is the key of another certificate$/],
  [{ "a.cert": one.cert, "a.key": "nothing" }, /^Cannot use ".*a\.key": /],
  [
    { "a.cert": one.cert, "a.key": one.key, "b.cert": two.cert, "b.key": two.key },
    /it has 2 client certificates, one can be sent$/,
  ],
])("a folder that cannot be used is told (%#)", async (files, message) => {
  const failure = inFolder(files);
  await expect(failure).rejects.toMatchObject({ code: "CONFIG", message: expect.stringMatching(message) });
  await expect(failure).rejects.not.toThrow("PRIVATE KEY");
});

test("a folder that was named must be there", async () => {
  await expect(readCertificates("/nowhere/certs")).rejects.toMatchObject({ code: "CONFIG" });
});
