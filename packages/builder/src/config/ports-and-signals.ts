import { constants } from "node:os";
import { BuildError } from "../errors.ts";
import { nearest } from "../nearest.ts";

// Docker's /udp and /sctp beside the default.
const protocols = new Set(["tcp", "udp", "sctp"]);

/** The keys of ExposedPorts that "8080", "53/udp" or "8000-8010/tcp" stands for. Throws BuildError SPEC. */
export function parsePort(text: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([A-Za-z]+))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  const protocol = (match?.[3] ?? "tcp").toLowerCase();
  if (match === null || !protocols.has(protocol))
    throw new BuildError(
      "SPEC",
      `Cannot expose "${text}": expected a port or a range, and optionally /tcp, /udp or /sctp`,
      text.includes(":") ? { hint: "Host ports are chosen when the image is run" } : {},
    );
  if (first < 1 || last > 65_535 || last < first)
    throw new BuildError("SPEC", `Cannot expose "${text}": ports are 1 to 65535, the lower one first`);
  return Array.from({ length: last - first + 1 }, (_, offset) => `${first + offset}/${protocol}`);
}

// Linux signals that Node does not name.
const others = new Set(["SIGRTMIN", "SIGRTMAX", "SIGCLD"]);

/** A stop signal as given, in capitals: a name with or without SIG, or a number. Throws BuildError SPEC. */
export function parseStopSignal(text: string): string {
  const signal = text.trim().toUpperCase();
  if (/^\d+$/.test(signal) && Number(signal) >= 1 && Number(signal) <= 64) return signal;
  const name = signal.startsWith("SIG") ? signal : `SIG${signal}`;
  // RTMIN+n and RTMAX-n: signal(7).
  if (name in constants.signals || others.has(name.replace(/(?<=SIGRTM(?:IN|AX))[+-]\d{1,2}$/, ""))) return signal;
  const meant = nearest(name, Object.keys(constants.signals));
  throw new BuildError(
    "SPEC",
    `Cannot set stopSignal "${text}": expected a name (SIGTERM) or a number from 1 to 64`,
    meant === undefined ? {} : { hint: `Did you mean ${meant}?` },
  );
}
