/** A range of IPv4 addresses: those whose first `bits` bits are as in `base`. */
export interface Ipv4Range {
  readonly base: number;
  readonly bits: number;
}

/** Parses `10.1.2.0/24`, or one address. Throws SyntaxError. */
export function parseIpv4Range(text: string): Ipv4Range {
  const [address = "", bits = "32"] = text.split("/");
  const bytes = address.split(".").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Infinity));
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32)
    throw new SyntaxError(`Cannot parse IPv4 range "${text}"`);
  const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return { base: number - (number % sizeOf(Number(bits))), bits: Number(bits) };
}

export function formatIpv4Range({ base, bits }: Ipv4Range): string {
  return `${formatIpv4(base)}/${bits}`;
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** How many addresses a range has. */
export function sizeOf(bits: number): number {
  return 2 ** (32 - bits);
}

export function overlap(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.base < b.base + sizeOf(b.bits) && b.base < a.base + sizeOf(a.bits);
}
