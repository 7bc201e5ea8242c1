import { LIMITS } from '../../core/limits.js';
import type { Dtype } from '../../core/space.js';
import { checkSaved, type StateReader, type StateWriter } from '../../core/state-codec.js';
import { measure } from '../../core/statistics/measure.js';
import { isMeasurable } from '../../core/statistics/statistics.js';
import { readSummary, type Summary, summaryOf } from '../../core/statistics/statistics-codec.js';
import type { Value, ValueMap } from '../../core/value.js';
import { MESSAGE, messageName } from '../../protocol/index.js';
import type { Input } from '../input.js';
import { type Measures, NOTHING_AHEAD, placeOfBytes } from '../measures.js';
import { nextAsk, numbersIn } from '../measuring.js';
import { objectName } from '../objects.js';
import { inWords, type Room } from '../room.js';
import { HANDLE } from '../rows.js';
import type { Session } from '../sessions.js';
import type { EncodedBytes, MeasureAsked, PoolState } from '../state.js';
import { whoOf } from './deciding.js';
import { ROW } from './event-log.js';
import {
  type HeldMeasure,
  type HeldOperation,
  type MeasuredOffer,
  measureBytes,
} from './held-operation.js';
import { subjectOf } from './held-waits.js';
import { offeredValues } from './offered-values.js';
import { checkMeasured } from './unmeasured.js';

/**
 * Offers that are measured before others are told of them: while a subscription that is told before
 * asks for `stats.*`. An offer of bytes in a slab is held until the agent has measured them, and a
 * group until it has measured all that is in it; what lies in a message is measured at once, but
 * for encoded bytes, which the agent decodes. The event before has what comes of it as attributes,
 * whose keys nobody can say of an object: so it is selected, delivered, delivered again and saved
 * as all else that an event tells.
 */

/** What is to be measured before a request goes on: which of its offers, and where they lie. */
type ToMeasure = readonly Pick<MeasuredOffer, 'index' | 'asked'>[];

/** Of a request on whose body `pool.reader` stands; null: nothing. */
export function measureAsked(pool: PoolState, session: Session, code: number): ToMeasure | null {
  const all = offeredValues(pool, session, code).flatMap((values, index) => {
    if (values.kind !== 'asked') return [];
    const { asked, how, inline: at } = values;
    if (how === null) return [{ index, asked: { ask: 0, ...asked } }];
    const inline = at === null ? null : pool.reader.bytes.slice(at.start, at.end);
    return [{ index, asked: { ask: 0, ...asked, encoded: { how, inline } } }];
  });
  return all.length === 0 ? null : all;
}

/** Asks the agent; the operation waits. */
export function beginMeasureBefore(
  pool: PoolState,
  held: HeldOperation,
  toMeasure: ToMeasure,
): void {
  const all = toMeasure.map(({ index, asked }) => {
    return { index, asked: { ...asked, ask: nextAsk(pool) }, isDone: false, statistics: null };
  });
  held.measure = { all, begun: 0, left: all.length };
  held.since = pool.now;
  pool.events.bytesHeld += measureBytes(all);
  askMore(pool, held, held.measure, LIMITS.measuresMax);
}

/** The agent has so many of one operation at a time: it is asked for the next of them. */
function askMore(pool: PoolState, held: HeldOperation, measure: HeldMeasure, count: number): void {
  const more = measure.all.slice(measure.begun, measure.begun + count);
  if (more.length === 0) return;
  measure.begun += more.length;
  for (const one of more) pool.events.measuring.set(one.asked.ask, { held, measure, one });
  pool.effects.push({ kind: 'measure', asked: more.map(({ asked }) => asked) });
}

/** It comes to nothing. */
export function endMeasureBefore({ events }: PoolState, { measure }: HeldOperation): void {
  for (const { asked } of measure?.all ?? []) events.measuring.delete(asked.ask);
}

/** The agent has measured: or could not, and then nothing is known. */
export function measuredBefore(
  pool: PoolState,
  { results }: Extract<Input, { kind: 'measured' }>,
): void {
  const { events } = pool;
  const answered = new Map<HeldOperation, number>();
  for (const { ask, statistics } of results) {
    const found = events.measuring.get(ask);
    if (found === undefined) continue;
    const { held, measure, one } = found;
    events.measuring.delete(ask);
    one.isDone = true;
    one.statistics = statistics;
    measure.left--;
    answered.set(held, (answered.get(held) ?? 0) + 1);
  }
  for (const [held, count] of answered) {
    if (held.measure === null) continue;
    if (held.measure.left === 0) events.released.add(held);
    else askMore(pool, held, held.measure, count);
  }
}

/** What the agent was asked and has not answered. */
export function measuresBeforePending({ events }: PoolState): MeasureAsked[] {
  const pending = [...events.measuring.values()].map(({ one }) => one.asked);
  return pending.sort((left, right) => left.ask - right.ask);
}

/** What is known of the values of an offer before it: why nothing is, null if it has none. */
type KnownBefore = Summary | { readonly why: string } | null;

/** Of each offer of a message, on whose body the reader stands. */
export function knownBefore(
  pool: PoolState,
  session: Session,
  code: number,
  known: HeldMeasure | null,
): readonly KnownBefore[] {
  const { measures } = pool;
  const all = offeredValues(pool, session, code).map((values): KnownBefore => {
    if (values.kind === 'none') return null;
    if (values.kind === 'unknown') return values;
    if (values.kind === 'asked') return NOT_SEEN;
    const bytes = pool.reader.bytes.subarray(values.start, values.end);
    return summaryOf(measure(values.measured, bytes, measures.scratch));
  });
  for (const { index, asked, statistics } of known?.all ?? []) {
    if (index >= all.length) continue;
    if (statistics !== null) measures.reader.reset(statistics, 0, statistics.length);
    const not = asked.encoded === undefined ? NOT_SEEN : NOT_DECODED;
    all[index] = statistics === null ? not : readSummary(measures.reader);
  }
  return all;
}

