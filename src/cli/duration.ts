import { UsageError } from './exit.js';

const UNITS: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** What fits into the u32 of a deadline, below the value that means never: 49 days. */
const DURATION_MS_MAX = 0xffff_fffe;

/**
 * `30s`, `1.5m`, `250ms`, `2h`, `1d` in milliseconds; a bare number is seconds. A {@link
 * UsageError} for anything else.
 */
export function parseDuration(text: string, option: string): number {
  const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/u.exec(text.trim());
  const unit = found === null ? undefined : UNITS[found[2] === '' ? 's' : (found[2] ?? '')];
  if (found === null || unit === undefined) {
    throw new UsageError(`"${option}" needs a time such as 30s, 5m or 2h, not "${text}"`);
  }
  const ms = Math.round(Number(found[1]) * unit);
  if (ms > DURATION_MS_MAX) {
    throw new UsageError(`"${option}" takes at most 49 days, not "${text}"; none means for ever`);
  }
  return ms;
}

/** As {@link parseDuration}; Infinity for `none`, undefined when nothing was given. */
export function parseTimeout(text: string | undefined, option = '--timeout'): number | undefined {
  if (text === undefined) return undefined;
  if (text === 'none' || text === 'never') return Number.POSITIVE_INFINITY;
  return parseDuration(text, option);
}

/** How long the pool keeps an offer, if that was given: at least for a moment. */
export function parseLifetime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text, '--lifetime');
  if (ms > 0) return ms;
  throw new UsageError(
    `"--lifetime" needs at least 1ms, not "${text}"; without it the pool keeps it`,
  );
}

/** A length of time for people: `0.4 s`, `12 s`, `3 m 5 s`, `2 h 10 m`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return 'for ever';
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} m` : `${minutes} m ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} m`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}
