import { assert } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { type ByteOrder, type Dtype, dtypeAt, spaceAt } from '../core/space.js';
import { type Measured, measure } from '../core/statistics/measure.js';
import { isMeasurable, mergeStatistics, type Statistics } from '../core/statistics/statistics.js';
import {
  readStatistics,
  readSummary,
  type Summary,
  summaryOf,
  writeStatistics,
} from '../core/statistics/statistics-codec.js';
import { Float, type Value } from '../core/value.js';
import type { Input } from './input.js';
import { placeOfBytes } from './measures.js';
import type { NewPart } from './parts.js';
import {
  HANDLE,
  MEASURE,
  MEASURE_STATE,
  PART,
  PART_FLAG,
  PARTITION,
  VERSION,
  VERSION_FLAG,
} from './rows.js';
import type { MeasureAsked, PoolState } from './state.js';

/**
 * Statistics of what is offered. Of a slice the agent makes them, in its own time: the pool asks
 * for some at a time, the others wait for their turn. What is freed meanwhile is forgotten, and
 * what the agent says of it is not listened to: nobody waits for a measurement. What lies in a
 * message is small and measured where somebody asks; as a part, when it comes.
 */

/** Keys of attributes whose values stand for no value. */
const FILL_KEYS = ['_FillValue', 'missing_value'] as const;
const FILLS_MAX = 8;

/** Whether what a handle offers is measured: numbers, of a type that somebody has named. */
export function isToBeMeasured({ options, spaces, handles }: PoolState, handle: number): boolean {
  if (!options.statistics) return false;
  const said = handles.get(handle, HANDLE.space);
  if (said === 0) return false;
  const dtype = dtypeAt(spaces.bytes(said), spaces.start(said));
  return dtype !== undefined && isMeasurable(dtype);
}

/** The bytes of a version that is not in parts do not change any more: it is measured. */
export function measureWhole(pool: PoolState, version: number): void {
  const { options, versions } = pool;
  const flags = versions.get(version, VERSION.flags);
  if ((flags & VERSION_FLAG.measured) === 0 || (flags & VERSION_FLAG.slice) === 0) return;
  if (options.statistics) {
    const size = versions.getWide(version, VERSION.size);
    beginMeasure(pool, version, versions.get(version, VERSION.bytes), size);
  } else versions.set(version, VERSION.flags, flags & ~VERSION_FLAG.measured);
}

/** A slice is to be measured, if it was not before it was offered. */
function beginMeasure(pool: PoolState, version: number, block: number, size: number): void {
  const { measures, extents } = pool;
  const { rows } = measures;
  const row = rows.allocate();
  rows.set(row, MEASURE.block, block);
  rows.setWide(row, MEASURE.size, size);
  extents.setNote(block, row);
  const ahead = knownAhead(pool, version, block, size);
  if (ahead !== null) {
    know(pool, row, version, ahead);
    return;
  }
  rows.set(row, MEASURE.state, MEASURE_STATE.waiting);
  rows.set(row, MEASURE.previous, measures.last);
  if (measures.last === 0) measures.first = row;
  else rows.set(measures.last, MEASURE.next, row);
  measures.last = row;
}

/** The statistics that were made of a slice before it was offered, if they are what is asked. */
function knownAhead(
  pool: PoolState,
  version: number,
  block: number,
  size: number,
): Uint8Array | null {
  const { extents, measures } = pool;
  if (measures.ahead.size === 0) return null;
  const place = placeOfBytes(extents.slabOf(block), extents.offsetOf(block));
  const ahead = measures.ahead.get(place);
  if (ahead === undefined || size !== ahead.asked.size) return null;
  const { asked, statistics } = ahead;
  const { dtype, byteOrder, fills } = measuredOf(pool, version);
  if (dtype !== asked.dtype || byteOrder !== asked.byteOrder) return null;
  // A schema may have given it other fill values.
  if (fills.length !== asked.fills.length) return null;
  return fills.every((fill, at) => Object.is(fill, asked.fills[at])) ? statistics : null;
}

