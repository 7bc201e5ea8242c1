import type { Histogram } from '../../client/faceting.js';
import { Timestamp, type Value } from '../../core/value.js';
import { formatTimestamp } from '../json.js';

/** What lies from one value to another, without that. */
export interface Range {
  readonly from: Value;
  readonly to: Value;
  readonly count: number;
  readonly fromText: string;
  readonly toText: string;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const SECOND_NS = 1e9;
const MINUTE_NS = 60 * SECOND_NS;
const DAY_NS = 86_400 * SECOND_NS;
/** Ranges as wide as these tell nothing by minutes and days. */
const WIDE = 60;

/** At most so many ranges of a histogram: neighbours are put together until they are that few. */
export function rangesOf(histogram: Histogram, rangesMax: number): Range[] {
  let { exponent, first, bins } = histogram;
  while (bins.length > rangesMax && bins.length > 1) {
    const wider = coarser(first, bins);
    // Zero lies between two that are never put together.
    if (wider.bins.length === bins.length) break;
    exponent++;
    ({ first, bins } = wider);
  }
  const edge = histogram.of === 'numbers' ? numberEdge : timeEdge;
  const widthNs = 2 ** exponent;
  const edges = Array.from({ length: bins.length + 1 }, (_, index) =>
    edge(first + index, exponent),
  );
  return bins.map((count, index) => {
    const [from, to] = [edges[index] as Value, edges[index + 1] as Value];
    return { from, to, count, fromText: edgeText(from, widthNs), toText: edgeText(to, widthNs) };
  });
}

/** Ranges twice as wide: each begins with a multiple of its width, as the finer ones do. */
function coarser(first: number, bins: readonly number[]): { first: number; bins: number[] } {
  const start = Math.floor(first / 2);
  const wider = new Array<number>(Math.floor((first + bins.length - 1) / 2) - start + 1).fill(0);
  bins.forEach((count, index) => {
    const bin = Math.floor((first + index) / 2) - start;
    wider[bin] = (wider[bin] ?? 0) + count;
  });
  return { first: start, bins: wider };
}

function numberEdge(multiple: number, exponent: number): Value {
  return multiple * 2 ** exponent;
}

/** The moment, down to the nanosecond; of what no timestamp reaches the last one that does. */
function timeEdge(multiple: number, exponent: number): Value {
  const ns =
    exponent >= 0
      ? BigInt(multiple) << BigInt(exponent)
      : BigInt(Math.floor(multiple * 2 ** exponent));
  return new Timestamp(ns > INT64_MAX ? INT64_MAX : ns < INT64_MIN ? INT64_MIN : ns);
}

/** Moments are cut, not rounded, to what ranges of this width are told apart by. */
function edgeText(edge: Value, widthNs: number): string {
  if (!(edge instanceof Timestamp)) return String(edge);
  const iso = formatTimestamp(edge);
  if (widthNs >= WIDE * DAY_NS) return iso.slice(0, 'YYYY-MM-DD'.length);
  if (widthNs >= WIDE * MINUTE_NS) return `${iso.slice(0, 'YYYY-MM-DDTHH:MM'.length)}Z`;
  if (widthNs >= WIDE * SECOND_NS) return `${iso.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}Z`;
  return iso;
}
