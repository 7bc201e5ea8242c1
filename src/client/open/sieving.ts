import { AxisSet } from '../../core/regions/axis-set.js';
import { boundingBox } from '../../core/regions/cutting.js';
import { Region } from '../../core/regions/region.js';
import type { Order } from '../../core/space.js';

/** Reads that are fewer go as they are. */
const SIEVE_READS_MIN = 16;
/** What bounds the reads may have so many times the bytes that they want. */
const SIEVE_WASTE_MAX = 4;

/** Indices along each axis, the last ones with them. */
interface Bounds {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

interface Sieved<R> {
  /** A box that has all that they want. */
  readonly box: Region;
  readonly reads: readonly R[];
}

/** Which reads are served from boxes that bound them, and which go as they are. */
interface Sieves<R> {
  readonly sieved: readonly Sieved<R>[];
  readonly others: readonly R[];
}

/**
 * Puts reads together that lie close, in the order in which they begin: as many as one box bounds
 * that is not too large, nor much more than what is wanted. One that lies far away is none of them.
 */
export function sievesFor<R extends { readonly region: Region }>(
  reads: readonly R[],
  order: Order,
  elementsMax: number,
): Sieves<R> {
  const [first] = reads;
  if (first === undefined || reads.length < SIEVE_READS_MIN || elementsMax < 1) {
    return { sieved: [], others: reads };
  }
  const shape = first.region.shape as readonly number[];
  const others = reads.filter(({ region }) => region.isEmpty);
  const placed = reads
    .filter(({ region }) => !region.isEmpty)
    .map((read) => {
      const bounds = boundsOf(read.region);
      return { read, bounds, place: placeIn(shape, order, bounds.low) };
    })
    .sort((one, other) => one.place - other.place);
  const sieved: Sieved<R>[] = [];
  let run: R[] = [];
  let bounds: Bounds | null = null;
  let wanted = 0;
  const end = (): void => {
    if (bounds === null || run.length < SIEVE_READS_MIN) others.push(...run);
    else sieved.push({ box: boxOf(shape, bounds), reads: run });
  };
  for (const each of placed) {
    const { count } = each.read.region;
    const both: Bounds = bounds === null ? each.bounds : boundsOfBoth(bounds, each.bounds);
    const size = countIn(both);
    const fits = size <= elementsMax && size <= (wanted + count) * SIEVE_WASTE_MAX;
    if (bounds !== null && !fits) {
      end();
      run = [];
      wanted = 0;
    }
    bounds = run.length === 0 ? each.bounds : both;
    run.push(each.read);
    wanted += count;
  }
  end();
  return { sieved, others };
}

function boundsOf(region: Region): Bounds {
  const box = boundingBox(region).onlyBox as readonly AxisSet[];
  return { low: box.map(({ first }) => first), high: box.map(({ last }) => last) };
}

function boundsOfBoth(one: Bounds, other: Bounds): Bounds {
  return {
    low: one.low.map((index, at) => Math.min(index, other.low[at] as number)),
    high: one.high.map((index, at) => Math.max(index, other.high[at] as number)),
  };
}

function countIn({ low, high }: Bounds): number {
  return low.reduce((count, index, at) => count * ((high[at] as number) - index + 1), 1);
}

function boxOf(shape: readonly number[], { low, high }: Bounds): Region {
  return Region.box(
    shape,
    low.map((index, at) => AxisSet.range(index, (high[at] as number) + 1)),
  );
}

/** The place of an element in memory. */
function placeIn(shape: readonly number[], order: Order, element: readonly number[]): number {
  const axes = shape.map((_, at) => at);
  if (order === 'column') axes.reverse();
  return axes.reduce((place, at) => place * (shape[at] as number) + (element[at] as number), 0);
}
