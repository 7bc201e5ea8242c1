import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import type { Region } from '../core/regions/region.js';
import { writeRegion } from '../core/regions/region-codec.js';
import { type SpaceExpectation, skipSpace, writeSpace } from '../core/space.js';
import { skipMap } from '../core/value-codec.js';
import { CONSISTENCY, DURABILITY, LOCK_MODE, MESSAGE, SCOPE, SOURCE } from './codes.js';
import { beginMessage, endBody, endMessage, readChoice, readZero, writeWhole } from './message.js';
import type { Offer } from './offer.js';

/** 0x25 CREATE: an open object, in memory that is leased and filled. Fills an offer of a slice. */
export function readCreate(r: Reader, into: Offer): void {
  into.handle = r.u32();
  into.scope = readChoice(r, SCOPE.pool, 'the scope of an open object');
  into.replaces = 0;
  into.replaced = 0;
  into.consistency = readChoice(r, CONSISTENCY.eventual, 'a consistency');
  readZero(r);
  readZero(r);
  into.lifetime = r.u32();
  into.slab = r.u32();
  into.offset = r.u64();
  into.size = r.u64();
  into.durability = DURABILITY.process;
  into.source = into.size === 0 ? SOURCE.nothing : SOURCE.slice;
  endBody(r);
}

