import { closeSync, constants, openSync, readSync } from "node:fs";
import { diskPath, hasCode, unreadable } from "./context.ts";
import { BuildError } from "../errors.ts";
import type { ListedEntry } from "./listing.ts";
import { Matcher } from "./patterns.ts";

/**
 * Throws BuildError SECRET when files from disk, those for which `maySecret` is true, would ship what looks like a secret: by name (`.env`, `.netrc`,
 * keystores, Terraform state…), or by name and content (private keys, tokens in `.npmrc`, logins in
 * Docker's config.json…). Only files whose names give cause are opened, and of those the first 64 KiB.
 *
 * Below node_modules only `.npmrc` counts: keys in published packages are test material and public.
 * `allow` are patterns as in ignore files, of source paths or paths in the image; one without a slash means that
 * name anywhere.
 */
export function refuseSecrets(entries: readonly ListedEntry[], allow: readonly string[]): void {
  const allowed = new Matcher(
    allow.map((pattern) => (pattern.includes("/") ? pattern.replace(/^\//, "") : `**/${pattern}`)),
  );
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.type !== "file" || entry.content.kind !== "disk" || entry.size === 0) continue;
    const name = entry.origin.slice(entry.origin.lastIndexOf("/") + 1);
    if (allowed.matches(entry.origin) || allowed.matches(entry.path)) continue;
    const why = suspect(entry.origin, name, entry.content.path);
    if (why !== undefined && !found.some((line) => line.startsWith(`${entry.origin} (`)))
      found.push(`${entry.origin} (${why})`);
  }
  if (found.length === 0) return;
  const shown = found.slice(0, 20);
  const more = found.length > shown.length ? `, and ${found.length - shown.length} more` : "";
  throw new BuildError("SECRET", `Cannot add what looks like secrets: ${shown.join(", ")}${more}`, {
    hint: "Exclude them in the ignore file, or name those meant to be shipped with --allow-secret PATTERN (allowSecrets)",
  });
}

interface Rule {
  readonly name: RegExp;
  /** The end of the folder it must lie in. */
  readonly folder?: RegExp;
  /** What the file must hold; without one the name is enough. */
  readonly content?: RegExp;
  readonly why: string;
  readonly everywhere?: true;
}

const privateKey = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-|AGE-SECRET-KEY-1/;
const registryLogin = /"(?:auth|identitytoken|registrytoken|password)"\s*:\s*"[^"]+"/;

const rules: readonly Rule[] = [
  { name: /^\.env(?:\.(?!(?:.*\.)?(?:example|sample|template|dist|defaults)$).+)?$/, why: "environment file" },
  {
    name: /^\.npmrc$/,
    content: /^[^#;\n]*_(?:authToken|password|auth)\s*=\s*(?!\s*["']?\$\{[^}]*\}["']?\s*$)\S/m,
    why: "npm token",
    everywhere: true,
  },
  { name: /^\.yarnrc\.yml$/, content: /^\s*npmAuth(?:Token|Ident):\s*(?!["']?\$\{)\S/m, why: "Yarn token" },
  {
    name: /\.(?:pem|key|ppk|asc|gpg)$|^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?$|^(?:age|identity).*\.txt$|^ssh_host_\w+_key$/,
    content: privateKey,
    why: "private key",
  },
  { name: /\.(?:p12|pfx|jks|keystore)$/, why: "key store" },
  { name: /^[._]netrc$/, why: "logins" },
  { name: /^\.git-credentials$/, why: "Git logins" },
  { name: /^credentials$/, folder: /(?:^|\/)\.aws\/$/, why: "AWS keys" },
  { name: /^config\.json$/, folder: /(?:^|\/)\.docker\/$/, content: registryLogin, why: "registry logins" },
  { name: /^auth\.json$/, folder: /(?:^|\/)containers\/$/, content: registryLogin, why: "registry logins" },
  { name: /^\.docker(?:cfg|configjson)$/, content: registryLogin, why: "registry logins" },
  { name: /^\.?kubeconfig(?:\.ya?ml)?$|\.kubeconfig$/, content: clusterLogin(), why: "cluster login" },
  { name: /^config$/, folder: /(?:^|\/)\.kube\/$/, content: clusterLogin(), why: "cluster login" },
  { name: /\.tfstate(?:\.backup)?$/, why: "Terraform state" },
  { name: /^\.pypirc$/, content: /^\s*password\s*[=:]\s*\S/m, why: "PyPI password" },
  { name: /^\.htpasswd$/, why: "password hashes" },
  { name: /^\.pgpass$|^\.my\.cnf$/, content: /:[^:\n]+$|^\s*password\s*=\s*\S/m, why: "database password" },
  {
    name: /(?:service|account|credential|secret|key|gcp|google|firebase).*\.json$|^application_default_credentials\.json$/i,
    content:
      /"private_key"\s*:\s*"-----BEGIN|"type"\s*:\s*"authorized_user"[\s\S]*"refresh_token"|"refresh_token"[\s\S]*"type"\s*:\s*"authorized_user"/,
    why: "service account key",
  },
];

function clusterLogin(): RegExp {
  return /^\s*-?\s*(?:client-key-data|token|password):\s*\S/m;
}

const suspicious = new RegExp(rules.map(({ name }) => `(?:${name.source})`).join("|"), "i");

/** Whether a file of this name is to be looked at. */
export function maySecret(name: string): boolean {
  // Most files are JavaScript or types: one look at the end of the name settles those.
  const last = name.charCodeAt(name.length - 1);
  if (last === 0x73 && name.charCodeAt(0) !== 0x2e && /[jt]s$/.test(name)) return false;
  return suspicious.test(name);
}

function suspect(origin: string, name: string, disk: string): string | undefined {
  const folder = origin.slice(0, origin.length - name.length);
  const published = /(?:^|\/)node_modules\//.test(folder);
  let text: string | undefined;
  for (const rule of rules) {
    if (!rule.name.test(name) || (published && rule.everywhere !== true) || rule.folder?.test(folder) === false)
      continue;
    if (rule.content === undefined) return rule.why;
    text ??= readStart(disk, origin);
    if (rule.content.test(text)) return rule.why;
  }
  return undefined;
}

function readStart(path: string, origin: string): string {
  try {
    // It was a file when it was listed; whatever it is now must neither block nor lead elsewhere.
    const fd = openSync(diskPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const bytes = Buffer.alloc(64 * 1024);
      return bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (hasCode(cause, "ELOOP", "ENXIO"))
      throw new BuildError("SOURCE_CHANGED", `Cannot read "${origin}": it is no longer a file`, { cause });
    throw unreadable(origin, cause);
  }
}
