import type { Scope } from "../transport/registry-host.ts";

/*
 * Scopes of tokens as text: `type:name:action,action` (distribution's docs/content/spec/auth/scope.md).
 * The name may hold a colon itself (a port), so the actions are what is behind the last one.
 */

/** `repository:acme/app:pull,push`; undefined when there is nothing to ask for. */
export function formatScope(repository: string, actions: readonly string[]): string | undefined {
  const cleaned = cleanActions(actions);
  return repository === "" || cleaned.length === 0 ? undefined : `repository:${repository}:${cleaned.join(",")}`;
}

/** The scopes of a request as texts, one for each repository, in the order of the request. */
export function formatScopes(scopes: readonly Scope[]): readonly string[] {
  const texts = scopes.flatMap(
    ({ repository, actions }) => formatScope(repository, withWhatDeleteNeeds(actions)) ?? [],
  );
  return mergeScopes(texts);
}

/** One scope for each resource with all its actions, sorted. What does not look like a scope is kept as it is. */
export function cleanScopes(scopes: readonly string[]): readonly string[] {
  return mergeScopes(scopes).toSorted();
}

/** As `cleanScopes`, but in the order of first mention: some token servers only read the first scope. */
export function mergeScopes(...lists: readonly (readonly string[])[]): readonly string[] {
  const merged = new Map<string, string[] | undefined>();
  for (const scope of lists.flat()) {
    const { resource, actions } = splitScope(scope);
    if (actions === undefined) merged.set(resource, undefined);
    else merged.set(resource, [...(merged.get(resource) ?? []), ...actions]);
  }
  return [...merged].flatMap(([resource, actions]) => {
    if (actions === undefined) return resource;
    const cleaned = cleanActions(actions);
    return cleaned.length === 0 ? [] : `${resource}:${cleaned.join(",")}`;
  });
}

/** Sorted, each once; `*` stands for all others. */
export function cleanActions(actions: readonly string[]): readonly string[] {
  const cleaned = new Set(actions.filter((action) => action !== ""));
  return cleaned.has("*") ? ["*"] : [...cleaned].toSorted();
}

/** Whether everything in `asked` is in `granted`. */
export function scopesCover(granted: readonly string[], asked: readonly string[]): boolean {
  const together = mergeScopes(granted);
  return mergeScopes(granted, asked).every((scope) => together.includes(scope));
}

/** With `*` where there was `delete`; undefined when there was none. */
export function deleteAsWildcard(scopes: readonly string[]): readonly string[] | undefined {
  const changed = scopes.map((scope) => {
    const { resource, actions } = splitScope(scope);
    return actions?.includes("delete") === true ? `${resource}:*` : scope;
  });
  return changed.some((scope, index) => scope !== scopes[index]) ? changed : undefined;
}

/** The scopes a challenge names, which are separated by spaces. */
export function parseScopes(text: string | undefined): readonly string[] {
  return mergeScopes((text ?? "").split(/\s+/).filter((scope) => scope !== ""));
}

function splitScope(scope: string): { resource: string; actions?: readonly string[] } {
  const first = scope.indexOf(":");
  const last = scope.lastIndexOf(":");
  if (first === last) return { resource: scope };
  return { resource: scope.slice(0, last), actions: scope.slice(last + 1).split(",") };
}

// IBM's registry deletes only with all three: https://github.com/google/go-containerregistry (transport/scope.go).
function withWhatDeleteNeeds(actions: Scope["actions"]): readonly string[] {
  return actions.includes("delete") ? ["delete", "pull", "push"] : actions;
}
