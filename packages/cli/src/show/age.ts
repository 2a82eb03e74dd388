/** How long something took or is ago, in docker's words: "3 seconds", "About an hour", "5 days". `ms` are milliseconds. */
export function formatAge(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds < 60) return counted(seconds, "second");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 2) return "About a minute";
  if (minutes < 60) return counted(minutes, "minute");
  const hours = Math.round(minutes / 60);
  if (hours < 2) return "About an hour";
  if (hours < 48) return counted(hours, "hour");
  const days = Math.floor(hours / 24);
  if (days < 14) return counted(days, "day");
  if (days < 60) return counted(Math.floor(days / 7), "week");
  if (days < 730) return counted(Math.floor(days / 30), "month");
  return counted(Math.floor(days / 365), "year");
}

/** The same with "ago", of a time as RFC 3339 has it. */
export function formatAgo(time: string, now: number): string {
  return `${formatAge(Math.max(0, now - Date.parse(time)))} ago`;
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
