import { AttaccaError } from '../../core/errors.js';
import type { AxisSet } from '../../core/regions/axis-set.js';
import { type Box, countOf, Region } from '../../core/regions/region.js';
import { peekVersion } from '../demanding.js';
import { Handle } from '../handle.js';
import type { WaitOptions } from '../options.js';
import type { Seat } from '../seat.js';
import type { Clock } from './clock.js';
import { mergedBoxes } from './merging.js';

/** Questions of one search: parts that are so many, and so small, are not found. */
const PROBES_MAX = 65_536;
/** The pool looks at all handles of an object for each that waits in vain. */
const PROBED_AT_ONCE = 128;
/** A deadline that only what is there meets. */
const AT_ONCE_MS = 1;

/** What says of a demand that it had to wait. */
const NOT_THERE: readonly string[] = [
  'deadline-passed',
  'nobody-will-offer',
  'parts-missing',
  'unknown-object',
  'bad-region',
];

/** A region of an object, one box, of which some may be there. */
interface Sought {
  readonly name: string;
  readonly region: Region;
}

/** What of a region is there, and what is not. */
interface Parted {
  readonly there: Region;
  readonly lacking: Region;
}

/**
 * How many elements of a region of an object nobody has offered: 0 when whoever demands it now has
 * it at once. Waits for none of them, and leases nothing.
 */
export async function missingOf(
  seat: Seat,
  { name, region }: Sought,
  options: WaitOptions,
): Promise<number> {
  try {
    const handle = new Handle(seat, name, {});
    await peekVersion(handle, options, region, AT_ONCE_MS);
    return 0;
  } catch (error) {
    if (!(error instanceof AttaccaError && NOT_THERE.includes(error.code))) throw error;
    // That the pool has not answered says nothing of the object.
    if (error.code === 'deadline-passed' && error.fields['name'] !== name) throw error;
    // Of what is in no parts, or not offered any more, the pool says no number.
    const { missing } = error.fields;
    const isNumber = typeof missing === 'number' && missing > 0;
    return isNumber ? Math.min(missing, region.count) : region.count;
  }
}

/** A part of a region that is sought: from where to where, in indices of each axis. */
interface Piece {
  /** Of its region. */
  readonly at: number;
  readonly ranges: readonly (readonly [start: number, end: number])[];
  readonly box: Box;
  /** Along which it is cut next. */
  readonly axis: number;
  /** Of a second half how much is missing of both: it is not asked about. Else null. */
  readonly rest: number | null;
}

/**
 * Tells of regions of objects in parts what of them is there: the pool says how much of each is
 * missing, of what has some one half is asked about, which tells of the other, and so on.
 * `deadline-passed` where that takes longer than one waits; `cube-hole` where it takes too many
 * questions.
 */
export async function findParts(
  seat: Seat,
  sought: readonly Sought[],
  clock: Clock,
): Promise<readonly Parted[]> {
  const search = new Search(sought);
  for (let asked = 0; search.pieces.length > 0; ) {
    const { pieces } = search;
    asked += pieces.length;
    if (asked - sought.length > PROBES_MAX) search.giveUp();
    const missing: number[] = [];
    for (let at = 0; at < pieces.length; at += PROBED_AT_ONCE) {
      if (asked > pieces.length || at > 0) clock.mustGoOn('not all was asked that is there');
      const some = pieces.slice(at, at + PROBED_AT_ONCE);
      const answers = await allOf(
        some.map(({ at: of, box, rest }) => {
          if (rest !== null) return null;
          const { name, region } = sought[of] as Sought;
          return missingOf(seat, { name, region: Region.box(region.shape, box) }, clock.options);
        }),
      );
      for (const [each, answer] of answers.entries()) {
        const { rest, box } = some[each] as Piece;
        // What comes meanwhile makes it less: then this half is taken for what it was.
        const left = (rest ?? 0) - (answers[each - 1] ?? 0);
        missing.push(answer ?? Math.max(0, Math.min(countOf(box), left)));
      }
    }
    search.take(missing);
  }
  return search.parted();
}

/** All answers, once none is under way any more. */
async function allOf(
  questions: readonly (Promise<number> | null)[],
): Promise<readonly (number | null)[]> {
  await Promise.allSettled(questions);
  return await Promise.all(questions);
}

/** What is known of all regions, and which pieces of them are asked about next. */
class Search {
  readonly #sought: readonly Sought[];
  readonly #indices: readonly (readonly Float64Array[])[];
  readonly #there: readonly Box[][];
  readonly #lacking: readonly Box[][];
  pieces: readonly Piece[];
  /** Then pieces come in twos. */
  #areHalves = false;

  constructor(sought: readonly Sought[]) {
    this.#sought = sought;
    this.#there = sought.map(() => []);
    this.#lacking = sought.map(() => []);
    const boxes = sought.map(({ region }) => region.onlyBox ?? []);
    this.#indices = boxes.map((box) => box.map((axis) => axis.toIndices()));
    this.pieces = boxes.map((box, at) => {
      return { at, ranges: box.map(({ count }) => [0, count] as const), box, axis: 0, rest: null };
    });
  }

  giveUp(): never {
    const { name } = this.#sought[this.pieces[0]?.at ?? 0] as Sought;
    const why = 'its parts are too many, and too small; wait for the rest, or pick others';
    throw new AttaccaError('cube-hole', `Cannot tell what is there of "${name}": ${why}`, { name });
  }

  /** Of each piece how much of it is missing. */
  take(missing: readonly number[]): void {
    const isParted = (each: number): boolean => {
      const piece = this.pieces[each];
      const lacks = missing[each] ?? 0;
      return piece !== undefined && lacks > 0 && lacks < countOf(piece.box);
    };
    const next: Piece[] = [];
    for (const [each, piece] of this.pieces.entries()) {
      if (isParted(each)) {
        // Along another axis where this one has parted nothing.
        const isOther = this.#areHalves && isParted(each ^ 1);
        next.push(...this.#halves(piece, missing[each] ?? 0, isOther));
      } else {
        const of = missing[each] === 0 ? this.#there : this.#lacking;
        of[piece.at]?.push(piece.box);
      }
    }
    this.pieces = next;
    this.#areHalves = true;
  }

  #halves({ at, ranges, box, axis }: Piece, missing: number, isOther: boolean): Piece[] {
    const length = (of: number): number => {
      const [start, end] = ranges[of] ?? [0, 0];
      return end - start;
    };
    let along = (axis + (isOther ? 1 : 0)) % box.length;
    while (length(along) < 2) along = (along + 1) % box.length;
    const [start, end] = ranges[along] as readonly [number, number];
    const indices = this.#indices[at]?.[along] as Float64Array;
    const middle = Math.floor((start + end) / 2);
    return [[start, middle] as const, [middle, end] as const].map((range) => {
      const [from, to] = range;
      const first = indices[from] as number;
      const last = indices[to - 1] as number;
      const set = (box[along] as AxisSet).within(first, last + 1);
      const rest = from === start ? null : missing;
      return {
        at,
        ranges: ranges.with(along, range),
        box: box.with(along, set),
        axis: along,
        rest,
      };
    });
  }

  parted(): readonly Parted[] {
    const regionOf = (shape: Region['shape'], boxes: readonly Box[]): Region =>
      Region.disjoint(shape, mergedBoxes(boxes));
    return this.#sought.map(({ region: { shape } }, at) => {
      const [there = [], lacking = []] = [this.#there[at], this.#lacking[at]];
      return { there: regionOf(shape, there), lacking: regionOf(shape, lacking) };
    });
  }
}
