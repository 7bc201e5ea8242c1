/**
 * A part of a file name that no other process and no other moment has. Not for secrets: loading
 * node:crypto costs 2 ms, a tenth of what a short command takes.
 */
export function uniquePart(): string {
  const chance = Math.floor(Math.random() * 2 ** 32).toString(36);
  return `${process.pid.toString(36)}-${process.hrtime.bigint().toString(36)}-${chance}`;
}
