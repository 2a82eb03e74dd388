import type { ContainerPlan } from "../container-plan.ts";
import type { ExecSpec } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { type Accounts, resolveUser } from "../image/user.ts";
import { consoleSize, processSpec } from "../runtime-spec.ts";
import type { TerminalSize } from "../supervisor/terminal.ts";

/**
 * The process (config.md §Process) of a program beside a container's own: isolated as that is, and as
 * the request says in place of its arguments, environment, folder, user and terminal. Throws
 * RunnerError USER and SPEC.
 *
 * @param size - What its terminal begins with, where that is known.
 */
export function execSpec(plan: ContainerPlan, accounts: Accounts, spec: ExecSpec, size?: TerminalSize): object {
  if (spec.command.length === 0) throw new RunnerError("SPEC", "Cannot execute nothing: name a command");
  const terminal = spec.terminal ?? false;
  const user = spec.user === undefined ? plan.user : resolveUser(spec.user, accounts);
  const process = processSpec({
    ...plan,
    args: spec.command,
    init: undefined,
    env: environment(plan.env, spec.env ?? [], terminal),
    workdir: spec.workdir ?? plan.workdir,
    user,
    terminal,
  });
  return { ...process, ...consoleSize(size) };
}

/** The last of a name wins. */
function environment(own: readonly string[], more: readonly string[], terminal: boolean): readonly string[] {
  const all = [...(terminal ? ["TERM=xterm"] : []), ...own, ...more];
  return [...new Map(all.map((entry) => [entry.split("=", 1)[0], entry])).values()];
}
