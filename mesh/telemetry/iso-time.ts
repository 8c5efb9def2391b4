// Many lines fall into one millisecond, and formatting a date costs as much as the rest of a line.
let formattedMs = 0;
let formatted = "";

/** The time now as a member of a line of JSON, as pino wants it. */
export function isoTime(): string {
  const now = Date.now();
  if (now !== formattedMs) {
    formattedMs = now;
    formatted = `,"time":"${new Date(now).toISOString()}"`;
  }
  return formatted;
}
