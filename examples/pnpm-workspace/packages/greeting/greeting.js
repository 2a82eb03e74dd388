import ms from "ms";

/** Says hello, and how long a day is. */
export function greet(name) {
  return `Hello, ${name}! A day has ${ms("1d")} ms.`;
}
