import { constants } from "node:os";
import { RunnerError } from "../errors.ts";

const realTime = { first: 34, last: 64 } as const;

/** The number of a signal that people write as "SIGTERM", "term", "15" or "SIGRTMIN+3". Throws RunnerError SPEC. */
export function signalNumber(text: string): number {
  if (/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= realTime.last) return Number(text);
  const name = text.toUpperCase().replace(/^(?!SIG)/, "SIG");
  const known: unknown = Reflect.get(constants.signals, name);
  if (typeof known === "number") return known;
  const [, end, distance = "0"] = /^SIGRT(MIN|MAX)(?:[+-](\d{1,2}))?$/.exec(name) ?? [];
  const number = end === "MIN" ? realTime.first + Number(distance) : realTime.last - Number(distance);
  if (end !== undefined && number >= realTime.first && number <= realTime.last) return number;
  throw new RunnerError("SPEC", `Cannot send signal "${text}": there is none of that name`);
}
