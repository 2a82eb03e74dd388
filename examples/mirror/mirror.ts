import { copy, copyReferrers, type CopyEvent, parseReference } from "@lading/oci";
import { RegistryClient } from "@lading/registry-client";

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  console.error("Usage: node mirror.ts SOURCE DESTINATION");
  process.exit(2);
}
const moved = new Map<string, number>();

// Credentials, mirrors, certificates and proxies are those of podman and docker.
const client = await RegistryClient.open({ onWarning: (registry, text) => console.error(`${registry}: ${text}`) });
try {
  const source = client.repository(from);
  const target = client.repository(to);
  const { tag = "latest", digest } = parseReference(from);
  const root = await source.resolve(digest ?? tag);
  await copy(source, target, root, { onProgress: report });
  // A name comes last, so nobody sees it before its content.
  await target.tag(root, parseReference(to).tag ?? tag);
  const referrers = await copyReferrers(source, target, root, { onProgress: report });
  const bytes = [...moved.values()].reduce((sum, each) => sum + each, 0);
  console.log(`${root.digest}  ${bytes} bytes moved, ${referrers.length} signatures and the like`);
} finally {
  await client.close();
}

function report(event: CopyEvent): void {
  const { digest } = event.descriptor;
  // It may be opened again after a fault: what counts is the last time.
  if (event.type === "opened") moved.set(digest, 0);
  else if (event.type === "progress") moved.set(digest, (moved.get(digest) ?? 0) + event.bytes);
  else if (event.type === "skipped") console.log(`${digest}  is there`);
  else console.log(`${digest}  ${moved.has(digest) ? `${moved.get(digest)} bytes` : "mounted"}`);
}