/** A slice is measured. */
function know(pool: PoolState, row: number, version: number, statistics: Uint8Array): void {
  const { arena, measures, versions } = pool;
  measures.rows.set(row, MEASURE.state, MEASURE_STATE.known);
  measures.rows.set(row, MEASURE.record, arena.store(statistics, 0, statistics.length));
  if (versions.get(version, VERSION.partition) === 0) return;
  measures.reader.reset(statistics, 0, statistics.length);
  mergePart(pool, version, readStatistics(measures.reader));
}

/** A part has come to a version. */
export function measurePart(pool: PoolState, version: number, part: NewPart): void {
  const { partitions, versions } = pool;
  if ((versions.get(version, VERSION.flags) & VERSION_FLAG.measured) === 0) return;
  if (part.size === 0) return;
  partitions.add(versions.get(version, VERSION.partition), PARTITION.unmeasured, 1);
  if (part.isSlice) beginMeasure(pool, version, part.bytes, part.size);
  else mergePart(pool, version, measureNow(pool, version, part.bytes));
}

/** Before a slice is somebody else's: what is known of it, or asked, is forgotten. */
export function dropMeasure(pool: PoolState, block: number): void {
  const { arena, extents, measures } = pool;
  const { rows } = measures;
  const row = extents.noteOf(block);
  if (row === 0) return;
  extents.setNote(block, 0);
  const state = rows.get(row, MEASURE.state);
  if (state === MEASURE_STATE.waiting) unlink(pool, row);
  if (state === MEASURE_STATE.asked) measures.asked.delete(rows.get(row, MEASURE.ask));
  const record = rows.get(row, MEASURE.record);
  if (record !== 0) arena.free(record);
  rows.release(row);
}

/** Whether what is noted of a block says that it is to be measured, or is just now. */
export function isBeingMeasured({ measures }: PoolState, row: number): boolean {
  if (row === 0) return false;
  const state = measures.rows.get(row, MEASURE.state);
  return state === MEASURE_STATE.waiting || state === MEASURE_STATE.asked;
}

function unlink({ measures }: PoolState, row: number): void {
  const { rows } = measures;
  const next = rows.get(row, MEASURE.next);
  const previous = rows.get(row, MEASURE.previous);
  if (next === 0) measures.last = previous;
  else rows.set(next, MEASURE.previous, previous);
  if (previous === 0) measures.first = next;
  else rows.set(previous, MEASURE.next, next);
  rows.set(row, MEASURE.next, 0);
  rows.set(row, MEASURE.previous, 0);
}

/** Asks the agent for those whose turn it is. */
export function askMeasures(pool: PoolState): void {
  const { effects, measures } = pool;
  if (measures.first === 0 || measures.asked.size >= LIMITS.measuresMax) return;
  const asked: MeasureAsked[] = [];
  for (let row = measures.first; row !== 0; row = measures.first) {
    if (measures.asked.size >= LIMITS.measuresMax) break;
    unlink(pool, row);
    const ask = nextAsk(pool);
    measures.rows.set(row, MEASURE.state, MEASURE_STATE.asked);
    measures.rows.set(row, MEASURE.ask, ask);
    measures.asked.set(ask, row);
    asked.push(askedOf(pool, row));
  }
  effects.push({ kind: 'measure', asked });
}

/** The number of the next question: it comes again after four thousand million others. */
export function nextAsk({ measures }: PoolState): number {
  const ask = measures.askNext;
  measures.askNext = ask === 0xffff_ffff ? 1 : ask + 1;
  return ask;
}

/** What the agent was asked and has not answered. */
export function measuresPending(pool: PoolState): MeasureAsked[] {
  return [...pool.measures.asked.values()].map((row) => askedOf(pool, row));
}

function askedOf(pool: PoolState, row: number): MeasureAsked {
  const { extents, measures } = pool;
  const block = measures.rows.get(row, MEASURE.block);
  return {
    ask: measures.rows.get(row, MEASURE.ask),
    slab: extents.slabOf(block),
    offset: extents.offsetOf(block),
    size: measures.rows.getWide(row, MEASURE.size),
    ...measuredOf(pool, extents.ownerOf(block)),
  };
}

