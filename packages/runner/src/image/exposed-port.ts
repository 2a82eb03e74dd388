/** Whether a key of ExposedPorts is one (image-spec config.md): `80`, `80/tcp`; docker writes `8000-8010/udp` as well. */
export function isPort(text: string): boolean {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(?:tcp|udp|sctp))?$/.exec(text) ?? [];
  return first !== undefined && Number(first) >= 1 && Number(first) <= Number(last) && Number(last) <= 65_535;
}
