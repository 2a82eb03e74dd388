/*
 * The few instructions that a program of nothing but system calls needs, as the manuals encode them:
 * Intel 64 SDM volume 2, Arm A64 ISA.
 */

/** A system call by its name in Linux. */
type SystemCall = "rt_sigaction" | "rt_sigprocmask" | "rt_sigtimedwait" | "exit_group";

export interface Instructions {
  /** e_machine of elf(5). */
  readonly machine: number;
  /** Calls the kernel; arguments are unsigned and of at most 32 bits. As long for any values of them. */
  readonly call: (name: SystemCall, args: readonly number[]) => Uint8Array;
  /** Jumps to `distance` bytes before itself when the last call failed. */
  readonly backIfFailed: (distance: number) => Uint8Array;
}

const x86: Readonly<Record<SystemCall, number>> = {
  rt_sigaction: 13,
  rt_sigprocmask: 14,
  rt_sigtimedwait: 128,
  exit_group: 231,
};

// mov r32, imm32 clears the upper half of the register. Arguments go in rdi, rsi, rdx and r10.
const moveToArgument = [[0xbf], [0xbe], [0xba], [0x41, 0xba]];
const syscall = [0x0f, 0x05];
const testEax = [0x85, 0xc0];

export const amd64: Instructions = {
  machine: 62, // EM_X86_64
  call: (name, args) =>
    Uint8Array.from([
      ...args.flatMap((value, position) => [...(moveToArgument[position] ?? []), ...littleEndian(value)]),
      0xb8, // mov eax, the call's number
      ...littleEndian(x86[name]),
      ...syscall,
    ]),
  // js counts from its own end.
  backIfFailed: (distance) => Uint8Array.from([...testEax, 0x78, 0x100 - (distance + testEax.length + 2)]),
};

const generic: Readonly<Record<SystemCall, number>> = {
  rt_sigaction: 134,
  rt_sigprocmask: 135,
  rt_sigtimedwait: 137,
  exit_group: 94,
};

/** movz and movk: the lower 16 bits of an X register, the rest zeros, then the next 16. */
function moveToRegister(register: number, value: number): readonly number[] {
  return [
    ...littleEndian(0xd280_0000 + (value & 0xffff) * 32 + register),
    ...littleEndian(0xf2a0_0000 + (value >>> 16) * 32 + register),
  ];
}

export const arm64: Instructions = {
  machine: 183, // EM_AARCH64
  // Arguments go in x0 to x5, the call's number in x8.
  call: (name, args) =>
    Uint8Array.from([
      ...args.flatMap((value, position) => moveToRegister(position, value)),
      ...moveToRegister(8, generic[name]),
      ...littleEndian(0xd400_0001), // svc #0
    ]),
  // tbnz x0, #63: the sign; counted in instructions, from this one.
  backIfFailed: (distance) => Uint8Array.from(littleEndian(0xb7f8_0000 + ((0x4000 - distance / 4) & 0x3fff) * 32)),
};

function littleEndian(value: number): readonly number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}
