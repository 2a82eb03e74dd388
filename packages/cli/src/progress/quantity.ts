const units = ["kB", "MB", "GB", "TB"];

/** Bytes for people: "0 B", "512 B", "1.2 kB", "384 MB"; decimal, as docker and podman show them. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = "B";
  for (const next of units) {
    // Rounding may carry: 999 950 bytes are 1.0 MB and not 1000 kB.
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${unit === "B" || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}

/** Milliseconds for people: "3 ms", "0.42 s", "12.3 s", "2 min 05 s". */
export function formatTime(ms: number): string {
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** "1 file", "25,196 files". */
export function formatCount(count: number, noun: string, plural: string = `${noun}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? noun : plural}`;
}
