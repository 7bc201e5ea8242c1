import { AttaccaError } from '../../core/errors.js';
import { itemSizeOf, spaceAt } from '../../core/space.js';
import type { Measured } from '../../core/statistics/measure.js';
import { isMeasurable } from '../../core/statistics/statistics.js';
import {
  MESSAGE,
  type Offer,
  readAppend,
  readGroupMember,
  readOffer,
  readOfferGroup,
  readOfferPart,
  SOURCE,
} from '../../protocol/index.js';
import { fillsOf } from '../measuring.js';
import { mayRead } from '../memory.js';
import { HANDLE, OBJECT, VERSION } from '../rows.js';
import type { Session } from '../sessions.js';
import type { MeasureAsked, PoolState } from '../state.js';

/** By this attribute a client says that bytes are encoded, and how: src/client/encoding.ts. */
const ENCODING_KEY = 'attacca.encoding';

/** What there is to measure of an object that is about to be offered. */
export type OfferedValues =
  /** It has no numbers, or its offer will be refused. */
  | { readonly kind: 'none' }
  | { readonly kind: 'slice'; readonly asked: Omit<MeasureAsked, 'ask'> }
  /** They lie in the message, between these. */
  | {
      readonly kind: 'inline';
      readonly measured: Measured;
      readonly start: number;
      readonly end: number;
    };

const NONE: OfferedValues = { kind: 'none' };
const NOBODY_ASKS: readonly OfferedValues[] = [];

/**
 * The values that a request offers, on whose body `pool.reader` stands, and does afterwards: of
 * each object in the order of its message. Empty when nobody asks for them.
 */
export function offeredValues(
  pool: PoolState,
  session: Session,
  code: number,
): readonly OfferedValues[] {
  const { reader, decoder, events } = pool;
  if (events.measuredFor.size === 0 || pool.stopping) return NOBODY_ASKS;
  const isGroup = code === MESSAGE.offerGroup;
  if (!isGroup && !READERS.has(code)) return NOBODY_ASKS;
  const { at } = reader;
  try {
    if (isGroup) return valuesOfGroup(pool, session);
    READERS.get(code)?.(reader, decoder.offer);
    return [valuesOf(pool, session, code, decoder.offer)];
  } catch (error) {
    // Refused by who applies it, with the same words.
    if (error instanceof AttaccaError) return NOBODY_ASKS;
    throw error;
  } finally {
    reader.at = at;
  }
}

const READERS: ReadonlyMap<number, typeof readOffer> = new Map([
  [MESSAGE.offer, readOffer],
  [MESSAGE.offerPart, readOfferPart],
  [MESSAGE.append, readAppend],
]);

/** Of each that is in it: the group itself has no bytes. */
function valuesOfGroup(pool: PoolState, session: Session): readonly OfferedValues[] {
  const { reader, decoder } = pool;
  const { offer, group } = decoder;
  readOfferGroup(reader, offer, group);
  const { scope, durability } = offer;
  const all: OfferedValues[] = [];
  for (let left = group.count; left > 0; left--) {
    readGroupMember(reader, left === 1, { scope, durability }, offer);
    all.push(valuesOf(pool, session, MESSAGE.offer, offer));
  }
  return all;
}

function valuesOf(pool: PoolState, session: Session, code: number, message: Offer): OfferedValues {
  const { spaces } = pool;
  const handle = session.handles.get(message.handle);
  if (handle === 0 || message.size === 0 || message.source === SOURCE.nothing) return NONE;
  const { space, attributes } = saidOf(pool, handle, code);
  if (space === 0 || isEncoded(pool, attributes)) return NONE;
  const { dtype, byteOrder = 'little' } = spaceAt(spaces.bytes(space), spaces.start(space));
  if (dtype === undefined || !isMeasurable(dtype)) return NONE;
  if (message.size % itemSizeOf(dtype) !== 0) return NONE;
  const measured = { dtype, byteOrder, fills: fillsOf(pool, attributes) };
  if (message.source === SOURCE.inline) {
    return { kind: 'inline', measured, start: message.payloadStart, end: message.payloadEnd };
  }
  const { slab, offset, size } = message;
  if (!mayRead(pool, session.id, slab, offset, size)) return NONE;
  return { kind: 'slice', asked: { slab, offset, size, ...measured } };
}

/** Whether bytes stand for other elements, as clients say. */
function isEncoded({ attributes, keys }: PoolState, record: number): boolean {
  const key = keys.find(ENCODING_KEY);
  return key !== 0 && attributes.termOf(record, key) !== 0;
}

/** What is known of the elements: of further parts by what the version says. */
function saidOf(
  { handles, objects, versions }: PoolState,
  handle: number,
  code: number,
): { readonly space: number; readonly attributes: number } {
  const current = objects.get(handles.get(handle, HANDLE.object), OBJECT.current);
  if (code === MESSAGE.offer || current === 0) {
    const space = handles.get(handle, HANDLE.space);
    return { space, attributes: handles.get(handle, HANDLE.attributes) };
  }
  const space = versions.get(current, VERSION.space);
  return { space, attributes: versions.get(current, VERSION.attributes) };
}
