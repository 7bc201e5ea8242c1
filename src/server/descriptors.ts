import { readdirSync, readFileSync } from 'node:fs';
import { refuse } from '../core/assert.js';
import { SERVER_LIMITS } from './limits.js';
import { DISK_DESCRIPTORS_MAX } from './node-disk.js';

/** How many connections the process can have at once. */
export interface ConnectionBounds {
  readonly control: number;
  readonly data: number;
  /** Control connections beyond them that have time to read why they are refused. */
  readonly refused: number;
}

/** What the process itself opens later: the agent's thread, listeners, slabs, logs. */
const RESERVE = 20;
/** A thread that makes a snapshot: its event loop (6 with Node 20), and modules while it loads. */
const THREAD_DESCRIPTORS = 12;
/**
 * What a pool that is kept opens beside that: its journal's disk, that of the thread which makes
 * snapshots, and the report of what ends it. One that is missing to the journal ends the pool.
 */
const KEPT_RESERVE = DISK_DESCRIPTORS_MAX * 2 + THREAD_DESCRIPTORS + 1;
/** Of what is left; the rest is for control connections. */
const DATA_SHARE = 4;
/**
 * A pool that cannot have so many is of no use: then the system may say no; but not to a journal,
 * so a pool that is kept is not begun.
 */
const LEAST = 4;
/** Of what is left: for those who are one too many. */
const REFUSED_SHARE = 8;
const REFUSED_LEAST = 2;

/** The soft limit on open files in the text of /proc/self/limits; null when there is none. */
export function parseOpenFilesMax(limits: string): number | null {
  const found = /^Max open files\s+(\d+)\s/mu.exec(limits);
  return found === null ? null : Number(found[1]);
}

/** Bounds that leave the process descriptors of its own. Error: `file-error`. */
export function connectionBounds(
  openFilesMax: number,
  openFiles: number,
  isKept: boolean,
): ConnectionBounds {
  const { connectionsMax, dataConnectionsMax, refusedLinksMax } = SERVER_LIMITS;
  const own = openFiles + RESERVE + (isKept ? KEPT_RESERVE : 0);
  const free = openFilesMax - own;
  const needed = own + LEAST * 2 + REFUSED_LEAST;
  if (isKept && openFilesMax < needed) {
    refuse(
      'file-error',
      `Cannot serve a pool that is kept: this process may have ${openFilesMax} files open ` +
        `(ulimit -n), and needs ${needed}`,
      { limit: openFilesMax, needed },
    );
  }
  const share = Math.max(Math.floor(free / REFUSED_SHARE), REFUSED_LEAST);
  const refused = Math.min(share, refusedLinksMax);
  const left = Math.max(free - refused, LEAST * 2);
  const data = Math.max(Math.floor(left / DATA_SHARE), LEAST);
  return {
    control: Math.min(left - data, connectionsMax),
    data: Math.min(data, dataConnectionsMax),
    refused,
  };
}

/** Bounds for this process as it is now; those of the server where the system does not tell. */
export function ownConnectionBounds(isKept: boolean): ConnectionBounds {
  const { most, open } = ownOpenFiles();
  return connectionBounds(most, open, isKept);
}

function ownOpenFiles(): { readonly most: number; readonly open: number } {
  try {
    const most = parseOpenFilesMax(readFileSync('/proc/self/limits', 'utf8'));
    if (most !== null) return { most, open: readdirSync('/proc/self/fd').length };
  } catch {
    // No Linux, or no /proc: the system says no when it must.
  }
  return { most: Number.MAX_SAFE_INTEGER, open: 0 };
}
