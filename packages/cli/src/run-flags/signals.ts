import { constants } from "node:os";
import { nearest } from "../usage.ts";
import { misread } from "./misread.ts";

/** A signal by name, with or without SIG, or by number, as "SIGTERM". Throws UsageError. */
export function parseSignal(flag: string, text: string): string {
  const names = Object.keys(constants.signals);
  const wanted = text.toUpperCase();
  const byNumber = Object.entries(constants.signals).find(([, number]) => String(number) === text)?.[0];
  const found = byNumber ?? names.find((name) => name === wanted || name === `SIG${wanted}`) ?? realTime(wanted);
  if (found !== undefined) return found;
  const meant = nearest(wanted.startsWith("SIG") ? wanted : `SIG${wanted}`, names);
  throw misread(
    flag,
    text,
    "there is no such signal, expected a name such as SIGTERM, or a number",
    meant && `Did you mean ${meant}?`,
  );
}

// What a program makes of these is its own (systemd halts on SIGRTMIN+3); Node has no names for them.
function realTime(name: string): string | undefined {
  return /^(?:SIG)?(?<rest>RTM(?:IN(?:\+\d{1,2})?|AX(?:-\d{1,2})?))$/.exec(name)?.groups?.["rest"]?.replace(/^/, "SIG");
}