interface Slice {
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

export function writeCreate(
  w: Writer,
  of: {
    readonly handle: number;
    readonly scope: number;
    readonly consistency: number;
    readonly lifetime: number;
    readonly slice: Slice;
  },
): void {
  writeWhole(w, MESSAGE.create, () => {
    w.u32(of.handle);
    w.u32(of.scope | (of.consistency << 8));
    w.u32(of.lifetime);
    writeSlice(w, of.slice);
  });
}

function writeSlice(w: Writer, { slab, offset, size }: Slice): void {
  w.u32(slab);
  w.u64(offset);
  w.u64(size);
}

/** 0x26 OPEN: takes part in an object that somebody has created, or will. */
export class Open {
  handle = 0;
  deadline = 0;
}

export function readOpen(r: Reader, into: Open): void {
  into.handle = r.u32();
  into.deadline = r.u32();
  endBody(r);
}

export function writeOpen(w: Writer, handle: number, deadline: number): void {
  writeWhole(w, MESSAGE.open, () => {
    w.u32(handle);
    w.u32(deadline);
  });
}

/** 0x88 OPENED: what was opened. */
export class Opened {
  request = 0;
  version = 0;
  consistency = 0;
  spaceStart = 0;
  attributesStart = 0;
  attributesEnd = 0;
}

export function readOpened(r: Reader, into: Opened): void {
  into.request = r.u64();
  into.version = r.u32();
  into.consistency = readChoice(r, CONSISTENCY.eventual, 'a consistency');
  readZero(r);
  readZero(r);
  readZero(r);
  into.spaceStart = skipSpace(r);
  into.attributesStart = r.at;
  skipMap(r);
  into.attributesEnd = r.at;
  endBody(r);
}

/** Starts an OPENED: the caller writes the space and the attributes, and ends it. */
export function beginOpened(
  w: Writer,
  request: number,
  version: number,
  consistency: number,
): number {
  const start = beginMessage(w, MESSAGE.opened);
  w.u64(request);
  w.u32(version);
  w.u32(consistency);
  return start;
}

export function endOpened(w: Writer, start: number): void {
  endMessage(w, start);
}

/**
 * 0x27 WRITE_REGIONS, 0x28 READ_REGIONS: regions of an open object, and where their bytes are or
 * shall be, one region behind the other. Of the payload, only the fields of its source mean
 * something.
 */
export class Transfer {
  handle = 0;
  /** How the payload lies, as a space without a shape; what is unset is as of the object. */
  spaceStart = 0;
  /** Whether values may be lost by a conversion. */
  lossy = 0;
  source = 0;
  count = 0;
  /** The regions, each behind its size. */
  regionsStart = 0;
  regionsEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;
  slab = 0;
  offset = 0;
  size = 0;
}

export function readTransfer(r: Reader, into: Transfer): void {
  into.handle = r.u32();
  into.spaceStart = skipSpace(r);
  into.lossy = readChoice(r, 1, 'whether values may be lost');
  into.source = readChoice(r, SOURCE.slice, 'the source of a write');
  readZero(r);
  readZero(r);
  into.count = r.u32();
  into.regionsEnd = r.u32();
  into.regionsStart = r.skip(into.regionsEnd);
  into.regionsEnd = r.at;
  if (into.source === SOURCE.slice) {
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

type TransferPayload =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | ({ readonly kind: 'slice' } & Slice);

/** `as`: dtype, order and byte order of the payload where they are not the object's. */
export function writeTransfer(
  w: Writer,
  code: typeof MESSAGE.writeRegions | typeof MESSAGE.readRegions,
  of: {
    readonly handle: number;
    readonly as: SpaceExpectation | null;
    readonly lossy: boolean;
    readonly regions: readonly Region[];
    readonly payload: TransferPayload;
  },
): void {
  const { payload } = of;
  writeWhole(w, code, () => {
    w.u32(of.handle);
    writeSpace(w, of.as);
    w.u32((of.lossy ? 1 : 0) | ((payload.kind === 'slice' ? SOURCE.slice : SOURCE.inline) << 8));
    w.u32(of.regions.length);
    writeSized(w, () => {
      for (const region of of.regions) writeSized(w, () => writeRegion(w, region));
    });
    if (payload.kind === 'slice') writeSlice(w, payload);
    else {
      w.u32(payload.bytes.length);
      w.rawRange(payload.bytes, 0, payload.bytes.length);
    }
  });
}

function writeSized(w: Writer, write: () => void): void {
  const at = w.at;
  w.u32(0);
  write();
  w.patchU32(at, w.at - at - 4);
}

/** Visits the regions of a transfer as they are encoded. */
export function forEachEncoded(
  bytes: Uint8Array,
  at: { readonly start: number; readonly end: number; readonly count: number },
  visit: (start: number, end: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let place = at.start;
  const broken = (): never => refuse('bad-message', 'Cannot read regions: their sizes do not fit');
  for (let left = at.count; left > 0; left--) {
    if (place + 4 > at.end) broken();
    const end = place + 4 + view.getUint32(place, true);
    if (end > at.end) broken();
    visit(place + 4, end);
    place = end;
  }
  if (place !== at.end) broken();
}

/** 0x29 COMMIT: what the handle has written becomes visible. */
export class Commit {
  handle = 0;
  closes = 0;
}

export function readCommit(r: Reader, into: Commit): void {
  into.handle = r.u32();
  into.closes = readChoice(r, 1, 'whether a commit closes');
  endBody(r);
}

export function writeCommit(w: Writer, handle: number, closes: boolean): void {
  writeWhole(w, MESSAGE.commit, () => {
    w.u32(handle);
    w.u8(closes ? 1 : 0);
  });
}

/** 0x2a LOCK: a region, by a number of the client's that UNLOCK names. */
export class Lock {
  handle = 0;
  lock = 0;
  mode = 0;
  block = 0;
  deadline = 0;
  regionStart = 0;
  regionEnd = 0;
}

export function readLock(r: Reader, into: Lock): void {
  into.handle = r.u32();
  into.lock = r.u32();
  into.mode = readChoice(r, LOCK_MODE.write, 'the mode of a lock');
  into.block = readChoice(r, 1, 'whether a lock waits');
  readZero(r);
  readZero(r);
  into.deadline = r.u32();
  into.regionEnd = r.u32();
  into.regionStart = r.skip(into.regionEnd);
  into.regionEnd = r.at;
  endBody(r);
}

export function writeLock(
  w: Writer,
  of: {
    readonly handle: number;
    readonly lock: number;
    readonly mode: number;
    readonly block: boolean;
    readonly deadline: number;
    readonly region: Region;
  },
): void {
  writeWhole(w, MESSAGE.lock, () => {
    w.u32(of.handle);
    w.u32(of.lock);
    w.u32(of.mode | ((of.block ? 1 : 0) << 8));
    w.u32(of.deadline);
    writeSized(w, () => writeRegion(w, of.region));
  });
}

/** 0x2b UNLOCK. */
export class Unlock {
  handle = 0;
  lock = 0;
}

export function readUnlock(r: Reader, into: Unlock): void {
  into.handle = r.u32();
  into.lock = r.u32();
  endBody(r);
}

export function writeUnlock(w: Writer, handle: number, lock: number): void {
  writeWhole(w, MESSAGE.unlock, () => {
    w.u32(handle);
    w.u32(lock);
  });
}