const NOT_SEEN = { why: 'its bytes could not be looked at' };
const NOT_DECODED = { why: 'it is encoded, and could not be decoded' };

/** Refuses what cannot be measured, if a contract asks for it: before anybody is told of any. */
export function checkKnown(
  pool: PoolState,
  known: readonly KnownBefore[],
  eachEvent: (tell: (seq: number) => void) => void,
): void {
  if (!known.some((one) => one !== null && 'why' in one)) return;
  let index = 0;
  eachEvent((seq) => {
    const one = known[index++] ?? null;
    try {
      if (one !== null && 'why' in one) checkMeasured(pool, seq, one.why);
    } finally {
      pool.events.log.undo();
    }
  });
}

/** Of bytes that were measured for an operation: what need not be done again when it is applied. */
export function knownAheadOf({ measure }: HeldOperation): Measures['ahead'] {
  if (measure === null) return NOTHING_AHEAD;
  // In the catalog encoded bytes are measured as they lie.
  const asTheyLie = measure.all.filter(({ asked }) => asked.encoded === undefined);
  return new Map(asTheyLie.map((one) => [placeOfBytes(one.asked.slab, one.asked.offset), one]));
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
  const { events, now } = pool;
  if (events.measuring.size === 0) return;
  const who = inWords([...events.measuredFor.keys()].map((one) => whoOf(pool, one)));
  const all = new Set([...events.measuring.values()].map(({ held }) => held));
  for (const held of [...all].sort((one, other) => one.order - other.order)) {
    if (room.isFull) return;
    const { object, member } = subjectOf(pool, held);
    if (name !== null && object !== name && !isMeasured(pool, held, name)) continue;
    const request = messageName(held.code) ?? 'request';
    const left = held.measure?.left ?? 0;
    const ofMany = held.code === MESSAGE.offerGroup ? `, ${left} of it not yet` : '';
    room.add(waits, {
      object: name ?? object,
      member,
      what: 'held',
      sinceMs: now - held.since,
      deadlineMs: null,
      promisedBy: [],
      because: `its ${request} is measured for ${who || 'nobody any more'}${ofMany}`,
      endsWith: 'its statistics',
    });
  }
}

/** Whether an object is in the group that is measured. */
function isMeasured(pool: PoolState, held: HeldOperation, name: string): boolean {
  if (held.code !== MESSAGE.offerGroup) return false;
  const { handles } = pool;
  return held.lanes.some((lane) => {
    const handle = typeof lane === 'number' ? held.session.handles.get(lane) : 0;
    return handle !== 0 && objectName(pool, handles.get(handle, HANDLE.object)) === name;
  });
}

export function saveMeasure(w: StateWriter, { measure: saved }: HeldOperation): void {
  w.u32(saved?.all.length ?? 0);
  if (saved === null) return;
  w.u32(saved.begun);
  for (const { index, asked, isDone, statistics } of saved.all) {
    const { ask, slab, offset, size, dtype, byteOrder, fills } = asked;
    w.u32(index);
    w.u32(ask);
    w.u32(slab);
    w.u64(offset);
    w.u64(size);
    w.valueMap({ dtype, byteOrder, fills: [...fills] });
    w.flag(asked.encoded !== undefined);
    if (asked.encoded !== undefined) saveEncoded(w, asked.encoded);
    w.flag(isDone);
    w.flag(statistics !== null);
    if (statistics !== null) w.bytes(statistics);
  }
}

function saveEncoded(w: StateWriter, { how, inline }: EncodedBytes): void {
  w.text(how);
  w.flag(inline !== null);
  if (inline !== null) w.bytes(inline);
}

function restoreEncoded(r: StateReader): EncodedBytes {
  return { how: r.text(), inline: r.flag() ? r.bytes() : null };
}

export function restoreMeasure(r: StateReader): HeldMeasure | null {
  const count = r.count(32);
  if (count === 0) return null;
  const begun = r.u32();
  checkSaved(begun <= count, 'no more is measured than is to be');
  const all = Array.from({ length: count }, () => restoreMeasured(r));
  return { all, begun, left: all.filter(({ isDone }) => !isDone).length };
}

function restoreMeasured(r: StateReader): MeasuredOffer {
  const index = r.u32();
  const place = { ask: r.u32(), slab: r.u32(), offset: r.u64(), size: r.u64() };
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
  const encoded = r.flag() ? { encoded: restoreEncoded(r) } : {};
  const isDone = r.flag();
  const statistics = r.flag() ? r.bytes() : null;
  return { index, asked: { ...place, ...of, ...encoded }, isDone, statistics };
}

/** What is restored is measured on: the agent is asked again for what it has not answered. */
export function goOnMeasuring({ events }: PoolState, held: HeldOperation): void {
  const { measure } = held;
  if (measure === null) return;
  events.bytesHeld += measureBytes(measure.all);
  if (held.veto !== null) return;
  for (const one of measure.all.slice(0, measure.begun)) {
    if (!one.isDone) events.measuring.set(one.asked.ask, { held, measure, one });
  }
}
