import { describe, expect, test } from "vitest";
import { RegistryError } from "../errors.ts";
import type { Scope } from "../transport/registry-host.ts";
import { Authorizer, type AuthorizerOptions } from "./authorizer.ts";
import type { Credential, FoundCredential } from "./credential.ts";
import {
  type Asked,
  httpTokenFetch,
  startTokenServer,
  type TokenAnswer,
  type TokenServer,
} from "./token-server.suite.ts";

const pull: readonly Scope[] = [{ repository: "a/b", actions: ["pull"] }];
const push: readonly Scope[] = [{ repository: "a/b", actions: ["pull", "push"] }];
const mount: readonly Scope[] = [...push, { repository: "c/d", actions: ["pull"] }];
const user: Credential = { type: "password", username: "me", password: "hunter2" };
const basicUser = `Basic ${Buffer.from("me:hunter2").toString("base64")}`;

interface Setting extends Partial<Omit<AuthorizerOptions, "keychain">> {
  readonly credential?: Credential;
  readonly find?: () => FoundCredential | undefined;
}

function authorizer({ credential, find, ...options }: Setting = {}): Authorizer {
  const found = credential === undefined ? undefined : { credential, from: "a test" };
  return new Authorizer({
    registry: "r.test",
    keychain: { find: async () => (find === undefined ? found : find()) },
    fetch: httpTokenFetch,
    base: () => new URL("http://127.0.0.1:5000/"),
    ...options,
  });
}

/** Numbers its tokens, and answers as `answer` says where that says anything. */
function numbering(answer: (asked: Asked) => TokenAnswer | undefined = () => undefined): Promise<TokenServer> {
  let count = 0;
  return startTokenServer((asked) => answer(asked) ?? { json: { token: `t${(count += 1)}`, expires_in: 300 } });
}

function bearer(server: TokenServer, more = ""): readonly string[] {
  return [`Bearer realm="${server.realm.href}",service="r.test"${more}`];
}

describe("before the registry asks", () => {
  test("nothing is sent", async () => {
    expect(await authorizer({ credential: user }).header("a/b", pull)).toBeUndefined();
  });

  test("a refusal without a challenge says nothing", async () => {
    expect(await authorizer({ credential: user }).challenged([], "a/b", pull, undefined)).toBe(false);
  });
});

describe("Basic", () => {
  const basic = ['Basic realm="r"'];

  test("credentials are sent once the registry asks, for every repository", async () => {
    const auth = authorizer({ credential: user });
    expect(await auth.challenged(basic, "a/b", pull, undefined)).toBe(true);
    expect(await auth.header("a/b", pull)).toBe(basicUser);
    expect(await auth.header("c/d", push)).toBe(basicUser);
  });

  test("without credentials there is nothing better", async () => {
    const auth = authorizer();
    expect(await auth.challenged(basic, "a/b", pull, undefined)).toBe(false);
    expect(auth.refusal("a/b")).toBe('No credentials were found: use "lading login r.test"');
  });

  test("credentials that are refused are not sent again", async () => {
    const auth = authorizer({ credential: user });
    expect(await auth.challenged(basic, "a/b", pull, undefined)).toBe(true);
    expect(await auth.challenged(basic, "a/b", pull, basicUser)).toBe(false);
    expect(auth.refusal("a/b")).toContain("The credentials come from a test");
  });

  test("a helper is asked again when its credentials were refused without a challenge, as ECR does it", async () => {
    let count = 0;
    const auth = authorizer({
      find: () => ({
        credential: { type: "password", username: "AWS", password: `p${(count += 1)}` },
        from: "a helper",
      }),
    });
    await auth.challenged(basic, "a/b", pull, undefined);
    const first = await auth.header("a/b", pull);
    expect(await auth.challenged([], "a/b", pull, first)).toBe(true);
    expect(await auth.header("a/b", pull)).not.toBe(first);
  });

  test("an identity token is never sent to the registry", async () => {
    const auth = authorizer({ credential: { type: "identity", token: "secret" } });
    expect(await auth.challenged(basic, "a/b", pull, undefined)).toBe(false);
    expect(await auth.header("a/b", pull)).toBeUndefined();
  });
});

test("a bearer token of the user's own is sent as it is", async () => {
  await using server = await numbering();
  const auth = authorizer({ credential: { type: "bearer", token: "mine" } });
  expect(await auth.challenged(bearer(server), "a/b", pull, undefined)).toBe(true);
  expect(await auth.header("a/b", pull)).toBe("Bearer mine");
  expect(await auth.challenged(bearer(server), "a/b", pull, "Bearer mine")).toBe(false);
  expect(server.asked).toEqual([]);
});

