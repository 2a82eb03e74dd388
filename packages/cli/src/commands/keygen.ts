import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import type { Command } from "../program.ts";
import { keyPasswordOption, newKeyPassword } from "../trust/key-password.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  options: {
    "output-key-prefix": {
      type: "string",
      requiresArg: true,
      default: "cosign",
      describe: "writes PREFIX.key, encrypted, and PREFIX.pub",
    },
    ...keyPasswordOption,
  },
  examples: [
    ["keygen", "cosign.key and cosign.pub, which cosign takes as well"],
    ["keygen --output-key-prefix release --key-password-file FILE", "with a password out of a file"],
  ],
  run: async ({ flags, signal }) => {
    const prefix = flags.text("output-key-prefix") ?? "cosign";
    const [privateKey, publicKey] = [`${prefix}.key`, `${prefix}.pub`];
    for (const path of [privateKey, publicKey])
      if (existsSync(path))
        throw new UsageError(`Cannot write "${path}": it exists already`, {
          hint: "What was signed with a key cannot be verified without its other half: use another --output-key-prefix",
        });
    const { generateSigningKey, sealSigningKey } = await import("@lading/trust");
    const key = generateSigningKey();
    const sealed = await sealSigningKey(key, await newKeyPassword(flags, privateKey, signal));
    // "wx": a file that appeared meanwhile is not overwritten.
    await writeNew(privateKey, sealed, 0o600);
    await writeNew(publicKey, key.publicKey.pem, 0o644).catch(async (error: unknown) => {
      await rm(privateKey, { force: true });
      throw error;
    });
    process.stdout.write(
      flags.on("json") ? `${JSON.stringify({ privateKey, publicKey })}\n` : `${privateKey}\n${publicKey}\n`,
    );
  },
};

async function writeNew(path: string, content: string, mode: number): Promise<void> {
  await writeFile(path, content, { flag: "wx", mode }).catch((cause: unknown) => {
    throw new UsageError(`Cannot write "${path}"`, { cause });
  });
}
