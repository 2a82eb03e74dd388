import { once } from "node:events";

/** Writes to a stream of this process, and waits when it has enough. */
export async function writeOut(stream: NodeJS.WriteStream, data: string | Uint8Array): Promise<void> {
  if (!stream.write(data)) await once(stream, "drain");
}
