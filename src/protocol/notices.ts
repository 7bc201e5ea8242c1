import type { Reader, Writer } from '../core/bytes.js';
import type { ValueMap } from '../core/value.js';
import { type Reading, readMap, writeMap } from '../core/value-codec.js';
import { MESSAGE } from './codes.js';
import { endBody, writeHeader, writeWhole } from './message.js';

/** 0x91 RECLAIM: the body is how many bytes the pool would like to have back. */
export function readReclaim(r: Reader): number {
  const bytes = r.u64();
  endBody(r);
  return bytes;
}

export function writeReclaim(w: Writer, bytes: number): void {
  writeHeader(w, MESSAGE.reclaim, 8);
  w.u64(bytes);
}

/** 0x92 NOTICE. */
export interface Notice {
  readonly kind: 'notice';
  readonly code: string;
  readonly message: string;
  readonly fields: ValueMap;
}

export function readNotice(r: Reader, how?: Reading): Notice {
  const code = r.text();
  const message = r.text();
  const fields = readMap(r, how);
  endBody(r);
  return { kind: 'notice', code, message, fields };
}

export function writeNotice(w: Writer, code: string, message: string, fields: ValueMap): void {
  writeWhole(w, MESSAGE.notice, () => {
    w.text(code);
    w.text(message);
    writeMap(w, fields);
  });
}

/** 0x93 SLAB_GONE: the body is the slab. */
export function readSlabGone(r: Reader): number {
  const slab = r.u32();
  endBody(r);
  return slab;
}

export function writeSlabGone(w: Writer, slab: number): void {
  writeHeader(w, MESSAGE.slabGone, 4);
  w.u32(slab);
}
