/** The time as RFC 3339 in UTC with nine digits after the second, of which six are measured. Never earlier than before, unless the clock was set. */
export function preciseTime(): string {
  const wall = Date.now();
  origin ??= performance.timeOrigin;
  let time = origin + performance.now();
  // The clock was set, or the machine slept.
  if (Math.abs(time - wall) > 5) {
    origin = wall - performance.now();
    time = wall;
  }
  const whole = Math.floor(time);
  if (whole !== millisecond.at) millisecond = { at: whole, text: new Date(whole).toISOString().slice(0, -1) };
  const rest = Math.min(999_999, Math.floor((time - whole) * 1e6));
  return `${millisecond.text}${rest.toString().padStart(6, "0")}Z`;
}

// Asked for when there is a line to log: `performance` takes a millisecond to load.
let origin: number | undefined;
let millisecond = { at: 0, text: "" };
