import { RowSet, WINDOW_BITS } from '../catalog/row-set.js';
import type { Search } from '../catalog/search.js';
import { LIMITS } from '../core/limits.js';
import { numberOf } from '../core/selector/satisfies.js';
import { decodeUtf8 } from '../core/utf8.js';
import { Float, Timestamp, type Value } from '../core/value.js';
import { compareValues } from '../core/value-order.js';
import { FACETS, type Facets } from '../protocol/index.js';
import { termFound } from './indexing.js';
import { objectName } from './objects.js';
import { isNameKey, isToldKey, toldOf, toldSteps } from './own-keys.js';
import { Room } from './room.js';
import { nextOf, WORK_MAX } from './searching.js';
import type { PoolState } from './state.js';

/** Objects that are looked at one by one for one answer: bounds the pause. */
const ROWS_MAX = 8_192;
/** A key with more distinct values is counted object by object. */
const TERMS_MAX = 16_384;
/** Windows whose rows are held at a time: 4 million rows, half a MiB. */
const WINDOWS_MAX = 64;
/** Values that are larger together are not read only to be put in order. */
const BYTES_MAX = 1 << 20;
const VALUES_DEFAULT = 1_000;
const BINS_MAX = 64;

/** A value, which is read when it is to be told, and how many objects have it. */
interface Counted {
  readonly value: () => Value;
  /** Whether it is a number or a moment. */
  readonly isMeasure: boolean;
  /** Its size. */
  readonly bytes: number;
  count: number;
}

/** A value that was read. */
interface Told {
  readonly [key: string]: Value;
  readonly value: Value;
  readonly count: number;
}

interface Tally {
  readonly values: readonly Counted[];
  readonly next: string | null;
}

/** FACETS: the values of a key among what is selected, or ranges of its numbers. */
export function facets(pool: PoolState, message: Facets): Value {
  const { search, from } = pool.searching.open(message);
  const key = decodeUtf8(pool.reader.bytes, message.keyStart, message.keyEnd);
  const isOwn = isNameKey(key) || isToldKey(key);
  const number = isOwn ? 0 : pool.keys.find(key);
  const byTerm = !isOwn && pool.terms.valuesOf(number) <= TERMS_MAX;
  const { values, next } = byTerm
    ? tallyTerms(pool, search, from, number)
    : isOwn
      ? tallyRows(search, from, hasOwn(pool, key), (object) => toldSteps(pool, key, object))
      : tallyRows(search, from, hasTerm(pool, number));
  const objects = values.reduce((sum, { count }) => sum + count, 0);
  const parts = { key, objects, distinct: values.length, next };
  if (message.what === FACETS.histogram) return { ...parts, histograms: histogramsOf(values) };
  return { ...parts, ...mostFrequent(values, message.limit) };
}

/**
 * The most frequent values; of others, how many there are. Of values that are as frequent those
 * come first that are first by value; where they are very large together, those at the end of what
 * is shown are those that were there first.
 */
function mostFrequent(values: Tally['values'], limit: number): { readonly [key: string]: Value } {
  const wanted = limit === 0 ? VALUES_DEFAULT : Math.min(limit, LIMITS.listPageMax);
  const bytes = values.reduce((sum, each) => sum + each.bytes, 0);
  const byCountAndValue = (one: Told, other: Told): number =>
    other.count - one.count || compareValues(one.value, other.value, false);
  const isRead = bytes <= BYTES_MAX;
  const sorted = isRead
    ? values.map(({ value, count }) => ({ value: value(), count })).sort(byCountAndValue)
    : values.toSorted((one, other) => other.count - one.count);
  const shown: Told[] = [];
  const room = new Room();
  for (const { value: known, count } of sorted) {
    const value = typeof known === 'function' ? known() : known;
    if (shown.length === wanted || !room.add(shown, { value, count })) break;
  }
  const others = sorted.slice(shown.length);
  shown.sort(byCountAndValue);
  return {
    values: shown,
    otherValues: others.length,
    otherObjects: others.reduce((sum, { count }) => sum + count, 0),
  };
}

/** Few values and many objects: of each value, how many of its rows are selected. */
function tallyTerms(pool: PoolState, search: Search, from: number, key: number): Tally {
  const windows = new Map<number, RowSet>();
  const first = from >>> WINDOW_BITS;
  let next = from;
  do {
    next = search.part(next, (rows, window) => {
      const all = windows.get(window) ?? new RowSet();
      all.or(rows);
      windows.set(window, all);
    });
  } while (next >= 0 && windows.size < WINDOWS_MAX && search.work <= WORK_MAX);
  const { terms } = pool;
  const { postings } = terms;
  const values: Counted[] = [];
  terms.eachOf(key, (term) => {
    const set = terms.rowsOf(term);
    let count = 0;
    let at = postings.windowFrom(set, first);
    while (at >= 0) {
      const rows = windows.get(at);
      if (rows !== undefined) count += postings.countCommon(set, at, rows.words);
      at = postings.windowFrom(set, at + 1);
    }
    if (count > 0) values.push({ ...valueOfTerm(pool, term), count });
  });
  return { values, next: nextOf(next) };
}

