import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cases, casesIn, temporaryFolder, writeCredentialHelper } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Credential } from "../auth/credential.ts";
import { findEntry, helperOf, parseAuthFile } from "./auth-file.ts";
import { hostOf, keysOf, parseLoginKey } from "./auth-key.ts";
import { authPaths } from "./auth-paths.ts";
import { defaultKeychain } from "./keychain.ts";
import { storeCredential } from "./store.ts";

/*
 * What other clients' own tests expect of credentials. Where we differ, and on purpose:
 *
 * - The order of files is that of podman (containers/image), not that of ggcr, which reads Docker's
 *   config.json before auth.json.
 * - With a `credsStore` that has nothing, `auths` of the same file are looked at, which docker does
 *   not: podman writes there and knows nothing of the store.
 * - `auths` without a credential do not send a lookup to that file alone, as oras has it.
 * - There are no settings for another root folder, nor a flag for files in the format of ~/.dockercfg.
 * - DOCKER_AUTH_CONFIG may have fields we do not know; docker refuses it then.
 */
const file = "registry/credentials.json";
const known = z.object({ op: z.string(), name: z.string().optional() }).loose();

function those<T>(op: string, schema: z.ZodType<T>): readonly T[] {
  return casesIn(file, known)
    .filter((each) => each.op.startsWith(op))
    .map((each) => schema.parse(each));
}

const fixtures =
  cases === undefined ? {} : z.record(z.string(), z.string()).parse(cases.json("registry/credential-fixtures.json"));
const credential = z.object({
  Username: z.string().optional(),
  Password: z.string().optional(),
  IdentityToken: z.string().optional(),
});

function asCredential(expected: z.infer<typeof credential> | null | undefined): Credential | undefined {
  if (expected === null || expected === undefined) return undefined;
  if (expected.IdentityToken !== undefined) return { type: "identity", token: expected.IdentityToken };
  return { type: "password", username: expected.Username ?? "", password: expected.Password ?? "" };
}

/** `host/a/b` as registry and repository; an image name of the cases has no tag. */
function split(key: string): readonly [registry: string, repository: string] {
  const [registry = "", ...path] = key.split("/");
  return [registry, path.join("/")];
}

describe.runIf(cases !== undefined)("containers/image", () => {
  const lookup = z.object({
    name: z.string(),
    file: z.string().nullable(),
    key: z.string(),
    expect: credential.nullable(),
    sys: z.object({ SystemRegistriesConfPath: z.string() }).optional(),
  });

  test.for(those("lookup in auth.json", lookup))("auth.json: $name", async (expected) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "auth.json");
    await writeFile(path, expected.file === null ? "{}" : (fixtures[expected.file] ?? ""));
    const { folder: PATH } = await writeCredentialHelper(folder.path, "helper-registry", {
      "registry-a.com": { Username: "foo", Secret: "bar" },
      "registry-b.com": { Username: "<token>", Secret: "fizzbuzz" },
    });
    const keychain = defaultKeychain({
      env: { PATH },
      authFile: path,
      ...(expected.sys === undefined ? {} : { credentialHelpers: ["helper-registry"] }),
    });

    const found = await keychain.find(...split(expected.key));

    expect(found?.credential).toEqual(asCredential(expected.expect));
  });

  test.for(those("lookup in .dockercfg", lookup))(".dockercfg: $name", (expected) => {
    const dockercfg = parseAuthFile(fixtures[expected.file ?? ""] ?? "", ".dockercfg", { legacy: true });
    expect(findEntry(dockercfg, ...split(expected.key))?.credential).toEqual(asCredential(expected.expect));
  });

  test.for(those("auth key lookup order", z.object({ input: z.string(), expect: z.array(z.string()) })))(
    "keys of $input",
    (expected) => {
      expect(keysOf(...split(expected.input))).toEqual(expected.expect);
    },
  );

  test.for(
    those(
      "validate credential key",
      z.object({ input: z.string(), error: z.string().optional(), namespaced: z.boolean().optional() }),
    ),
  )("login key $input", ({ input, error, namespaced }) => {
    if (error === undefined) expect(parseLoginKey(input).repository !== "").toBe(namespaced);
    else expect(() => parseLoginKey(input)).toThrow(SyntaxError);
  });

  const path = z.object({
    os: z.enum(["linux", "darwin", "freebsd"]),
    XDG_RUNTIME_DIR: z.string(),
    sys: z
      .object({
        AuthFilePath: z.string(),
        LegacyFormatAuthFilePath: z.string(),
        RootForImplicitAbsolutePaths: z.string(),
      })
      .partial()
      .nullable(),
    expect: z.string(),
    userSpecified: z.boolean(),
  });
  const ours = those("auth.json path", path).filter(
    ({ sys }) => sys?.LegacyFormatAuthFilePath === undefined && sys?.RootForImplicitAbsolutePaths === undefined,
  );

  test.for(ours)("path on $os with XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR", (expected) => {
    const authFile = expected.sys?.AuthFilePath;
    const [first] = authPaths({
      env: { XDG_RUNTIME_DIR: expected.XDG_RUNTIME_DIR },
      home: "<home>",
      uid: 1234,
      platform: expected.os,
      ...(authFile === undefined ? {} : { authFile }),
    });
    expect(first?.path).toBe(expected.expect.replace("<uid>", "1234"));
    expect(first?.named !== undefined).toBe(expected.userSpecified);
  });

  const interoperability = z.object({ loginKey: z.string(), queryKey: z.string() });
  test.for(those("docker login written by docker CLI", interoperability))(
    "docker login $loginKey, then $queryKey",
    async ({ loginKey, queryKey }) => {
      const written = loginKey.startsWith("(docker.io") ? "https://index.docker.io/v1/" : loginKey;
      const config = parseAuthFile(JSON.stringify({ auths: { [written]: { auth: "Zm9vOmJhcg==" } } }), "config.json");
      expect(findEntry(config, ...split(queryKey))?.credential).toEqual({
        type: "password",
        username: "foo",
        password: "bar",
      });
    },
  );
});

