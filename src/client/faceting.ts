import type { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { numberOf } from '../core/selector/satisfies.js';
import { Timestamp, type Value, type ValueMap } from '../core/value.js';
import { compareValues } from '../core/value-order.js';
import { FACETS, writeFacets } from '../protocol/index.js';
import { askValue, asMap, asMaps } from './asking.js';
import type { Client } from './client.js';
import type { WaitOptions } from './options.js';

export interface FacetOptions extends WaitOptions {
  /** Of which objects; left out, of all. */
  readonly selector?: string | undefined;
  /** At most so many values, the most frequent first; 1,000 when it is left out. */
  readonly limit?: number | undefined;
}

/** The values of a key among objects, the most frequent first. */
export interface FacetValues {
  readonly key: string;
  /** Objects that have the key. */
  readonly objects: number;
  readonly values: readonly { readonly value: Value; readonly count: number }[];
  /** Values that are not among `values`, and the objects that have them. */
  readonly otherValues: number;
  readonly otherObjects: number;
  /**
   * Whether the counts are exact: where a key has very many values in a very large pool, they are
   * counted part by part, and a value that is rare in each may lack what it has in some.
   */
  readonly isExact: boolean;
}

/**
 * How often numbers (or timestamps, in ns) lie in ranges: bin `i` is
 * `[(first + i) * 2^exponent, (first + i + 1) * 2^exponent)`. Widths are powers of two, so that
 * histograms of different objects can be added exactly.
 */
export interface Histogram {
  readonly of: 'numbers' | 'timestamps';
  readonly objects: number;
  readonly least: Value;
  readonly most: Value;
  readonly exponent: number;
  readonly first: number;
  readonly bins: readonly number[];
}

const VALUES_DEFAULT = 1_000;
/** As many as one answer of a pool has. */
const BINS_MAX = 64;

/** Distinct values of a key, and how often each is there. */
export async function facetValues(
  client: Client,
  key: string,
  options: FacetOptions,
): Promise<FacetValues> {
  const limit = options.limit ?? VALUES_DEFAULT;
  const found = new Map<string, { value: Value; count: number }>();
  let otherValues = 0;
  let otherObjects = 0;
  let parts = 0;
  const of = { what: FACETS.values, limit: LIMITS.listPageMax };
  for await (const answer of answers(client, key, of, options)) {
    parts++;
    otherValues += countOf(answer['otherValues']);
    otherObjects += countOf(answer['otherObjects']);
    for (const each of asMaps(answer['values'] ?? [])) {
      const value = each['value'] ?? null;
      const known = found.get(idOf(value));
      if (known === undefined) found.set(idOf(value), { value, count: countOf(each['count']) });
      else known.count += countOf(each['count']);
    }
  }
  const sorted = [...found.values()].sort(
    (one, other) => other.count - one.count || compareValues(one.value, other.value, false),
  );
  const objects = sorted.reduce((sum, { count }) => sum + count, otherObjects);
  const rest = sorted.slice(limit);
  return {
    key,
    objects,
    values: sorted.slice(0, limit),
    otherValues: otherValues + rest.length,
    otherObjects: otherObjects + rest.reduce((sum, { count }) => sum + count, 0),
    isExact: parts <= 1 || otherValues === 0,
  };
}

/** Ranges of the numbers, and of the timestamps, that a key has. */
export async function histogramsOf(
  client: Client,
  key: string,
  options: FacetOptions,
): Promise<Histogram[]> {
  const found = new Map<string, Histogram>();
  const of = { what: FACETS.histogram, limit: 0 };
  for await (const answer of answers(client, key, of, options)) {
    for (const each of asMaps(answer['histograms'] ?? [])) {
      const histogram = each as unknown as Histogram;
      const known = found.get(histogram.of);
      found.set(histogram.of, known === undefined ? histogram : sumOf(known, histogram));
    }
  }
  return [...found.values()];
}

async function* answers(
  client: Client,
  key: string,
  of: { readonly what: number; readonly limit: number },
  options: FacetOptions,
): AsyncGenerator<ValueMap, void, undefined> {
  const { selector = '' } = options;
  for (let after: string | null = ''; after !== null; ) {
    const cursor: string = after;
    const write = (w: Writer): void => writeFacets(w, { selector, after: cursor, key, ...of });
    const answer = asMap(await askValue(client, `look at the values of ${key}`, write, options));
    yield answer;
    after = typeof answer['next'] === 'string' ? answer['next'] : null;
  }
}

/** Both as coarse as the coarser of them, or as holds them in so many bins; then added. */
function sumOf(one: Histogram, other: Histogram): Histogram {
  let exponent = Math.max(one.exponent, other.exponent);
  for (;;) {
    const [left, right] = [coarser(one, exponent), coarser(other, exponent)];
    const first = Math.min(left.first, right.first);
    const end = Math.max(left.first + left.bins.length, right.first + right.bins.length);
    if (end - first <= BINS_MAX) {
      const bins = new Array<number>(end - first).fill(0);
      for (const each of [left, right]) {
        each.bins.forEach((count, index) => {
          const bin = each.first - first + index;
          bins[bin] = (bins[bin] ?? 0) + count;
        });
      }
      const least = compareValues(one.least, other.least, false) <= 0 ? one.least : other.least;
      const most = compareValues(one.most, other.most, false) >= 0 ? one.most : other.most;
      const { of } = one;
      return { of, objects: one.objects + other.objects, least, most, exponent, first, bins };
    }
    exponent++;
  }
}

function coarser(
  { exponent, first, bins }: Histogram,
  wanted: number,
): Pick<Histogram, 'first' | 'bins'> {
  const factor = 2 ** (wanted - exponent);
  const start = Math.floor(first / factor);
  const found = new Array<number>(Math.floor((first + bins.length - 1) / factor) - start + 1).fill(
    0,
  );
  bins.forEach((count, index) => {
    const bin = Math.floor((first + index) / factor) - start;
    found[bin] = (found[bin] ?? 0) + count;
  });
  return { first: start, bins: found };
}

/** The same text for equal values of one type. */
function idOf(value: Value): string {
  if (value instanceof Timestamp) return `t${value.nanoseconds}`;
  const number = numberOf(value);
  if (number !== null) return `n${number}`;
  if (value instanceof Uint8Array) return `b${value.join()}`;
  if (Array.isArray(value)) return `l${value.map((each) => JSON.stringify(idOf(each))).join()}`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, each]) => [key, idOf(each)]);
  return `m${JSON.stringify(entries)}`;
}

function countOf(value: Value | undefined): number {
  if (typeof value === 'number') return value;
  throw new AttaccaError('bad-message', 'Cannot take the answer: it counts nothing');
}
