import { RunnerError } from "../errors.ts";
import { amd64, arm64, type Instructions } from "./instructions.ts";
import { entryAddress, staticElf } from "./static-elf.ts";

const architectures: Readonly<Record<string, Instructions>> = { amd64, arm64 };

/**
 * The program of a sandbox, for `amd64` or `arm64`: it holds its namespaces until SIGTERM or SIGINT and
 * ends with 0. As process 1 it inherits orphans; since it ignores SIGCHLD, the kernel forgets them when
 * they end (wait(2)), and there are no zombies. A few hundred bytes, assembled here, the same always.
 * Throws RunnerError UNSUPPORTED for other architectures.
 */
export function pauseProgram(architecture: string): Uint8Array {
  const instructions = architectures[architecture];
  if (instructions === undefined)
    throw new RunnerError("UNSUPPORTED", `Cannot make a sandbox for ${architecture}: expected amd64 or arm64`);
  // Instructions are as long wherever the data is, which comes after them.
  const { byteLength } = code(instructions, entryAddress);
  return staticElf(instructions.machine, Buffer.concat([code(instructions, entryAddress + byteLength), data]));
}

// Numbers of Linux.
const childSignal = 17;
const terminate = 15;
const interrupt = 2;
const blockSignals = 0; // SIG_BLOCK
const ignoreSignal = 1n; // SIG_IGN
const setSize = 8; // bytes of a kernel's sigset_t

function code({ call, backIfFailed }: Instructions, dataAddress: number): Uint8Array {
  const [ignore, stops] = [dataAddress, dataAddress + ignoring.byteLength];
  // Process 1 gets a signal that has no handler only while that is blocked; so it stays until it is waited for.
  const wait = call("rt_sigtimedwait", [stops, 0, 0, setSize]);
  return Buffer.concat([
    call("rt_sigprocmask", [blockSignals, stops, 0, setSize]),
    call("rt_sigaction", [childSignal, ignore, 0, setSize]),
    wait,
    // When another signal woke it, or it was stopped and went on: EINTR.
    backIfFailed(wait.byteLength),
    call("exit_group", [0]),
  ]);
}

/** struct sigaction of the kernel: handler, flags, restorer, mask. */
const ignoring = words(ignoreSignal, 0n, 0n, 0n);
/** A sigset_t: signal n is bit n - 1. */
const stopSignals = words(bit(terminate) | bit(interrupt));
const data = Buffer.concat([ignoring, stopSignals]);

function bit(signal: number): bigint {
  return 1n << BigInt(signal - 1);
}

function words(...values: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [position, value] of values.entries()) bytes.writeBigUInt64LE(value, position * 8);
  return bytes;
}