/** What the elements of a version are, and which of them have no value. */
function measuredOf(pool: PoolState, version: number): Measured {
  const { spaces, versions } = pool;
  const space = versions.get(version, VERSION.space);
  const { dtype, byteOrder } = spaceAt(spaces.bytes(space), spaces.start(space)) as {
    readonly dtype?: Dtype;
    readonly byteOrder?: ByteOrder;
  };
  assert(dtype !== undefined && byteOrder !== undefined, 'the space of a version is whole');
  return { dtype, byteOrder, fills: fillsOf(pool, versions.get(version, VERSION.attributes)) };
}

/** The values that stand for no value, as attributes say. */
export function fillsOf({ attributes, keys }: PoolState, record: number): (number | bigint)[] {
  const fills = FILL_KEYS.flatMap((name) => {
    const key = keys.find(name);
    return key === 0 || record === 0 ? [] : numbersIn(attributes.value(record, key));
  });
  return fills.slice(0, FILLS_MAX);
}

/** What lies in the arena: small, so that it is measured at once. */
function measureNow(pool: PoolState, version: number, bytes: number): Statistics {
  return measure(measuredOf(pool, version), pool.arena.view(bytes), pool.measures.scratch);
}

export function numbersIn(value: Value | undefined): (number | bigint)[] {
  if (typeof value === 'number' || typeof value === 'bigint') return [value];
  if (value instanceof Float) return [value.value];
  return Array.isArray(value) ? value.flatMap(numbersIn) : [];
}

/** The agent has measured, or could not. */
export function measured(pool: PoolState, { results }: Extract<Input, { kind: 'measured' }>): void {
  const { extents, measures, partitions, versions } = pool;
  const { rows } = measures;
  for (const { ask, statistics } of results) {
    const row = measures.asked.get(ask);
    // What it has measured is freed: the bytes may have been anything.
    if (row === undefined) continue;
    measures.asked.delete(ask);
    const version = extents.ownerOf(rows.get(row, MEASURE.block));
    const partition = versions.get(version, VERSION.partition);
    if (statistics === null) {
      rows.set(row, MEASURE.state, MEASURE_STATE.failed);
      if (partition !== 0) partitions.set(partition, PARTITION.failed, 1);
      continue;
    }
    know(pool, row, version, statistics);
  }
}

/** Those of one more part of a version. */
function mergePart(pool: PoolState, version: number, statistics: Statistics): void {
  const { arena, partitions, versions } = pool;
  const partition = versions.get(version, VERSION.partition);
  const before = partitions.get(partition, PARTITION.statistics);
  let all = statistics;
  if (before !== 0) {
    arena.read(pool.measures.reader, before, 0);
    all = mergeStatistics(readStatistics(pool.measures.reader), statistics);
    arena.free(before);
  }
  const w = new Writer();
  writeStatistics(w, all);
  partitions.set(partition, PARTITION.statistics, arena.store(w.bytes, 0, w.at));
  partitions.add(partition, PARTITION.unmeasured, -1);
}

/** Statistics are not wanted any more: what is not known yet never will be. */
export function forgetMeasures(pool: PoolState): void {
  const { extents, measures, versions } = pool;
  const rows = [...measures.asked.values()];
  for (let row = measures.first; row !== 0; row = measures.rows.get(row, MEASURE.next)) {
    rows.push(row);
  }
  for (const row of rows) {
    const block = measures.rows.get(row, MEASURE.block);
    const version = extents.ownerOf(block);
    const flags = versions.get(version, VERSION.flags);
    versions.set(version, VERSION.flags, flags & ~VERSION_FLAG.measured);
    dropMeasure(pool, block);
  }
}

/** How far a version is measured; undefined when it never will be. */
type MeasureState = 'known' | 'pending' | 'failed';

export function measureStateOf(pool: PoolState, version: number): MeasureState | undefined {
  const { extents, measures, partitions, versions } = pool;
  const flags = versions.get(version, VERSION.flags);
  if ((flags & VERSION_FLAG.measured) === 0) return undefined;
  // What is open changes until it is sealed.
  if ((flags & VERSION_FLAG.open) !== 0) return 'pending';
  const partition = versions.get(version, VERSION.partition);
  if (partition !== 0) {
    const { failed, missing, unmeasured } = PARTITION;
    if (partitions.get(partition, failed) !== 0) return 'failed';
    const left = partitions.getWide(partition, missing) + partitions.get(partition, unmeasured);
    return left === 0 ? 'known' : 'pending';
  }
  if ((flags & VERSION_FLAG.inline) !== 0) return 'known';
  const row = extents.noteOf(versions.get(version, VERSION.bytes));
  const state = measures.rows.get(row, MEASURE.state);
  if (state === MEASURE_STATE.known) return 'known';
  return state === MEASURE_STATE.failed ? 'failed' : 'pending';
}