describe("Bearer", () => {
  test("without credentials a token is asked for anonymously", async () => {
    await using server = await numbering();
    const lines: string[] = [];
    const auth = authorizer({ onTrace: (line) => lines.push(line) });
    expect(await auth.challenged(bearer(server), "a/b", pull, undefined)).toBe(true);
    expect(await auth.header("a/b", pull)).toBe("Bearer t1");
    expect(server.asked).toMatchObject([{ authorization: undefined, scopes: ["repository:a/b:pull"] }]);
    expect(lines[0]).toBe("r.test/a/b: no credentials, going on anonymously");
  });

  test("no line of a trace holds a secret", async () => {
    await using server = await numbering();
    const lines: string[] = [];
    const auth = authorizer({ credential: user, onTrace: (line) => lines.push(line) });
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    await auth.header("a/b", pull);
    expect(lines).toEqual([
      "r.test/a/b: credentials from a test",
      `r.test: token from ${server.realm.origin} for repository:a/b:pull, with the credentials from a test, 300 s`,
    ]);
  });

  test("a token serves until shortly before its end", async () => {
    await using server = await numbering();
    let now = 0;
    const auth = authorizer({ now: () => now });
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    expect(await auth.header("a/b", pull)).toBe("Bearer t1");
    now = 289_999;
    expect(await auth.header("a/b", pull)).toBe("Bearer t1");
    now = 290_001;
    expect(await auth.header("a/b", pull)).toBe("Bearer t2");
  });

  test("those who want the same token share one request for it", async () => {
    await using server = await numbering();
    const auth = authorizer();
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    const headers = await Promise.all(Array.from({ length: 6 }, () => auth.header("a/b", pull)));
    expect(new Set(headers)).toEqual(new Set(["Bearer t1"]));
    expect(server.asked).toHaveLength(1);
  });

  test("one who gives up does not end it for the others", async () => {
    const answers = Promise.withResolvers<undefined>();
    const asked = Promise.withResolvers<undefined>();
    await using server = await startTokenServer(async () => {
      asked.resolve(undefined);
      await answers.promise;
      return { json: { token: "t" } };
    });
    const auth = authorizer();
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    const leaving = new AbortController();
    const given = auth.header("a/b", pull, { signal: leaving.signal });
    const kept = auth.header("a/b", pull);
    await asked.promise;
    leaving.abort(new Error("Enough"));
    await expect(given).rejects.toThrow("Enough");
    answers.resolve(undefined);
    expect(await kept).toBe("Bearer t");
    expect(server.asked).toHaveLength(1);
  });

  test("a failure to get a token is not remembered", async () => {
    let fails = true;
    await using server = await numbering(() => (fails ? { status: 503 } : undefined));
    const auth = authorizer();
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    await expect(auth.header("a/b", pull)).rejects.toMatchObject({ code: "UNAVAILABLE", transient: true });
    fails = false;
    expect(await auth.header("a/b", pull)).toBe("Bearer t1");
  });

  test("a token for one repository is not sent for another", async () => {
    await using server = await numbering();
    const auth = authorizer();
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    expect(await auth.header("a/b", pull)).toBe("Bearer t1");
    expect(await auth.header("c/d", [{ repository: "c/d", actions: ["pull"] }])).toBe("Bearer t2");
  });

  test("rights add up: a token to push serves for pulling, and to mount from elsewhere it is widened", async () => {
    await using server = await numbering();
    const auth = authorizer();
    await auth.challenged(bearer(server), "a/b", push, undefined);
    expect(await auth.header("a/b", push)).toBe("Bearer t1");
    expect(await auth.header("a/b", pull)).toBe("Bearer t1");
    expect(await auth.header("a/b", mount)).toBe("Bearer t2");
    expect(await auth.header("a/b", push)).toBe("Bearer t2");
    expect(server.asked[1]?.scopes).toEqual(["repository:a/b:pull,push", "repository:c/d:pull"]);
  });

  test("where rights are not given together they are asked for one by one", async () => {
    await using server = await numbering(({ scopes }) => (scopes.length > 1 ? { status: 403 } : undefined));
    const auth = authorizer();
    const elsewhere: readonly Scope[] = [{ repository: "c/d", actions: ["pull"] }];
    await auth.challenged(bearer(server), "a/b", push, undefined);
    expect(await auth.header("a/b", push)).toBe("Bearer t1");
    expect(await auth.header("a/b", elsewhere)).toBe("Bearer t2");
    expect(await auth.header("a/b", push)).toBe("Bearer t1");
    await expect(auth.header("a/b", mount)).rejects.toMatchObject({ code: "DENIED" });
  });

  test("a scope that only the challenge names is asked for once", async () => {
    await using server = await numbering();
    const auth = authorizer();
    const more = bearer(server, ',scope="repository:a/b:pull,push",error="insufficient_scope"');
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    const first = await auth.header("a/b", pull);
    expect(await auth.challenged(more, "a/b", pull, first)).toBe(true);
    const second = await auth.header("a/b", pull);
    expect(server.asked.map(({ scopes }) => scopes)).toEqual([["repository:a/b:pull"], ["repository:a/b:pull,push"]]);
    expect(await auth.challenged(more, "a/b", pull, second)).toBe(false);
  });

  test("the catalog's scope comes from its challenge", async () => {
    await using server = await numbering();
    const auth = authorizer();
    await auth.challenged(bearer(server, ',scope="registry:catalog:*"'), "", [], undefined);
    await auth.header("", []);
    expect(server.asked[0]?.scopes).toEqual(["registry:catalog:*"]);
  });

  test("a private repository is told from a token that ran out: Docker Hub's 401 with insufficient_scope ends it", async () => {
    await using server = await numbering();
    const auth = authorizer();
    const refusal = bearer(server, ',scope="repository:a/b:pull",error="insufficient_scope"');
    await auth.challenged(bearer(server, ',scope="repository:a/b:pull"'), "a/b", pull, undefined);
    const token = await auth.header("a/b", pull);
    expect(await auth.challenged(refusal, "a/b", pull, token)).toBe(false);
    expect(server.asked).toHaveLength(1);
  });

  test("a token server that reads the first scope only is asked for each alone", async () => {
    await using server = await numbering();
    const auth = authorizer();
    const refusal = bearer(server, ',scope="repository:a/b:pull,push",error="insufficient_scope"');
    await auth.challenged(bearer(server), "a/b", mount, undefined);
    await auth.header("a/b", mount);
    const both = await auth.header("a/b", push);
    expect(await auth.challenged(refusal, "a/b", push, both)).toBe(true);
    expect(await auth.header("a/b", push)).toBe("Bearer t2");
    expect(server.asked[1]?.scopes).toEqual(["repository:a/b:pull,push"]);
    expect(await auth.challenged(refusal, "a/b", push, "Bearer t2")).toBe(false);
  });

  test("a token that runs out is replaced, as often as it does", async () => {
    await using server = await numbering();
    const auth = authorizer();
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    for (let round = 1; round < 6; round += 1) {
      const token = await auth.header("a/b", pull);
      expect(token).toBe(`Bearer t${round}`);
      await auth.header("a/b", pull);
      expect(await auth.challenged(bearer(server, ',error="invalid_token"'), "a/b", pull, token)).toBe(true);
      expect(await auth.challenged(bearer(server), "a/b", pull, token)).toBe(true);
    }
  });

  test("a registry that refuses every token is not asked for ever", async () => {
    await using server = await numbering();
    const auth = authorizer();
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    let rounds = 0;
    while (await auth.challenged(bearer(server), "a/b", pull, await auth.header("a/b", pull))) {
      rounds += 1;
      expect(rounds).toBeLessThan(5);
    }
    expect(server.asked.length).toBeLessThan(5);
  });

  test("a renewed refresh token takes the place of the old one", async () => {
    await using server = await numbering(({ refreshToken }) => ({
      json: { access_token: `for-${refreshToken}`, refresh_token: "second" },
    }));
    const auth = authorizer({ credential: { type: "identity", token: "first" } });
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    expect(await auth.header("a/b", pull)).toBe("Bearer for-first");
    expect(await auth.header("a/b", push)).toBe("Bearer for-second");
  });

  test("wrong credentials fail for public images too, with where they came from", async () => {
    await using server = await numbering(({ authorization }) =>
      authorization === undefined ? undefined : { status: 401 },
    );
    const auth = authorizer({ credential: user });
    await auth.challenged(bearer(server), "a/b", pull, undefined);
    await expect(auth.header("a/b", pull)).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      hint: expect.stringContaining("The credentials come from a test"),
    });
    expect(server.asked).toHaveLength(1);
  });

  test("Bearer goes before Basic, and a header that cannot be read is passed over", async () => {
    await using server = await numbering();
    const auth = authorizer({ credential: user });
    const challenges = ['Bearer realm="broken', "Basic realm=x", ...bearer(server)];
    expect(await auth.challenged(challenges, "a/b", pull, undefined)).toBe(true);
    expect(await auth.header("a/b", pull)).toBe("Bearer t1");
  });
});

