import { checkDockerfile, type CheckOptions } from "./check-dockerfile.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import type { Dockerfile } from "./syntax.ts";

/**
 * What a build makes of the doubts about its Dockerfile: where that says `# check=error=true` they are errors, and what
 * may give a secret away is told in any case. Throws DockerfileError.
 */
export function heedChecks(file: Dockerfile, options: CheckOptions, warn: (message: string) => void): void {
  const found = checkDockerfile(file, options);
  if (file.check?.error === true && found.length > 0)
    throw new DockerfileError(
      found.map(({ rule, message, url, location }) => ({ message: `${rule}: ${message}`, hint: url, location })),
    );
  for (const { rule, message, location } of found)
    if (rule === "SecretsUsedInArgOrEnv") warn(`${location.file}:${location.line}: ${message}`);
}
