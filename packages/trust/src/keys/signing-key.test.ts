import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { cases } from "@lading/testkit";
import { ASN1Obj } from "@sigstore/core";
import { expect, test } from "vitest";
import { readPublicKeys } from "./public-key.ts";
import { generateSigningKey, readSigningKey, sealSigningKey } from "./signing-key.ts";

const password = (text: string) => ({ password: async () => text });
const made = (name: string): string => readFileSync(cases?.path(`cosign-made/${name}`) ?? "", "utf8");

test("a key that was sealed is read again with its password, and with no other", async () => {
  const key = generateSigningKey();
  const sealed = await sealSigningKey(key, "näher");
  expect(sealed).toMatch(
    /^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n(?:[\w+/=]{1,64}\n)+-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n$/,
  );

  const read = await readSigningKey(sealed, "cosign.key", password("näher"));

  expect(read.publicKey.hint).toBe(key.publicKey.hint);
  await expect(readSigningKey(sealed, "cosign.key", password("naher"))).rejects.toMatchObject({
    code: "PASSWORD",
    message: "Cannot decrypt cosign.key: the password is wrong",
  });
  await expect(readSigningKey(sealed, "cosign.key")).rejects.toMatchObject({ code: "PASSWORD" });
});

test("the empty password is a password", async () => {
  const key = generateSigningKey();
  const read = await readSigningKey(await sealSigningKey(key, ""), "cosign.key", password(""));
  expect(read.publicKey.pem).toBe(key.publicKey.pem);
});

test.runIf(cases !== undefined)("a key that cosign wrote opens with its password", async () => {
  const key = await readSigningKey(made("cosign.key"), "cosign.key", password(made("cosign.pass")));
  expect(key.publicKey.pem).toBe(made("cosign.pub"));
  for (const wrong of ["wrong", ""])
    await expect(readSigningKey(made("cosign.key"), "cosign.key", password(wrong))).rejects.toMatchObject({
      code: "PASSWORD",
    });
});

test.each([
  ["N", 2 ** 24],
  ["N", 1],
  ["r", 1024],
  ["p", 1_000_000],
])("scrypt with %s %i is refused without running it", async (name, value) => {
  const sealed = await sealSigningKey(generateSigningKey(), "x");
  const changed = rewrite(sealed, (json) => json.replace(new RegExp(`"${name}":\\d+`), `"${name}":${value}`));
  await expect(readSigningKey(changed, "cosign.key", password("x"))).rejects.toMatchObject({
    code: "KEY",
    message: expect.stringContaining(`Cannot read cosign.key: kdf.params.${name}: `),
  });
});

test("a flipped bit is a wrong password, never another key", async () => {
  const sealed = await sealSigningKey(generateSigningKey(), "x");
  const changed = rewrite(sealed, (json) =>
    json.replace(/"ciphertext":"(.)/, (_, first) => `"ciphertext":"${first === "A" ? "B" : "A"}`),
  );
  await expect(readSigningKey(changed, "cosign.key", password("x"))).rejects.toMatchObject({ code: "PASSWORD" });
});

test("PKCS#8 and SEC1 keys are read, encrypted or not", async () => {
  const { privateKey } = generateSigningKey();
  const encryption = { cipher: "aes-256-cbc", passphrase: "x" };
  const forms = [
    privateKey.export({ type: "pkcs8", format: "pem" }),
    privateKey.export({ type: "sec1", format: "pem" }),
    privateKey.export({ type: "pkcs8", format: "pem", ...encryption }),
    privateKey.export({ type: "sec1", format: "pem", ...encryption }),
  ];
  for (const form of forms) {
    const read = await readSigningKey(form.toString(), "key.pem", password("x"));
    expect(read.privateKey.equals(privateKey)).toBe(true);
  }
  for (const form of forms.slice(2))
    await expect(readSigningKey(form.toString(), "key.pem", password("y"))).rejects.toMatchObject({ code: "PASSWORD" });
});

test("an encrypted PKCS#8 key with billions of iterations is refused before the first", async () => {
  const pem = generateSigningKey().privateKey.export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "x",
  });
  const der = ASN1Obj.parseBuffer(Buffer.from(pem.toString().replace(/-----.*-----|\n/g, ""), "base64"));
  const pbkdf2 = der.subs[0]?.subs[1]?.subs[0]?.subs[1];
  const iterations = pbkdf2?.subs[1];
  if (iterations === undefined) throw new Error("Cannot find the iterations");
  pbkdf2?.subs.splice(1, 1, new ASN1Obj(iterations.tag, Buffer.from("7fffffff", "hex"), []));
  const text = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${der.toDER().toString("base64")}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
  await expect(readSigningKey(text, "key.pem", password("x"))).rejects.toMatchObject({
    code: "KEY",
    message: "Cannot read key.pem: making a key of its password would take too long",
  });
});

test("what cannot sign says so", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey.export({ type: "pkcs8", format: "pem" });
  const key = generateSigningKey();
  const pem = key.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  for (const [text, message] of [
    [rsa.toString(), "Cannot sign with k: its key is rsa"],
    [p384.toString(), "Cannot sign with k: its key is ec secp384r1"],
    [key.publicKey.pem, "Cannot sign with k: it holds a public key"],
    [pem + pem, "Cannot read k: it holds 2 keys instead of one"],
    ["hello", "Cannot read k: it is no PEM file"],
    [pem.replace("MIGH", "MIGI"), "Cannot read k: the key in it is damaged"],
  ] as const)
    await expect(readSigningKey(text, "k")).rejects.toMatchObject({ code: "KEY", message });
});

test("a file of public keys is a set of them", () => {
  const [a, b] = [generateSigningKey(), generateSigningKey()];
  const read = readPublicKeys(`# ours\n${a.publicKey.pem}\n${b.publicKey.pem}`, "keys.pem");
  expect(read.map(({ hint }) => hint)).toEqual([a.publicKey.hint, b.publicKey.hint]);
  const pem = a.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  expect(() => readPublicKeys(pem, "keys.pem")).toThrow("Cannot read keys.pem: it is a private key");
  const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "pem" });
  expect(() => readPublicKeys(small.toString(), "keys.pem")).toThrow(
    "Cannot use keys.pem: rsa keys are not known here",
  );
});

test.each([
  ["ed448", () => generateKeyPairSync("ed448")],
  ["x25519", () => generateKeyPairSync("x25519")],
  ["dsa", () => generateKeyPairSync("dsa", { modulusLength: 2048, divisorLength: 256 })],
  ["rsa-pss", () => generateKeyPairSync("rsa-pss", { modulusLength: 2048 })],
  ["ec secp256k1", () => generateKeyPairSync("ec", { namedCurve: "secp256k1" })],
  ["ec secp224r1", () => generateKeyPairSync("ec", { namedCurve: "secp224r1" })],
])("%s keys are known neither to sign with nor to verify with", async (kind, generate) => {
  const { privateKey, publicKey } = generate();
  await expect(
    readSigningKey(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "k"),
  ).rejects.toMatchObject({
    code: "KEY",
    message: `Cannot sign with k: its key is ${kind}`,
  });
  expect(() => readPublicKeys(publicKey.export({ type: "spki", format: "pem" }).toString(), "k")).toThrow(
    `Cannot use k: ${kind} keys are not known here`,
  );
});

function rewrite(pem: string, change: (json: string) => string): string {
  const [begin = "", ...lines] = pem.trim().split("\n");
  const json = Buffer.from(lines.slice(0, -1).join(""), "base64").toString();
  return `${begin}\n${Buffer.from(change(json)).toString("base64")}\n${lines.at(-1)}\n`;
}