test("looking for credentials goes on for others when the first one gives up", async () => {
  const leaving = new AbortController();
  let asked = 0;
  const auth = new Authorizer({
    registry: "r.test",
    fetch: httpTokenFetch,
    keychain: {
      find: async (_registry, _repository, { signal } = {}) => {
        asked += 1;
        if (signal === undefined) return { credential: user, from: "a test" };
        return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    },
  });
  const given = auth.challenged(["Basic realm=x"], "a/b", pull, undefined, { signal: leaving.signal });
  const kept = auth.challenged(["Basic realm=x"], "a/b", pull, undefined);
  leaving.abort(new Error("Enough"));
  await expect(given).rejects.toThrow("Enough");
  expect(await kept).toBe(true);
  expect(asked).toBe(2);
});

test.each([
  [
    ["Negotiate", 'Digest realm="x"'],
    "UNSUPPORTED",
    /it asks for "negotiate", "digest", known are "basic" and "bearer"/,
  ],
  [['Bearer realm="x'], "INVALID_RESPONSE", /its challenge cannot be read/],
])("a challenge that cannot be met is told: %j", async (challenges, code, message) => {
  const failure = authorizer({ credential: user }).challenged(challenges, "a/b", pull, undefined);
  await expect(failure).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

describe("realms", () => {
  test.each([
    ["http://auth.evil.test/token", "https://r.test/", "UNSAFE_URL"],
    ["http://r.test/token", "https://r.test/", "UNSAFE_URL"],
    ["http://127.0.0.1:9/token", "https://r.test/", "UNSAFE_URL"],
    ["http://169.254.169.254/latest/meta-data", "http://r.test/", "UNSAFE_URL"],
    ["http://127.0.0.1:9/token", "http://10.0.0.1:5000/", "UNSAFE_URL"],
    ["http://localhost.evil.test/token", "http://localhost:5000/", "UNSAFE_URL"],
    ["https://user:password@auth.test/token", "https://r.test/", "UNSAFE_URL"],
    ["/token", "https://r.test/", "INVALID_RESPONSE"],
    ["//auth.test/token", "https://r.test/", "INVALID_RESPONSE"],
    ["file:///etc/passwd", "https://r.test/", "INVALID_RESPONSE"],
    ["https://", "https://r.test/", "INVALID_RESPONSE"],
    [`https://auth.test/${"x".repeat(3000)}`, "https://r.test/", "INVALID_RESPONSE"],
  ])("%s of %s is refused before anything is sent", async (realm, registry, code) => {
    const sent: string[] = [];
    const auth = authorizer({
      credential: user,
      base: () => new URL(registry),
      fetch: ({ url }) => {
        sent.push(url.href);
        throw new Error("Sent");
      },
    });
    await auth.challenged([`Bearer realm="${realm}"`], "a/b", pull, undefined);
    const failure = await auth.header("a/b", pull).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RegistryError);
    expect(failure).toMatchObject({ code });
    expect(String(failure)).not.toContain("user:password");
    expect(sent).toEqual([]);
  });

  test.each([
    ["https://auth.docker.test/token?a=b", "https://r.test/"],
    ["https://auth.test/token", "http://r.test:5000/"],
    ["http://r.test:8080/token", "http://r.test:5000/"],
    ["http://127.0.0.1:9/token", "http://localhost:5000/"],
    ["http://[::1]:9/token", "http://127.0.0.1:5000/"],
  ])("%s of %s is asked", async (realm, registry) => {
    const sent: string[] = [];
    const body = new TextEncoder().encode('{"token":"t"}');
    const auth = authorizer({
      base: () => new URL(registry),
      fetch: async ({ url }) => {
        sent.push(url.origin + url.pathname);
        return { status: 200, url, header: () => undefined, body };
      },
    });
    await auth.challenged([`Bearer realm="${realm}"`], "a/b", pull, undefined);
    expect(await auth.header("a/b", pull)).toBe("Bearer t");
    expect(sent).toEqual([realm.replace(/\?.*/, "")]);
  });
});
