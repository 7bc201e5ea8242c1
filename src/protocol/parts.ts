import type { Reader, Writer } from '../core/bytes.js';
import type { AxisSet } from '../core/regions/axis-set.js';
import { Region } from '../core/regions/region.js';
import { writeOpenBox, writeRegion } from '../core/regions/region-codec.js';
import { MESSAGE, SOURCE } from './codes.js';
import { beginMessage, endBody, endMessage, readChoice, readZero, writeWhole } from './message.js';

/** What is offered of a part: nothing, as it has no elements; bytes in the message; or a slice. */
type PartPayload =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'slice';
      readonly slab: number;
      readonly offset: number;
      readonly size: number;
    };

interface PartFields {
  readonly handle: number;
  readonly scope: number;
  readonly durability: number;
  readonly lifetime: number;
  readonly region: Region;
  readonly payload: PartPayload;
}

/** Offers a region of the space of a handle. */
export function writeOfferPart(w: Writer, part: PartFields): void {
  writeWhole(w, MESSAGE.offerPart, () => {
    writeFixed(w, part);
    writeSized(w, () => writeRegion(w, part.region));
    writePayload(w, part.payload);
  });
}

/** 0x2d APPEND: offers rows behind those that are there. */
export function writeAppend(w: Writer, rows: Omit<PartFields, 'region'>): void {
  writeWhole(w, MESSAGE.append, () => {
    writeFixed(w, rows);
    writePayload(w, rows.payload);
  });
}

function writeFixed(w: Writer, fields: Omit<PartFields, 'region'>): void {
  const { handle, scope, durability, lifetime, payload } = fields;
  const source = payload.kind === 'slice' ? SOURCE.slice : SOURCE.inline;
  w.u32(handle);
  w.u32(scope | (durability << 8) | (source << 16));
  w.u32(lifetime);
}

function writePayload(w: Writer, payload: PartPayload): void {
  if (payload.kind === 'slice') {
    w.u32(payload.slab);
    w.u64(payload.offset);
    w.u64(payload.size);
  } else {
    w.u32(payload.bytes.length);
    w.rawRange(payload.bytes, 0, payload.bytes.length);
  }
}

function writeSized(w: Writer, write: () => void): void {
  const at = w.at;
  w.u32(0);
  write();
  w.patchU32(at, w.at - at - 4);
}

/** 0x24 REGION: what of the object a handle will require. */
export class RegionFields {
  handle = 0;
  regionStart = 0;
  regionEnd = 0;
}

export function readRegionFields(r: Reader, into: RegionFields): void {
  into.handle = r.u32();
  const size = r.u32();
  into.regionStart = r.skip(size);
  into.regionEnd = r.at;
  endBody(r);
}

/** `region`: or a box of a shape that is not known, in which null is all of an axis. */
export function writeRegionFields(
  w: Writer,
  handle: number,
  region: Region | readonly (AxisSet | null)[],
): void {
  writeWhole(w, MESSAGE.region, () => {
    w.u32(handle);
    writeWanted(w, region);
  });
}

/** What is required, behind its size. */
export function writeWanted(w: Writer, region: Region | readonly (AxisSet | null)[]): void {
  writeSized(w, () =>
    region instanceof Region ? writeRegion(w, region) : writeOpenBox(w, region),
  );
}

/** One part in 0x87 PARTS. Of the payload, only the fields of its source mean something. */
export class DeliveredPart {
  regionStart = 0;
  regionEnd = 0;
  source = 0;
  payloadStart = 0;
  payloadEnd = 0;
  slab = 0;
  offset = 0;
  size = 0;
}

/** 0x87 PARTS: some of the parts of a demand; DELIVER follows when all are told. */
export class Parts {
  request = 0;
  count = 0;
}

export function readParts(r: Reader, into: Parts): void {
  into.request = r.u64();
  into.count = r.u32();
}

/** Reads the next of the parts that {@link readParts} counts. */
export function readPart(r: Reader, into: DeliveredPart): void {
  const size = r.u32();
  into.regionStart = r.skip(size);
  into.regionEnd = r.at;
  into.source = readChoice(r, SOURCE.slice, 'the source of a part');
  readZero(r);
  readZero(r);
  readZero(r);
  if (into.source === SOURCE.slice) {
    into.slab = r.u32();
    into.offset = r.u64();
    into.size = r.u64();
  } else {
    into.size = into.source === SOURCE.inline ? r.u32() : 0;
    into.payloadStart = r.skip(into.size);
    into.payloadEnd = r.at;
  }
}

/** Starts a PARTS; returns where, for {@link endParts}. */
export function beginParts(w: Writer, request: number): number {
  const start = beginMessage(w, MESSAGE.parts);
  w.u64(request);
  w.u32(0);
  return start;
}

/** Ends a PARTS of so many. */
export function endParts(w: Writer, start: number, count: number): void {
  // Behind the header and the request.
  w.patchU32(start + 16, count);
  endMessage(w, start);
}

/** Writes the head of a part: its encoded region and its source. The payload follows. */
export function writePartHead(
  w: Writer,
  region: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
  source: number,
): void {
  w.u32(region.end - region.start);
  w.rawRange(region.bytes, region.start, region.end);
  w.u32(source);
}

export function writePartInline(w: Writer, bytes: Uint8Array, start: number, end: number): void {
  w.u32(end - start);
  w.rawRange(bytes, start, end);
}

export function writePartSlice(w: Writer, slab: number, offset: number, size: number): void {
  w.u32(slab);
  w.u64(offset);
  w.u64(size);
}
