import type { Reader, Writer } from '../core/bytes.js';
import { DURABILITY, MESSAGE, OFFER_REPLACES, SCOPE, SOURCE } from './codes.js';
import { endBody, readChoice, readZero, writeHeader } from './message.js';

/**
 * 0x13 OFFER, 0x23 OFFER_PART, 0x25 CREATE, 0x2d APPEND. Of the payload, only the fields of its
 * source mean something.
 */
export class Offer {
  handle = 0;
  scope = 0;
  /** 1: what the pool keeps of that name ends with it. OFFER alone. */
  replaces = 0;
  /** ... if it is this version; 0: whichever it is. */
  replaced = 0;
  durability = 0;
  source = 0;
  lifetime = 0;
  /** Source inline: the bytes. */
  payloadStart = 0;
  payloadEnd = 0;
  /** Source slice: where. */
  slab = 0;
  offset = 0;
  /** Of the payload, whatever its source. */
  size = 0;
  /** OFFER_PART: the encoded region. */
  regionStart = 0;
  regionEnd = 0;
  /** CREATE: one of CONSISTENCY. */
  consistency = 0;
}

/** Handle, four u8, lifetime. */
const FIXED_SIZE = 12;
const SLICE_SIZE = 20;

export function readOffer(r: Reader, into: Offer): void {
  readFields(r, into, OFFER_REPLACES);
  readPayload(r, into);
}

/** As {@link readOffer}, of rows: they replace nothing. */
export function readAppend(r: Reader, into: Offer): void {
  readFields(r, into, 0);
  readPayload(r, into);
}

/** As {@link readOffer}; whether the region is one is for `readRegion`, which needs the shape. */
export function readOfferPart(r: Reader, into: Offer): void {
  readFields(r, into, 0);
  into.regionEnd = r.u32();
  into.regionStart = r.skip(into.regionEnd);
  into.regionEnd = r.at;
  readPayload(r, into);
}

function readFields(r: Reader, into: Offer, flags: number): void {
  into.handle = r.u32();
  const scope = readChoice(r, SCOPE.pool | flags, 'the scope of an offer');
  into.scope = scope & SCOPE.pool;
  into.replaces = scope >> 1;
  into.durability = readChoice(r, DURABILITY.fsync, 'the durability of an offer');
  into.source = readChoice(r, SOURCE.slice, 'the source of an offer');
  readZero(r);
  into.lifetime = r.u32();
  into.replaced = into.replaces === 1 ? r.u32() : 0;
}

function readPayload(r: Reader, into: Offer): void {
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

// Positional numbers instead of an options object: this runs a million times a second.
function writeFixed(
  w: Writer,
  handle: number,
  scope: number,
  durability: number,
  source: number,
  lifetime: number,
  replaced = 0,
): void {
  w.u32(handle);
  w.u32(scope | (durability << 8) | (source << 16));
  w.u32(lifetime);
  if (scope >= OFFER_REPLACES) w.u32(replaced);
}

/** Of what every OFFER begins with. `scope`: with OFFER_REPLACES, if it does. */
function fixedSize(scope: number): number {
  return scope >= OFFER_REPLACES ? FIXED_SIZE + 4 : FIXED_SIZE;
}

/** Offers a space of length 0: a signal. `scope` may have OFFER_REPLACES with it. */
export function writeOfferNothing(
  w: Writer,
  handle: number,
  scope: number,
  durability: number,
  lifetime: number,
  replaced = 0,
): void {
  writeHeader(w, MESSAGE.offer, fixedSize(scope));
  writeFixed(w, handle, scope, durability, SOURCE.nothing, lifetime, replaced);
}

/** Offers bytes that travel in the message, at most `LIMITS.inlineBytesMax`. */
export function writeOfferInline(
  w: Writer,
  handle: number,
  scope: number,
  durability: number,
  lifetime: number,
  payload: Uint8Array,
  replaced = 0,
): void {
  writeHeader(w, MESSAGE.offer, fixedSize(scope) + 4 + payload.length);
  writeFixed(w, handle, scope, durability, SOURCE.inline, lifetime, replaced);
  w.u32(payload.length);
  w.rawRange(payload, 0, payload.length);
}

/** Offers a slice of a slab that is leased to the session. */
export function writeOfferSlice(
  w: Writer,
  handle: number,
  scope: number,
  durability: number,
  lifetime: number,
  slab: number,
  offset: number,
  size: number,
  replaced = 0,
): void {
  writeHeader(w, MESSAGE.offer, fixedSize(scope) + SLICE_SIZE);
  writeFixed(w, handle, scope, durability, SOURCE.slice, lifetime, replaced);
  w.u32(slab);
  w.u64(offset);
  w.u64(size);
}

/** Writes an offer behind its size, as it stands within OFFER_GROUP. */
export function writeOfferWithin(
  w: Writer,
  fields: {
    readonly handle: number;
    readonly scope: number;
    readonly durability: number;
    readonly lifetime: number;
    readonly payload: GroupPayload;
  },
): void {
  const { handle, scope, durability, lifetime, payload } = fields;
  const start = w.at;
  w.u32(0);
  writeFixed(w, handle, scope, durability, SOURCE[payload.kind], lifetime);
  if (payload.kind === 'inline') {
    w.u32(payload.bytes.length);
    w.rawRange(payload.bytes, 0, payload.bytes.length);
  } else if (payload.kind === 'slice') {
    w.u32(payload.slab);
    w.u64(payload.offset);
    w.u64(payload.size);
  }
  w.patchU32(start, w.at - start - 4);
}

/** What a member of a group holds. */
export type GroupPayload =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'slice';
      readonly slab: number;
      readonly offset: number;
      readonly size: number;
    };
