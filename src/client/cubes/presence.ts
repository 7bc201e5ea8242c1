import type { Place } from '../../core/cubes/grid.js';
import { LIMITS } from '../../core/limits.js';
import { AxisSet } from '../../core/regions/axis-set.js';
import { type Box, Region } from '../../core/regions/region.js';
import type { Seat } from '../seat.js';
import type { Clock } from './clock.js';
import type { Member } from './members.js';
import { findParts } from './part-search.js';

/** A place, and what is there of that which is needed of its object. */
export interface Present extends Place<Member> {
  /** Null: it is not in parts, or nobody has asked. Empty: nothing. */
  readonly there: Region | null;
  /** What is needed and not there; null: there is no object, or nobody has asked. */
  readonly lacking: Region | null;
  /** Whether all is there that is needed. */
  readonly isWhole: boolean;
}

/** Runs of the boxes of one request: a quarter of what a region may have. */
const RUNS_AT_ONCE = LIMITS.regionRunsMax / 4;

/** Asks the pool what is there of objects that lack parts; of others it is known. */
export async function presenceOf(
  seat: Seat,
  places: readonly Place<Member>[],
  sets: readonly (AxisSet | null)[],
  clock: Clock,
): Promise<readonly Present[]> {
  // There may be a million: they are not copied field by field.
  const found = new Array<Present>(places.length);
  const short: { readonly place: Place<Member>; readonly name: string; readonly region: Region }[] =
    [];
  for (const place of places) {
    const { at, labels, member } = place;
    const known = { at, labels, member, lacking: null };
    const region = member === null ? NOWHERE : neededOf(member.space.shape, sets);
    if (member === null) found[at] = { ...known, there: NOWHERE, isWhole: false };
    else if (member.isComplete) found[at] = { ...known, there: null, isWhole: true };
    else if (region.isEmpty) found[at] = { ...known, there: region, isWhole: true };
    else short.push({ place, name: member.name, region });
  }
  const parted = await findParts(seat, short, clock);
  for (const [each, { there, lacking }] of parted.entries()) {
    const { place, region } = short[each] as (typeof short)[number];
    const { at, labels, member } = place;
    const isWhole = lacking.isEmpty;
    // All of it in the order in which it is needed, not in that in which it was found.
    const known = isWhole ? region : there;
    found[at] = { at, labels, member, there: known, lacking, isWhole };
  }
  return found;
}

const NOWHERE = Region.none([]);

/** What is needed of an object of a shape; null: all of a dimension. */
export function neededOf(shape: readonly number[], sets: readonly (AxisSet | null)[]): Region {
  return Region.box(
    shape,
    shape.map((size, at) => sets[at] ?? AxisSet.range(0, size)),
  );
}

/** What is there of a place, as regions that one request can name each. */
export function inRequests(place: Present): readonly Present[] {
  const { there } = place;
  if (there === null || there.boxes.length === 1) return [place];
  const groups: Box[][] = [];
  let runs = 0;
  for (const box of [...there.boxes].sort(byStart)) {
    const own = box.reduce((sum, axis) => sum + axis.runs.length, 0);
    runs += own;
    const last = groups.at(-1);
    if (last === undefined || last.length >= LIMITS.regionBoxesMax || runs > RUNS_AT_ONCE) {
      groups.push([box]);
      runs = own;
    } else last.push(box);
  }
  return groups.map((boxes) => ({ ...place, there: Region.disjoint(there.shape, boxes) }));
}

/** So that those of one request are near each other. */
function byStart(one: Box, other: Box): number {
  const at = one.findIndex((axis, each) => axis.first !== other[each]?.first);
  return at < 0 ? 0 : (one[at]?.first ?? 0) - (other[at]?.first ?? 0);
}
