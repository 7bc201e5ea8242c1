import { Reader, Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import { readMap, writeMap } from '../core/value-codec.js';
import type { PoolOptions } from '../pool/state.js';

/** What the header of a segment or snapshot says of its pool: enough to begin its history anew. */
export interface PoolInfo {
  readonly options: PoolOptions;
  /** Of the host at that time, or ''. */
  readonly bootId: string;
  /** Where the directory of its slabs was, or ''. */
  readonly shmDirectory: string;
}

export function encodePoolInfo({ options, bootId, shmDirectory }: PoolInfo): Uint8Array {
  const w = new Writer(1_024);
  writeMap(w, { ...options, bootId, shmDirectory });
  return w.written().slice();
}

export function decodePoolInfo(bytes: Uint8Array): PoolInfo {
  const map = readMap(new Reader(bytes));
  return {
    options: {
      id: text(map, 'id'),
      name: text(map, 'name'),
      hashSeed: number(map, 'hashSeed'),
      memoryBytesMax: number(map, 'memoryBytesMax'),
      deadlineDefaultMs: number(map, 'deadlineDefaultMs'),
      promiseGraceMs: number(map, 'promiseGraceMs'),
      durability: number(map, 'durability'),
      slabDurability: number(map, 'slabDurability'),
      hasStore: map['hasStore'] === true,
      reportFreed: map['reportFreed'] === true,
      statistics: map['statistics'] === true,
      eventBytesMax: number(map, 'eventBytesMax'),
      eventAgeMsMax: number(map, 'eventAgeMsMax'),
      life: number(map, 'life'),
      lifeBefore: number(map, 'lifeBefore'),
      sessionKeyId: number(map, 'sessionKeyId'),
      wallMs: number(map, 'wallMs'),
    },
    bootId: text(map, 'bootId'),
    shmDirectory: text(map, 'shmDirectory'),
  };
}

function text(map: ValueMap, key: string): string {
  const value = map[key];
  return typeof value === 'string' ? value : missing(key);
}

function number(map: ValueMap, key: string): number {
  const value = map[key];
  return typeof value === 'number' ? value : missing(key);
}

function missing(key: string): never {
  const why = `the header says nothing of "${key}"`;
  throw new AttaccaError('journal-damaged', `Cannot read the journal: ${why}`, { key });
}
