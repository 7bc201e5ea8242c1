import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttaccaError } from '../core/errors.js';

/** Whose end it was. */
interface Ended {
  readonly poolId: string;
  readonly poolName: string;
  readonly software: string;
  /** Where it is kept; null: nowhere. */
  readonly data: string | null;
}

/**
 * What to say of an end that is no fault of ours: the system has refused something about a file
 * without which the pool cannot go on. Null for all else.
 */
export function outsideReport(error: unknown, ended: Ended): string | null {
  if (!(error instanceof AttaccaError)) return null;
  const { code, message, fields } = error;
  if (code !== 'file-error' && code !== 'disk-full') return null;
  const { poolId, poolName, software, data } = ended;
  const path = fields['path'];
  const isJournal = data !== null && typeof path === 'string' && isWithin(path, data);
  const what = isJournal ? 'its journal could not be written' : 'the system refused what it needs';
  const system = fields['system'];
  const named = typeof system === 'string' && system !== '' ? `${code}, ${system}` : code;
  const kept = keptText(data, fields['fate']);
  return [
    `Attacca stopped the pool "${poolName}", as ${what}, at ${new Date().toISOString()}.`,
    `${message} (${named})`,
    kept,
    `pool ${poolId}, ${software}, pid ${process.pid}`,
    '',
  ].join('\n');
}

function keptText(data: string | null, fate: unknown): string {
  if (data === null || fate === 'removed') return 'It is kept nowhere: what it held is lost.';
  const again = 'clients that wait for it go on where they were.';
  return fate === 'moved'
    ? `All that was acknowledged is kept in what was "${data}". Move it back, or serve it where it ` +
        `is now: ${again}`
    : `All that was acknowledged is kept in "${data}". When the cause is removed, start the ` +
        `pool again with the same --data: ${again}`;
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/**
 * Reports our own fault: to a file in the pool's directory, whose path is returned, or null when it
 * cannot be written. Synchronous, as the process may end next.
 */
export function writeCrashReport(
  directory: string,
  error: unknown,
  facts: Ended & {
    /** Digest of the requests that did it, or ''. */
    readonly poison: string;
  },
): { readonly text: string; readonly path: string | null } {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const text = [
    `Attacca stopped a pool because of a fault of its own, at ${new Date().toISOString()}.`,
    `pool ${facts.poolId}, ${facts.software}, Node ${process.version}, ${process.platform}-` +
      `${process.arch}, pid ${process.pid}, up ${Math.round(process.uptime())} s`,
    ...(facts.poison === '' ? [] : [`poisoned requests: ${facts.poison}`]),
    what,
    '',
  ].join('\n');
  const path = join(directory, `crash-${Date.now()}-${process.pid}.txt`);
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
    return { text, path };
  } catch {
    return { text, path: null };
  }
}