/** The record with the statistics of a version that is known; 0: it lies in a message. */
function recordOf(pool: PoolState, version: number): number {
  const { extents, measures, partitions, versions } = pool;
  const partition = versions.get(version, VERSION.partition);
  if (partition !== 0) return partitions.get(partition, PARTITION.statistics);
  if ((versions.get(version, VERSION.flags) & VERSION_FLAG.inline) !== 0) return 0;
  const row = extents.noteOf(versions.get(version, VERSION.bytes));
  return measures.rows.get(row, MEASURE.record);
}

/** The statistics of a version; null while they are not known. */
export function statisticsOf(pool: PoolState, version: number): Statistics | null {
  if (measureStateOf(pool, version) !== 'known') return null;
  const { arena, versions } = pool;
  const { reader } = pool.measures;
  const record = recordOf(pool, version);
  if (record === 0) {
    return measureNow(pool, version, versions.get(version, VERSION.bytes));
  }
  arena.read(reader, record, 0);
  return readStatistics(reader);
}

/** What the parts of a version come to that are measured; null when none is, or it has none. */
export function mergedSoFar(
  { arena, measures, partitions, versions }: PoolState,
  version: number,
): { readonly parts: number; readonly statistics: Statistics } | null {
  const partition = versions.get(version, VERSION.partition);
  if (partition === 0) return null;
  const record = partitions.get(partition, PARTITION.statistics);
  if (record === 0) return null;
  arena.read(measures.reader, record, 0);
  const { count, unmeasured } = PARTITION;
  const parts = partitions.get(partition, count) - partitions.get(partition, unmeasured);
  return { parts, statistics: readStatistics(measures.reader) };
}

/** How far a part with bytes is measured, of a version that is, and what is known of it. */
export function partMeasured(
  pool: PoolState,
  version: number,
  part: number,
): { readonly state: MeasureState; readonly statistics: Statistics | null } {
  const { arena, extents, measures, parts } = pool;
  const bytes = parts.get(part, PART.bytes);
  const flags = parts.get(part, PART.flags);
  if ((flags & PART_FLAG.inline) !== 0) {
    return { state: 'known', statistics: measureNow(pool, version, bytes) };
  }
  assert((flags & PART_FLAG.slice) !== 0, 'a part with bytes has them in a slice');
  const row = extents.noteOf(bytes);
  if (row === 0) return { state: 'pending', statistics: null };
  const record = measures.rows.get(row, MEASURE.record);
  if (record === 0) {
    const hasFailed = measures.rows.get(row, MEASURE.state) === MEASURE_STATE.failed;
    return { state: hasFailed ? 'failed' : 'pending', statistics: null };
  }
  arena.read(measures.reader, record, 0);
  return { state: 'known', statistics: readStatistics(measures.reader) };
}

/** The single numbers of them. */
export function summaryOfVersion(pool: PoolState, version: number): Summary | null {
  if (measureStateOf(pool, version) !== 'known') return null;
  const record = recordOf(pool, version);
  if (record !== 0) {
    pool.arena.read(pool.measures.reader, record, 0);
    return readSummary(pool.measures.reader);
  }
  const all = statisticsOf(pool, version);
  return all === null ? null : summaryOf(all);
}

/** Steps to begin to measure, and for each byte: what lies in a message is measured each time. */
const BEGIN_STEPS = 8_000;
const BYTE_STEPS = 6;
/** To read what is known. */
const READ_STEPS = 400;

/** What {@link summaryOfVersion} takes. */
export function summarySteps(pool: PoolState, version: number): number {
  const { versions } = pool;
  const flags = versions.get(version, VERSION.flags);
  if ((flags & VERSION_FLAG.measured) === 0) return 0;
  if ((flags & VERSION_FLAG.inline) === 0) return READ_STEPS;
  return BEGIN_STEPS + versions.getWide(version, VERSION.size) * BYTE_STEPS;
}
