import { AttaccaError } from '../core/errors.js';

/**
 * How long a pool at which nobody listens is tried: as asked, else as ATTACCA_CONNECT_MS says, else
 * not at all. Error: `bad-argument`.
 */
export function connectMsOf(asked: number | undefined, environment: string | undefined): number {
  const ms = asked ?? (environment === undefined || environment === '' ? 0 : msOf(environment));
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  const what = asked === undefined ? `ATTACCA_CONNECT_MS "${environment}"` : `connectMs ${asked}`;
  throw new AttaccaError('bad-argument', `Cannot use ${what}: it is no number of milliseconds`);
}

function msOf(text: string): number {
  return /^\d+$/u.test(text) ? Number(text) : Number.NaN;
}
