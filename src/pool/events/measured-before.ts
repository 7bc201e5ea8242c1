import { Reader } from '../../core/bytes.js';
import { AttaccaError } from '../../core/errors.js';
import { type Dtype, itemSizeOf, spaceAt } from '../../core/space.js';
import { checkSaved, type StateReader, type StateWriter } from '../../core/state-codec.js';
import { measure } from '../../core/statistics/measure.js';
import { isMeasurable } from '../../core/statistics/statistics.js';
import { readSummary, type Summary, summaryOf } from '../../core/statistics/statistics-codec.js';
import type { Value, ValueMap } from '../../core/value.js';
import {
  MESSAGE,
  messageName,
  type Offer,
  readAppend,
  readOffer,
  readOfferPart,
  SOURCE,
} from '../../protocol/index.js';
import type { Input } from '../input.js';
import { fillsOf, nextAsk, numbersIn } from '../measuring.js';
import { mayRead } from '../memory.js';
import { memberOf, objectName } from '../objects.js';
import { inWords, type Room } from '../room.js';
import { HANDLE, OBJECT, VERSION } from '../rows.js';
import type { Session } from '../sessions.js';
import type { MeasureAsked, PoolState } from '../state.js';
import { whoOf } from './deciding.js';
import { ROW } from './event-log.js';
import type { HeldMeasure, HeldOperation } from './held-operation.js';

/**
 * Offers that are measured before others are told of them: while a subscription that is told before
 * asks for `stats.*`. An offer of bytes in a slab is held until the agent has measured them; what
 * lies in a message is measured at once. The event before has what comes of it as attributes, whose
 * keys nobody can say of an object: so it is selected, delivered, delivered again and saved as all
 * else that an event tells.
 */

/** By this attribute a client says that bytes are encoded, and how: src/client/encoding.ts. */
const ENCODING_KEY = 'attacca.encoding';

/** What is offered, and can be measured. */
interface Measurable {
  readonly measured: Omit<MeasureAsked, 'ask' | 'slab' | 'offset' | 'size'>;
  readonly message: Offer;
}

/** What is to be measured before a request goes on; null: nothing. */
export function measureAsked(
  pool: PoolState,
  session: Session,
  code: number,
): Omit<MeasureAsked, 'ask'> | null {
  const found = measurable(pool, session, code);
  if (found === null || found.message.source !== SOURCE.slice) return null;
  const { slab, offset, size } = found.message;
  if (!mayRead(pool, session.id, slab, offset, size)) return null;
  return { slab, offset, size, ...found.measured };
}

