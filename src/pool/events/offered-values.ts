import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import {
  type ByteOrder,
  checkWholeSpace,
  type Dtype,
  dtypeAt,
  itemSizeOf,
  type Space,
  spaceAt,
  spaceBytes,
} from '../../core/space.js';
import type { Measured } from '../../core/statistics/measure.js';
import { isMeasurable } from '../../core/statistics/statistics.js';
import type { Value } from '../../core/value.js';
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
import { takesPart } from '../opening.js';
import { HANDLE, OBJECT, VERSION } from '../rows.js';
import type { Session } from '../sessions.js';
import type { MeasureAsked, PoolState } from '../state.js';

/** By this attribute a client says that bytes are encoded, and how: src/client/encoding.ts. */
const ENCODING_KEY = 'attacca.encoding';

/** What there is to measure of an object that is about to be offered. */
type OfferedValues =
  /** It has no numbers, or its offer will be refused. */
  | { readonly kind: 'none' }
  /** It has, and nobody can measure them. */
  | { readonly kind: 'unknown'; readonly why: string }
  /** The agent measures them. `inline`: where encoded ones lie in the message. */
  | {
      readonly kind: 'asked';
      readonly asked: Omit<MeasureAsked, 'ask' | 'encoded'>;
      readonly how: string | null;
      readonly inline: { readonly start: number; readonly end: number } | null;
    }
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
  if (code === MESSAGE.seal) return valuesOfOpen(pool, session);
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

/** SEAL is the offer of an open object: others may write to it until it is sealed. */
function valuesOfOpen(pool: PoolState, session: Session): readonly OfferedValues[] {
  const { reader, handles, versions, spaces } = pool;
  const { at } = reader;
  const handle = reader.remaining < 4 ? 0 : session.handles.get(reader.u32());
  reader.at = at;
  if (handle === 0 || !takesPart(pool, handle)) return NOBODY_ASKS;
  const space = versions.get(handles.get(handle, HANDLE.version), VERSION.space);
  const dtype = space === 0 ? undefined : dtypeAt(spaces.bytes(space), spaces.start(space));
  if (dtype === undefined || dtype.startsWith('string')) return [NONE];
  return [{ kind: 'unknown', why: 'an open object may be written to until it is sealed' }];
}

function valuesOf(pool: PoolState, session: Session, code: number, message: Offer): OfferedValues {
  const handle = session.handles.get(message.handle);
  if (handle === 0 || message.size === 0 || message.source === SOURCE.nothing) return NONE;
  const { space, attributes } = saidOf(pool, handle, code);
  const { slab, offset, size, payloadStart: start, payloadEnd: end } = message;
  const isInline = message.source === SOURCE.inline;
  // A refused one is neither measured nor told of as one that cannot be.
  if (!isInline && !mayRead(pool, session.id, slab, offset, size)) return NONE;
  const how = code === MESSAGE.offer ? encodingOf(pool, attributes) : undefined;
  const said = how === undefined ? elementsOf(pool, space) : decodedTo(how, size);
  if (typeof said === 'string') return { kind: 'unknown', why: said };
  if (said.dtype === undefined || said.dtype.startsWith('string')) return NONE;
  if (!isMeasurable(said.dtype)) return { kind: 'unknown', why: `it is ${said.dtype}` };
  const measured = { ...said, dtype: said.dtype, fills: fillsOf(pool, attributes) };
  if (typeof how === 'string') {
    const place = isInline ? { slab: 0, offset: 0, size } : { slab, offset, size };
    const inline = isInline ? { start, end } : null;
    return { kind: 'asked', asked: { ...place, ...measured }, how, inline };
  }
  if (size % itemSizeOf(measured.dtype) !== 0) return NONE;
  if (isInline) return { kind: 'inline', measured, start, end };
  return { kind: 'asked', asked: { slab, offset, size, ...measured }, how: null, inline: null };
}

/** How bytes stand for other elements, as clients say; undefined: they do not. */
function encodingOf({ attributes, keys }: PoolState, record: number): Value | undefined {
  const key = keys.find(ENCODING_KEY);
  return key === 0 || record === 0 ? undefined : attributes.value(record, key);
}

/** What a type says of elements, as far as it does. */
interface Elements {
  readonly dtype?: Dtype | undefined;
  readonly byteOrder: ByteOrder;
}

function elementsOf({ spaces }: PoolState, space: number): Elements {
  if (space === 0) return { byteOrder: 'little' };
  const { dtype, byteOrder = 'little' } = spaceAt(spaces.bytes(space), spaces.start(space));
  return { dtype, byteOrder };
}

/** What elements encoded bytes stand for; else why that is not known. */
function decodedTo(how: Value, size: number): Elements | string {
  const space = spaceIn(how);
  if (space === null) return 'its encoding is damaged';
  const { measuredDecodedBytesMax: most } = LIMITS;
  const isLarge = size > most || spaceBytes(space) > most;
  if (isLarge) return `decoded it has more than ${most} bytes`;
  return { dtype: space.dtype, byteOrder: space.byteOrder };
}

/** The space that went into an encoding, of which no more is looked at here. */
function spaceIn(how: Value): Space | null {
  try {
    const { space } = JSON.parse(typeof how === 'string' ? how : '') as { space: Space };
    checkWholeSpace(space);
    spaceBytes(space);
    return space;
  } catch {
    // Of an attribute anything may be said; the agent would not be able to decode it.
    return null;
  }
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
