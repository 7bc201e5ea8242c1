import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Reports our own fault: to a file in the pool's directory, whose path is returned, or null when it
 * cannot be written. Synchronous, as the process may end next.
 */
export function writeCrashReport(
  directory: string,
  error: unknown,
  facts: {
    readonly poolId: string;
    readonly software: string;
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