/** The bytes that a request offers; null when they are no numbers, or nobody asks for them. */
function measurable(pool: PoolState, session: Session, code: number): Measurable | null {
  const { reader, decoder, events, spaces } = pool;
  const isPart = code === MESSAGE.offerPart;
  if (events.measuredFor.size === 0 || pool.stopping) return null;
  if (code !== MESSAGE.offer && code !== MESSAGE.append && !isPart) return null;
  const { at } = reader;
  const message = decoder.offer;
  try {
    if (isPart) readOfferPart(reader, message);
    else if (code === MESSAGE.append) readAppend(reader, message);
    else readOffer(reader, message);
    const handle = session.handles.get(message.handle);
    if (handle === 0 || message.size === 0 || message.source === SOURCE.nothing) return null;
    const { space, attributes } = saidOf(pool, handle, code);
    if (space === 0 || isEncoded(pool, attributes)) return null;
    const { dtype, byteOrder = 'little' } = spaceAt(spaces.bytes(space), spaces.start(space));
    if (dtype === undefined || !isMeasurable(dtype)) return null;
    if (message.size % itemSizeOf(dtype) !== 0) return null;
    return { measured: { dtype, byteOrder, fills: fillsOf(pool, attributes) }, message };
  } catch (error) {
    // Refused by who applies it, with the same words.
    if (error instanceof AttaccaError) return null;
    throw error;
  } finally {
    reader.at = at;
  }
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

/** Asks the agent; the operation waits. */
export function beginMeasureBefore(
  pool: PoolState,
  held: HeldOperation,
  toMeasure: Omit<MeasureAsked, 'ask'>,
): void {
  const asked = { ask: nextAsk(pool), ...toMeasure };
  held.measure = { asked, isDone: false, statistics: null };
  held.since = pool.now;
  pool.events.measuring.set(asked.ask, held);
  pool.effects.push({ kind: 'measure', asked: [asked] });
}

/** It comes to nothing. */
export function endMeasureBefore({ events }: PoolState, held: HeldOperation): void {
  if (held.measure !== null) events.measuring.delete(held.measure.asked.ask);
}

/** The agent has measured: or could not, and then nothing is known. */
export function measuredBefore(
  { events }: PoolState,
  { results }: Extract<Input, { kind: 'measured' }>,
): void {
  for (const { ask, statistics } of results) {
    const held = events.measuring.get(ask);
    if (held === undefined || held.measure === null) continue;
    events.measuring.delete(ask);
    held.measure = { asked: held.measure.asked, isDone: true, statistics };
    events.released.add(held);
  }
}

/** What the agent was asked and has not answered. */
export function measuresBeforePending({ events }: PoolState): MeasureAsked[] {
  return [...events.measuring.values()].flatMap(({ measure }) =>
    measure === null ? [] : [measure.asked],
  );
}

/** What is known of the bytes of an offer; null: nothing. The reader stands on its body. */
export function summaryBefore(
  pool: PoolState,
  session: Session,
  code: number,
  known: HeldMeasure | null,
): Summary | null {
  if (known !== null) {
    if (known.statistics === null) return null;
    const { reader } = pool.measures;
    reader.reset(known.statistics, 0, known.statistics.length);
    return readSummary(reader);
  }
  const found = measurable(pool, session, code);
  if (found === null || found.message.source !== SOURCE.inline) return null;
  const { payloadStart, payloadEnd } = found.message;
  const bytes = pool.reader.bytes.subarray(payloadStart, payloadEnd);
  return summaryOf(measure(found.measured, bytes, pool.measures.scratch));
}

/** The newest event says of an offer what its bytes are; `bad-attribute` where it says too much. */
export function sayMeasured(pool: PoolState, seq: number, summary: Summary): void {
  const { attributes, events } = pool;
  const { log } = events;
  const before = log.get(seq, ROW.attributes);
  let said = 0;
  try {
    said = attributes.ofMap(statisticsSaid(summary));
    const all = attributes.merge(before, said);
    const more = attributes.bytesOf(all) - attributes.bytesOf(before);
    attributes.free(before);
    log.setSaid(all, log.get(seq, ROW.tags), log.get(seq, ROW.space), more);
  } catch (error) {
    log.undo();
    throw error;
  } finally {
    attributes.free(said);
  }
}

function statisticsSaid({ count, nan, fill, infinite, ...ends }: Summary): ValueMap {
  const counts = {
    ...{ 'stats.count': count, 'stats.nan': nan },
    ...{ 'stats.fill': fill, 'stats.infinite': infinite },
  };
  if (count === 0) return counts;
  const { min, max, mean } = ends;
  return { ...counts, 'stats.min': min, 'stats.max': max, 'stats.mean': mean };
}

/** Offers that are being measured; of one object, if `name` says which. */
export function addMeasureWaits(
  pool: PoolState,
  waits: Value[],
  room: Room,
  name: string | null,
): void {
  const { arena, events, handles, now } = pool;
  if (events.measuring.size === 0) return;
  const r = new Reader();
  const who = inWords([...events.measuredFor].map((one) => whoOf(pool, one)));
  for (const { code, message, session, since } of events.measuring.values()) {
    if (room.isFull) return;
    arena.read(r, message, 0);
    const handle = session.handles.get(r.u32());
    const object = handle === 0 ? '' : objectName(pool, handles.get(handle, HANDLE.object));
    if (name !== null && object !== name) continue;
    room.add(waits, {
      object,
      member: handle === 0 ? '' : memberOf(pool, handle).name,
      what: 'held',
      sinceMs: now - since,
      deadlineMs: null,
      promisedBy: [],
      because: `its ${messageName(code) ?? 'request'} is measured for ${who || 'nobody any more'}`,
      endsWith: 'its statistics',
    });
  }
}

export function saveMeasure(w: StateWriter, { measure: saved }: HeldOperation): void {
  w.u32(saved?.asked.ask ?? 0);
  if (saved === null) return;
  const { slab, offset, size, dtype, byteOrder, fills } = saved.asked;
  w.u32(slab);
  w.u64(offset);
  w.u64(size);
  w.valueMap({ dtype, byteOrder, fills: [...fills] });
  w.flag(saved.isDone);
  w.flag(saved.statistics !== null);
  if (saved.statistics !== null) w.bytes(saved.statistics);
}

export function restoreMeasure(r: StateReader): HeldMeasure | null {
  const ask = r.u32();
  if (ask === 0) return null;
  const place = { slab: r.u32(), offset: r.u64(), size: r.u64() };
  const { dtype, byteOrder, fills } = r.valueMap();
  checkSaved(
    typeof dtype === 'string' && isMeasurable(dtype as Dtype),
    'what is measured is numbers',
  );
  const of = {
    dtype: dtype as Dtype,
    byteOrder: byteOrder === 'big' ? 'big' : 'little',
    fills: numbersIn(fills),
  } as const;
  const isDone = r.flag();
  const statistics = r.flag() ? r.bytes() : null;
  return { asked: { ask, ...place, ...of }, isDone, statistics };
}
