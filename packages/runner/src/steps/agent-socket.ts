import { chmodSync, chownSync } from "node:fs";
import { connect, createServer } from "node:net";
import { RunnerError } from "../errors.ts";

/** A socket at `path` that leads to another one, with an owner and mode of its own. It goes when disposed of. */
export async function openAgentSocket(
  path: string,
  {
    source,
    mode,
    uid,
    gid,
  }: { readonly source: string; readonly mode: number; readonly uid: number; readonly gid: number },
): Promise<AsyncDisposable> {
  const server = createServer((client) => {
    const agent = connect(source);
    const end = (): void => {
      client.destroy();
      agent.destroy();
    };
    client.on("error", end).on("close", end).pipe(agent).on("error", end).on("close", end).pipe(client);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (cause) =>
    reject(new RunnerError("ENGINE", `Cannot offer the ssh agent at ${source}: ${cause.message}`, { cause })),
  );
  server.listen(path, resolve);
  await promise;
  chownSync(path, uid, gid);
  chmodSync(path, mode & 0o777);
  return {
    [Symbol.asyncDispose]: async () => {
      const { promise: closed, resolve: end } = Promise.withResolvers<void>();
      server.close(() => end());
      await closed;
    },
  };
}
