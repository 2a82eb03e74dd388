import { BuildError } from "../errors.ts";

/**
 * Replaces `$NAME` and `${NAME}` in a value by what `variables` says, and `$$` by a dollar. A
 * dollar that begins none of these stays. Names that are not there become "", and are told to
 * `missing`. Throws BuildError SPEC for `${` without an end, and for the shell's operators in it.
 */
export function expandVariables(
  value: string,
  variables: ReadonlyMap<string, string>,
  missing: (name: string) => void = () => {},
): string {
  return value.replaceAll(
    /\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([^}]*)(\}?))/g,
    (text, plain: string | undefined, braced: string | undefined, end: string | undefined) => {
      if (text === "$$") return "$";
      const name = plain ?? braced ?? "";
      if (plain === undefined && (end !== "}" || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)))
        throw new BuildError("SPEC", `Cannot expand "${value}": expected a name and "}" after "\${"`, {
          hint: "Write $$ for a dollar",
        });
      const found = variables.get(name);
      if (found === undefined) missing(name);
      return found ?? "";
    },
  );
}
