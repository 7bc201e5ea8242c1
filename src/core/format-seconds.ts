/** A time that was to be kept, for people: `200 ms`, `1.5 s`, `90 s`. */
export function formatSeconds(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return `${Math.round(ms / 100) / 10} s`;
}
