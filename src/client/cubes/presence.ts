import type { Writer } from '../../core/bytes.js';
import type { Place } from '../../core/cubes/grid.js';
import { AttaccaError } from '../../core/errors.js';
import { AxisSet } from '../../core/regions/axis-set.js';
import { Region } from '../../core/regions/region.js';
import { regionOfText } from '../../core/regions/region-text.js';
import { EXPLAIN, writeExplain } from '../../protocol/index.js';
import { askValue, asMap } from '../asking.js';
import { peekVersion } from '../demanding.js';
import { Handle } from '../handle.js';
import type { WaitOptions } from '../options.js';
import type { Seat } from '../seat.js';
import { Crew } from './crew.js';
import type { Member } from './members.js';
import { AT_ONCE_MS, mustBeAbsence, searchParts } from './part-search.js';

/** A place, and what is there of that which is needed of its object. */
export interface Present extends Place<Member> {
  /** Null: it is not in parts, or nobody has asked. Empty: nothing. */
  readonly there: Region | null;
  /** Whether all is there that is needed. */
  readonly isWhole: boolean;
}

/** Objects in parts that are asked about at a time. */
const ASKED_AT_ONCE = 64;

/** Asks the pool what is there of objects that lack parts; of others it is known. */
export async function presenceOf(
  seat: Seat,
  places: readonly Place<Member>[],
  sets: readonly (AxisSet | null)[],
  options: WaitOptions,
): Promise<readonly Present[]> {
  // There may be a million: they are not copied field by field.
  const found = new Array<Present>(places.length);
  const crew = new Crew(ASKED_AT_ONCE);
  const ask = async (place: Place<Member>, member: Member): Promise<void> => {
    const needed = neededOf(member.space.shape, sets);
    const there = await thereOf(seat, member, needed, options);
    found[place.at] = { ...place, there, isWhole: there.count === needed.count };
  };
  for (const place of places) {
    const { at, labels, member } = place;
    if (member === null) found[at] = { at, labels, member, there: NOWHERE, isWhole: false };
    else if (member.isComplete) found[at] = { at, labels, member, there: null, isWhole: true };
    else await crew.add(ask(place, member));
  }
  await crew.done();
  return found;
}

const NOWHERE = Region.none([]);

async function thereOf(
  seat: Seat,
  member: Member,
  needed: Region,
  options: WaitOptions,
): Promise<Region> {
  const { name } = member;
  if (needed.isEmpty || (await isThere(seat, name, needed, options))) return needed;
  const all = await partsOf(seat, member, options);
  const there = all === null ? NOWHERE : needed.intersect(all);
  return there.isEmpty || (await isThere(seat, name, there, options)) ? there : NOWHERE;
}

/** What is needed of an object of a shape; null: all of a dimension. */
export function neededOf(shape: readonly number[], sets: readonly (AxisSet | null)[]): Region {
  return Region.box(
    shape,
    shape.map((size, at) => sets[at] ?? AxisSet.range(0, size)),
  );
}

/** Whether whoever demands a region of an object now has it at once. */
export async function isThere(
  seat: Seat,
  name: string,
  region: Region,
  { signal }: WaitOptions,
): Promise<boolean> {
  try {
    const handle = new Handle(seat, name, {});
    await peekVersion(handle, { timeoutMs: AT_ONCE_MS, signal }, region);
    return true;
  } catch (error) {
    mustBeAbsence(error);
    return false;
  }
}

/** What parts have; null: none can be demanded, as of what is still open. */
async function partsOf(
  seat: Seat,
  { name, space: { shape } }: Member,
  options: WaitOptions,
): Promise<Region | null> {
  const write = (w: Writer): void => writeExplain(w, EXPLAIN.name, name);
  const told = asMap(await askValue(seat.client, `explain "${name}"`, write, options));
  const { offered, consistency, missing, missingRegion } = told;
  if (offered === null || consistency !== undefined) return null;
  const whole = Region.whole(shape);
  if (typeof missing !== 'number') return whole;
  // A text for people, which tells all where that is little.
  const region = typeof missingRegion === 'string' ? regionOfText(missingRegion, shape) : null;
  if (region !== null && region.count === missing) return whole.difference(region);
  const found = await searchParts(seat, name, shape, whole.count - missing, options);
  if (found !== null) return found;
  const why = 'its parts are too many, and too small, to be found one by one; wait, or pick others';
  throw new AttaccaError('cube-hole', `Cannot tell what is there of "${name}": ${why}`, { name });
}