describe.runIf(cases !== undefined)("config.json", () => {
  const content = z.object({
    name: z.string(),
    content: z.string(),
    target: z.string(),
    error: z.string().optional(),
    expect: credential.optional(),
  });

  test.for(those("config.json content", content))("ggcr: $name", async (expected) => {
    await using home = await temporaryFolder();
    await mkdir(join(home.path, ".docker"));
    await writeFile(join(home.path, ".docker/config.json"), expected.content);
    const finding = defaultKeychain({ env: {}, home: home.path }).find(expected.target, "a/b");

    if (expected.error === undefined) expect((await finding)?.credential).toEqual(asCredential(expected.expect));
    else await expect(finding).rejects.toMatchObject({ name: "RegistryError", code: "CREDENTIALS" });
  });

  const host = z.object({
    case: z.object({
      hostname: z.string(),
      expectCredHelper: z.string().optional(),
      expectUser: z.string().optional(),
      expectMissing: z.boolean().optional(),
    }),
  });

  test.for(those("regclient DockerLoad", host))("regclient: $case.hostname", async (expected) => {
    await using home = await temporaryFolder();
    await writeFile(join(home.path, "config.json"), fixtures["regclient/config.json"] ?? "");
    await writeCredentialHelper(home.path, "test", { "testhost.example.com": { Username: "hello", Secret: "world" } });
    const { folder: PATH } = await writeCredentialHelper(home.path, "teststore", {
      "storehost.example.com": { Username: "hello", Secret: "world" },
    });
    const { hostname, expectCredHelper, expectUser, expectMissing } = expected.case;

    const found = await defaultKeychain({ env: { PATH, DOCKER_CONFIG: home.path }, home: home.path }).find(
      hostname,
      "",
    );

    if (expectMissing === true) expect(found).toBeUndefined();
    else expect(found?.from).toContain(`(${expectCredHelper})`);
    if (expectUser !== undefined) expect(found?.credential).toMatchObject({ username: expectUser });
  });

  // The two files of oras that the cases name, by what oras expects of them.
  const orasFiles: Readonly<Record<string, string>> = {
    "../internal/configuration/testdata/credHelpers_config.json":
      '{"credHelpers": {"registry1.example.com": "registry1-helper", "registry2.example.com": "registry2-helper", "registry3.example.com": ""}}',
    "../internal/configuration/testdata/credsStore_config.json": '{"credsStore": "teststore"}',
  };
  const suffix = z.object({
    case: z.object({ configPath: z.string(), name: z.string(), serverAddress: z.string(), want: z.string() }),
  });

  test.for(those("oras Test_DynamicStore_getHelperSuffix", suffix))("oras: $case.name", (expected) => {
    const { configPath, serverAddress, want } = expected.case;
    const config = parseAuthFile(orasFiles[configPath] ?? "", "config.json");
    expect(helperOf(config, serverAddress)?.helper ?? config.credsStore ?? "").toBe(want);
  });

  const format = z.object({
    case: z.object({
      name: z.string(),
      cred: z.object({ Username: z.string(), Password: z.string() }),
      wantErr: z.string().optional(),
    }),
  });

  test.for(those("oras Test_validateCredentialFormat", format))("oras: $case.name", async (expected) => {
    await using home = await temporaryFolder();
    const { cred, wantErr } = expected.case;
    const storing = storeCredential(
      "test.example",
      { type: "password", username: cred.Username, password: cred.Password },
      { env: {}, home: home.path, uid: 4_000_000 },
    );
    if (wantErr === undefined) await storing;
    else await expect(storing).rejects.toMatchObject({ code: "CREDENTIALS" });
  });

  test.for(
    those("docker/cli ConvertToHostname", z.object({ case: z.object({ input: z.string(), expected: z.string() }) })),
  )("host of $case.input", (each) => {
    expect(hostOf(each.case.input)).toBe(each.case.expected);
  });
});
