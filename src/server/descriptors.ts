import { readdirSync, readFileSync } from 'node:fs';
import { SERVER_LIMITS } from './limits.js';

/** How many connections the process can have at once. */
export interface ConnectionBounds {
  readonly control: number;
  readonly data: number;
}

/** What the process itself opens later: the agent's thread, listeners, slabs, logs. */
const RESERVE = 20 + SERVER_LIMITS.refusedLinksMax;
/** Of what is left; the rest is for control connections. */
const DATA_SHARE = 4;
/** A pool that cannot have so many is of no use: then the system may say no. */
const LEAST = 4;

/** The soft limit on open files in the text of /proc/self/limits; null when there is none. */
export function parseOpenFilesMax(limits: string): number | null {
  const found = /^Max open files\s+(\d+)\s/mu.exec(limits);
  return found === null ? null : Number(found[1]);
}

/** Bounds that leave the process descriptors of its own. */
export function connectionBounds(openFilesMax: number, openFiles: number): ConnectionBounds {
  const left = Math.max(openFilesMax - openFiles - RESERVE, LEAST * 2);
  const data = Math.max(Math.floor(left / DATA_SHARE), LEAST);
  return {
    control: Math.min(left - data, SERVER_LIMITS.connectionsMax),
    data: Math.min(data, SERVER_LIMITS.dataConnectionsMax),
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
  return { control: SERVER_LIMITS.connectionsMax, data: SERVER_LIMITS.dataConnectionsMax };
}
