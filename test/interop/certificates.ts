import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { run } from "./command.ts";

/** Paths of PEM files. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of one's own, that nobody else trusts. */
export async function makeAuthority(folder: string): Promise<Certificate> {
  const authority = { certificate: join(folder, "ca.crt"), key: join(folder, "ca.key") };
  const subject = ["-subj", "/CN=Test authority", "-days", "2"];
  await run("openssl", ["req", "-x509", ...newKey(authority.key), ...subject, "-out", authority.certificate]);
  return authority;
}

/** A certificate for 127.0.0.1 and localhost, of a server or of a client called `name`. */
export async function issueCertificate(folder: string, name: string, authority: Certificate): Promise<Certificate> {
  const issued = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  await writeFile(
    extensions,
    "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n",
  );
  await run("openssl", ["req", ...newKey(issued.key), "-subj", `/CN=${name}`, "-out", request]);
  const signer = ["-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial", "-days", "2"];
  await run("openssl", ["x509", "-req", "-in", request, ...signer, "-extfile", extensions, "-out", issued.certificate]);
  return issued;
}

function newKey(path: string): readonly string[] {
  return ["-newkey", "rsa:2048", "-nodes", "-keyout", path];
}
