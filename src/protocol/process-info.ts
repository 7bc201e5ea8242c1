import type { Value, ValueMap } from '../core/value.js';

/** HELLO's `process`: what tells the pool whether a client still lives. */
interface ProcessInfo {
  /** Name and version of the client. */
  readonly client: string;
  readonly host: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, 0 where there is none. */
  readonly startTime: number;
  readonly bootId: string;
  readonly pidNamespace: string;
  readonly command: string;
}

/** ACCEPT's `pool`. */
export interface PoolInfo {
  readonly software: string;
  /** Where it listens, that of the Unix socket first. */
  readonly addresses: readonly string[];
  readonly bootId: string;
  /** The directory of the slabs; empty when the pool has no shared memory. */
  readonly slabs: string;
  /** Addresses of data connections. */
  readonly data: readonly string[];
  readonly pid: number;
  /** Killed and served again it goes on where it was: who waits does well to be patient. */
  readonly kept: boolean;
  /** The directory in which it is kept, '' when in none, or on another host. */
  readonly keptIn: string;
  /** Whether its answers wait until the disk has what they say. */
  readonly sync: boolean;
  /** How long this process of the pool had run, in ms. */
  readonly upMs: number;
  readonly limits: { readonly [name: string]: number };
}

const textOf = (value: Value | undefined): string => (typeof value === 'string' ? value : '');
const textsOf = (value: Value | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
const countOf = (value: Value | undefined): number => (typeof value === 'number' ? value : 0);

/** What is absent or of another type is empty or 0: the pool then goes by `sessionAwayMsMax`. */
export function processInfoOf(map: ValueMap): ProcessInfo {
  const { client, host, pid, startTime, bootId, pidNamespace, command } = map;
  return {
    client: textOf(client),
    host: textOf(host),
    pid: countOf(pid),
    startTime: countOf(startTime),
    bootId: textOf(bootId),
    pidNamespace: textOf(pidNamespace),
    command: textOf(command),
  };
}

function limitsOf(value: Value | undefined): { readonly [name: string]: number } {
  const limits: { [name: string]: number } = Object.create(null);
  // A map that came by the wire has no prototype; nothing else that is a value has none.
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null) {
    for (const [name, limit] of Object.entries(value)) limits[name] = countOf(limit);
  }
  return limits;
}

/** Reads the `pool` of an ACCEPT that came by the wire. */
export function poolInfoOf(map: ValueMap): PoolInfo {
  const { software, addresses, bootId, slabs, data, pid, kept, keptIn, sync, upMs, limits } = map;
  return {
    software: textOf(software),
    addresses: textsOf(addresses),
    bootId: textOf(bootId),
    slabs: textOf(slabs),
    data: textsOf(data),
    pid: countOf(pid),
    kept: kept === true,
    keptIn: textOf(keptIn),
    sync: sync === true,
    upMs: countOf(upMs),
    limits: limitsOf(limits),
  };
}