/** What an object has of a key: equal ids are equal values. */
type Has = (object: number) => (Omit<Counted, 'count'> & { readonly id: number | string }) | null;

/** So many steps of telling count as a look at one row more. */
const ROW_STEPS = 1_000;

/** Many values, or values that no terms are of: object by object. */
function tallyRows(
  search: Search,
  from: number,
  has: Has,
  stepsOf: (object: number) => number = () => 0,
): Tally {
  const found = new Map<number | string, Counted>();
  let looked = 0;
  const next = search.rows(
    from,
    (object) => {
      const what = has(object);
      if (what !== null) {
        const known = found.get(what.id);
        if (known === undefined) found.set(what.id, { ...what, count: 1 });
        else known.count++;
      }
      looked += 1 + Math.floor(stepsOf(object) / ROW_STEPS);
      return looked < ROWS_MAX;
    },
    WORK_MAX,
  );
  return { values: [...found.values()], next: nextOf(next) };
}

function hasTerm(pool: PoolState, key: number): Has {
  return (object) => {
    const term = termFound(pool, object, key);
    return term === 0 ? null : { id: term, ...valueOfTerm(pool, term) };
  };
}

function valueOfTerm(pool: PoolState, term: number): Omit<Counted, 'count'> {
  const { attributes, terms, arena } = pool;
  const bytes = arena.size(terms.valueOf(term));
  return { value: () => attributes.valueOf(term), isMeasure: terms.isMeasure(term), bytes };
}

function hasOwn(pool: PoolState, key: string): Has {
  return (object) => {
    const value = isNameKey(key) ? objectName(pool, object) : toldOf(pool, key, object);
    if (value === undefined) return null;
    const id = idOf(value);
    const isMeasure = value instanceof Timestamp || numberOf(value) !== null;
    return { id, value: () => value, isMeasure, bytes: id.length };
  };
}

function idOf(value: Value): string {
  if (value instanceof Timestamp) return String(value.nanoseconds);
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

/**
 * Ranges of numbers and of timestamps (in ns), each from a multiple of a power of two to the next:
 * so those of parts of a pool, or of two pools, can be put together exactly, the finer made as
 * coarse as the other by adding neighbours (as PDC does). Bin `i` counts what lies in
 * `[(first + i) * 2^exponent, (first + i + 1) * 2^exponent)`.
 */
function histogramsOf(values: Tally['values']): Value {
  const numbers: Measured[] = [];
  const times: Measured[] = [];
  for (const { value: read, isMeasure, count } of values) {
    if (!isMeasure) continue;
    const value = read();
    const number = numberOf(value);
    if (number !== null) numbers.push({ number: Number(number), value, count });
    else if (value instanceof Timestamp) {
      times.push({ number: Number(value.nanoseconds), value, count });
    }
  }
  return [
    { of: 'numbers', ...histogramOf(numbers) },
    { of: 'timestamps', ...histogramOf(times) },
  ].filter(({ objects }) => objects > 0);
}

interface Measured {
  readonly number: number;
  readonly value: Value;
  readonly count: number;
}

function histogramOf(all: readonly Measured[]): {
  readonly [key: string]: Value;
  readonly objects: number;
} {
  // NaN and infinities lie in no range.
  const counted = all.filter(({ number }) => Number.isFinite(number));
  const objects = counted.reduce((sum, { count }) => sum + count, 0);
  const [least, most] = ends(counted);
  if (least === null || most === null) return { objects };
  const farthest = Math.max(Math.abs(least.number), Math.abs(most.number));
  // The numbers of bins are integers that a float64 holds.
  let exponent = Math.max(-1_022, exponentOf(farthest) - 53, exponentOf(spread(least, most)) - 6);
  const binOf = (number: number): number => Math.floor(number / 2 ** exponent);
  while (binOf(most.number) - binOf(least.number) >= BINS_MAX) exponent++;
  const first = binOf(least.number);
  const bins = new Array<number>(binOf(most.number) - first + 1).fill(0);
  for (const { number, count } of counted) {
    const bin = binOf(number) - first;
    bins[bin] = (bins[bin] ?? 0) + count;
  }
  return { objects, least: least.value, most: most.value, exponent, first: new Float(first), bins };
}

/** By the values as they are: as float64 two of them may be one. */
function ends(counted: readonly Measured[]): [Measured | null, Measured | null] {
  let least: Measured | null = null;
  let most: Measured | null = null;
  for (const each of counted) {
    if (least === null || compareValues(each.value, least.value, false) < 0) least = each;
    if (most === null || compareValues(each.value, most.value, false) > 0) most = each;
  }
  return [least, most];
}

/** At most what a float64 can say. */
function spread(least: Measured, most: Measured): number {
  return Math.min(most.number - least.number, Number.MAX_VALUE);
}

/** The lowest exponent of a power of two that is not below a size; of 0 it is that of 1. */
function exponentOf(size: number): number {
  let exponent = 0;
  if (size === 0) return 0;
  while (2 ** exponent < size) exponent++;
  while (2 ** (exponent - 1) >= size) exponent--;
  return exponent;
}
