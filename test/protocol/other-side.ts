import type { Reader, Writer } from '../../src/core/bytes.js';
import { MESSAGE } from '../../src/protocol/index.js';
import { writeHeader } from '../../src/protocol/message.js';
import { readFrameBody } from '../../src/protocol/opening.js';

// What the protocol has and nothing of src says or hears in this form.

/** 0x05 PING. */
export function writePing(w: Writer): void {
  writeHeader(w, MESSAGE.ping, 0);
}

/** Kind 6, WRITE. The payload stays where it is: `payloadStart` to `payloadEnd`. */
export interface Write {
  readonly kind: 'write';
  readonly transfer: number;
  readonly slab: number;
  readonly offset: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

/** A WRITE that is there as a whole; the pool takes its payload as it comes. */
export function readWrite(bytes: Uint8Array, start: number, limit: number): Write {
  return readFrameBody(bytes, start, limit, (r: Reader) => ({
    kind: 'write',
    transfer: r.u32(),
    slab: r.u32(),
    offset: r.u64(),
    payloadStart: r.at,
    payloadEnd: r.limit,
  }));
}
