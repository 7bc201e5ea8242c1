import { readdirSync, readFileSync } from 'node:fs';
import { SERVER_LIMITS } from './limits.js';

/** How many connections the process can have at once. */
export interface ConnectionBounds {
  readonly control: number;
  readonly data: number;
  /** Control connections beyond them that have time to read why they are refused. */
  readonly refused: number;
}

/** What the process itself opens later: the agent's thread, listeners, slabs, logs. */
const RESERVE = 20;
/** Of what is left; the rest is for control connections. */
const DATA_SHARE = 4;
/** A pool that cannot have so many is of no use: then the system may say no. */
const LEAST = 4;
/** Of what is left: for those who are one too many. */
const REFUSED_SHARE = 8;
const REFUSED_LEAST = 2;

/** The soft limit on open files in the text of /proc/self/limits; null when there is none. */
export function parseOpenFilesMax(limits: string): number | null {
  const found = /^Max open files\s+(\d+)\s/mu.exec(limits);
  return found === null ? null : Number(found[1]);
}

/** Bounds that leave the process descriptors of its own. */
export function connectionBounds(openFilesMax: number, openFiles: number): ConnectionBounds {
  const { connectionsMax, dataConnectionsMax, refusedLinksMax } = SERVER_LIMITS;
  const free = openFilesMax - openFiles - RESERVE;
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
export function ownConnectionBounds(): ConnectionBounds {
  try {
    const most = parseOpenFilesMax(readFileSync('/proc/self/limits', 'utf8'));
    if (most !== null) return connectionBounds(most, readdirSync('/proc/self/fd').length);
  } catch {
    // No Linux, or no /proc: the system says no when it must.
  }
  return connectionBounds(Number.MAX_SAFE_INTEGER, 0);
}
