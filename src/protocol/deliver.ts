import type { Reader, Writer } from '../core/bytes.js';
import { skipSpace } from '../core/space.js';
import { skipMap } from '../core/value-codec.js';
import { MESSAGE, SOURCE } from './codes.js';
import { beginMessage, endBody, endMessage, readChoice, readZero } from './message.js';

/** 0x84 DELIVER. Of the payload, only the fields of its source mean something. */
export class Deliver {
  request = 0;
  version = 0;
  source = 0;
  spaceStart = 0;
  spaceEnd = 0;
  /** The attributes, a `map`: read it with `readMap`. */
  attributesStart = 0;
  attributesEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;
  slab = 0;
  offset = 0;
  /** Of the payload, whatever its source; of parts, how many were told by PARTS before. */
  size = 0;
}

export function readDeliver(r: Reader, into: Deliver): void {
  into.request = r.u64();
  into.version = r.u32();
  into.source = readChoice(r, SOURCE.parts, 'the source of a delivery');
  readZero(r);
  into.spaceStart = skipSpace(r);
  into.spaceEnd = r.at;
  into.attributesStart = r.at;
  skipMap(r);
  into.attributesEnd = r.at;
  if (into.source === SOURCE.parts) into.size = r.u32();
  else if (into.source >= SOURCE.slice) {
    into.slab = r.u32();
    into.offset = r.u64();
    into.size = r.u64();
  } else {
    into.size = into.source === SOURCE.inline ? r.u32() : 0;
    into.payloadStart = r.skip(into.size);
    into.payloadEnd = r.at;
  }
  endBody(r);
}

/**
 * Starts a DELIVER. The caller then writes the space and the attributes (a `map`) and ends it with
 * {@link endDeliverNothing}, {@link endDeliverInline} or {@link endDeliverSlice}, as `source` says.
 */
export function beginDeliver(w: Writer, request: number, version: number, source: number): number {
  const start = beginMessage(w, MESSAGE.deliver);
  w.u64(request);
  w.u32(version);
  w.u16(source);
  return start;
}

export function endDeliverNothing(w: Writer, start: number): void {
  endMessage(w, start);
}

/** Ends a DELIVER with `bytes[from, to)` as its payload. */
export function endDeliverInline(
  w: Writer,
  start: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): void {
  w.u32(to - from);
  w.rawRange(bytes, from, to);
  endMessage(w, start);
}

/** Ends a DELIVER of so many parts. */
export function endDeliverParts(w: Writer, start: number, count: number): void {
  w.u32(count);
  endMessage(w, start);
}

/** Ends a DELIVER of source slice or given. */
export function endDeliverSlice(
  w: Writer,
  start: number,
  slab: number,
  offset: number,
  size: number,
): void {
  w.u32(slab);
  w.u64(offset);
  w.u64(size);
  endMessage(w, start);
}
