import { constants } from "node:os";
import { OciError, parseJson } from "@lading/oci";
import { z } from "zod";
import { RunnerError } from "../errors.ts";
import type { SeccompProfile } from "./seccomp.ts";

const action = z.enum([
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_LOG",
  "SCMP_ACT_TRAP",
]);
const op = z.enum([
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
]);
const architecture = z.string().regex(/^SCMP_ARCH_[A-Z0-9_]+$/);
// Go writes what is not there as null.
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((value) => value ?? undefined);
const number = z.int().nonnegative();
const errnoRet = z
  .int()
  .min(0)
  .max(4095)
  .nullish()
  .transform((value) => value ?? undefined);
const errno = z
  .string()
  .nullish()
  .transform((name, context) => {
    if (name === undefined || name === null || name === "") return undefined;
    const value: unknown = Reflect.get(constants.errno, name);
    if (typeof value === "number") return value;
    context.addIssue({ code: "custom", message: `there is no error "${name}"` });
    return z.NEVER;
  });

const condition = z
  .object({
    caps: list(z.string().regex(/^CAP_[A-Z_]+$/)),
    arches: list(z.string()),
    minKernel: z
      .string()
      .regex(/^(?:\d+\.\d+)?$/)
      .nullish()
      .transform((value) => value ?? undefined),
  })
  .nullish()
  .transform((value) => value ?? undefined);

const rule = z
  .object({
    name: z.string().nullish(),
    names: list(z.string().min(1)),
    action,
    errnoRet,
    errno,
    args: list(
      z.object({
        index: z.int().min(0).max(5),
        value: number,
        valueTwo: number.nullish().transform((value) => value ?? 0),
        op,
      }),
    ),
    includes: condition,
    excludes: condition,
  })
  .transform(({ name, names = [], errno: named, errnoRet: given, ...rest }, context) => {
    const single = name === undefined || name === null || name === "" ? [] : [name];
    if (single.length > 0 && names.length > 0)
      context.addIssue({ code: "custom", message: "it has both name and names" });
    return { ...rest, errnoRet: named ?? given, names: [...single, ...names] };
  });

const document = z
  .object({
    defaultAction: action,
    defaultErrnoRet: errnoRet,
    defaultErrno: errno,
    architectures: list(architecture),
    archMap: list(z.object({ architecture, subArchitectures: list(architecture) })),
    flags: list(z.string().regex(/^SECCOMP_FILTER_FLAG_[A-Z_]+$/)),
    listenerPath: z.literal("", "filters that ask another process are not supported").nullish(),
    syscalls: list(rule),
  })
  .transform(({ defaultErrno, defaultErrnoRet, listenerPath: _listenerPath, syscalls = [], ...rest }, context) => {
    if ((rest.architectures ?? []).length > 0 && (rest.archMap ?? []).length > 0)
      context.addIssue({ code: "custom", message: "it has both architectures and archMap" });
    return { ...rest, defaultErrnoRet: defaultErrno ?? defaultErrnoRet, syscalls };
  });

/**
 * Reads a profile in docker's format, or the `linux.seccomp` of a runtime spec, which is one without
 * conditions. `what` is what it is called in errors. Throws RunnerError SPEC.
 */
export function parseSeccompProfile(text: string, what = "seccomp profile"): SeccompProfile {
  let value: unknown;
  try {
    value = parseJson(text, { what });
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw new RunnerError("SPEC", cause.message, { cause });
  }
  const result = document.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw new RunnerError("SPEC", `Cannot use ${what}: ${where}${issue?.message ?? "it is none"}`, {
    cause: result.error,
  });
}
