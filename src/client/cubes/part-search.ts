import { AttaccaError } from '../../core/errors.js';
import { AxisSet } from '../../core/regions/axis-set.js';
import { Region } from '../../core/regions/region.js';
import { DemandBatch } from '../demand-batch.js';
import { Handle } from '../handle.js';
import type { WaitOptions } from '../options.js';
import { giveBack } from '../parcels.js';
import type { Seat } from '../seat.js';
import { Crew } from './crew.js';

/** Elements that are asked for, of one object: parts that are so small are not found. */
const PROBES_MAX = 4_096;
const PROBED_AT_ONCE = 64;
/** A deadline that only what is there meets. */
export const AT_ONCE_MS = 1;

/** What says of a demand that it had to wait. */
const NOT_THERE: readonly string[] = [
  'deadline-passed',
  'nobody-will-offer',
  'parts-missing',
  'unknown-object',
  'bad-region',
];

/** Returns when an error says that something is not there; others are thrown. */
export function mustBeAbsence(error: unknown): void {
  if (!(error instanceof AttaccaError && NOT_THERE.includes(error.code))) throw error;
}

/** From where to where, along each axis. */
type Block = readonly (readonly [start: number, end: number])[];

/**
 * Looks for the parts of an object until they have so many elements. Whoever demands an element
 * hears of which part it is: so one in the middle of the object is demanded, then one in each half,
 * in each half of these, and so on. Null: some are too small to be found.
 */
export async function searchParts(
  seat: Seat,
  name: string,
  shape: readonly number[],
  count: number,
  options: WaitOptions,
): Promise<Region | null> {
  let there = Region.none(shape);
  let blocks: Block[] = [shape.map((size) => [0, size] as const)];
  for (let probes = 0; there.count < count && blocks.length > 0; ) {
    if (probes + blocks.length > PROBES_MAX) return null;
    const crew = new Crew(PROBED_AT_ONCE);
    const probe = async (element: readonly number[]): Promise<void> => {
      for (const part of await partsAt(seat, name, elementOf(shape, element), options)) {
        // Another element of it was asked for, too.
        if (!there.meets(part)) there = there.with(part);
      }
    };
    for (const block of blocks) {
      const middle = block.map(([start, end]) => Math.floor((start + end) / 2));
      if (there.has(middle)) continue;
      probes += 1;
      await crew.add(probe(middle));
    }
    await crew.done();
    blocks = blocks.flatMap(halves).filter((block) => !there.covers(regionOf(shape, block)));
  }
  return there.count < count ? null : there;
}

function elementOf(shape: readonly number[], element: readonly number[]): Region {
  return regionOf(
    shape,
    element.map((index) => [index, index + 1] as const),
  );
}

function regionOf(shape: readonly number[], block: Block): Region {
  return Region.box(
    shape,
    block.map(([start, end]) => AxisSet.range(start, end)),
  );
}

/** Along its longest axis; none of a single element. */
function halves(block: Block): Block[] {
  const sizes = block.map(([start, end]) => end - start);
  const longest = sizes.indexOf(Math.max(...sizes));
  const [start, end] = block[longest] ?? [0, 0];
  if (end - start < 2) return [];
  const middle = Math.floor((start + end) / 2);
  return [block.with(longest, [start, middle]), block.with(longest, [middle, end])];
}

/** The regions of the parts that have something of a region that is there; none: it is not. */
async function partsAt(
  seat: Seat,
  name: string,
  region: Region,
  { signal }: WaitOptions,
): Promise<readonly Region[]> {
  const handle = new Handle(seat, name, {});
  const batch = new DemandBatch(seat, [handle], { timeoutMs: AT_ONCE_MS, signal }, [region]);
  try {
    await batch.start();
    const came = await batch.take();
    if (came === null) return [];
    giveBack(seat.client, came.parcel);
    handle.release();
    return came.parcel.parts.map((part) => part.region);
  } catch (error) {
    batch.cancel();
    mustBeAbsence(error);
    return [];
  }
}
