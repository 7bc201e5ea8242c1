import type { AxisSet } from '../core/regions/axis-set.js';
import { Region } from '../core/regions/region.js';
import { type RegionSelection, selectOpen, selectRegion } from '../core/regions/selection.js';
import type { ByteOrder, Dtype, Order, Space, SpaceExpectation } from '../core/space.js';
import { planChain } from '../transforms/chain.js';
import { mustBeChain } from '../transforms/check.js';
import type { TransformSpec } from '../transforms/spec.js';
import { likelyDtype } from './arrays.js';
import type { RequireOptions, WaitOptions } from './options.js';

/** What of an object is wanted, and how it should lie. */
export interface Shaping {
  /** Left out: all of it. */
  readonly region?: RegionSelection | undefined;
  /** The order of the elements; else that of the object. */
  readonly order?: Order | undefined;
  /** Left out: that of the object. */
  readonly byteOrder?: ByteOrder | undefined;
  /** The elements are converted to it; else they are what they are. */
  readonly dtype?: Dtype | undefined;
  /** Whether values may be lost by that: else it is refused with `lossy-conversion`. */
  readonly lossy?: boolean | undefined;
  /**
   * Makes values of packed numbers first, as the CF conventions have it, by the attributes of the
   * object: x `scale_factor` + `add_offset`, and NaN for `_FillValue` and `missing_value`. They
   * come in the byte order of this machine, unless `byteOrder` says otherwise.
   */
  readonly unpack?: boolean | undefined;
  /** What is done with the elements of the region, in this order, before all that follows. */
  readonly transforms?: readonly TransformSpec[] | undefined;
  /**
   * Memory of one's own that the elements go to; it has their size to the byte. What a typed array
   * is of says the dtype, unless that is said, or it is bytes or stands for it. After an error or
   * an abort what is in it is not told; threads may write to it for some moments more.
   */
  readonly into?: ArrayBufferView | undefined;
}

/** How long a demand waits, what of the object it wants, and how that should lie. */
export type DemandOptions = WaitOptions & RequireOptions & Shaping;

/** Whether nothing is asked for but the object as it is. */
export function isPlain(shaping: Shaping): boolean {
  const { region, order, byteOrder, dtype, transforms, into, unpack } = shaping;
  const asked = [region, order, byteOrder, dtype, transforms, into];
  return unpack !== true && asked.every((each) => each === undefined);
}

/** What a require says of the region that it is for; null: it is for all. */
export function wantedRegion(
  { shape }: SpaceExpectation,
  { region }: Shaping,
): Region | readonly (AxisSet | null)[] | null {
  if (region === undefined) return null;
  const isKnown = shape !== undefined && !shape.includes(null);
  return isKnown ? selectRegion(shape, region) : selectOpen(region);
}

/** Whether what is demanded, if that is said, has just the elements that are required. */
export function isSameRegion(
  space: SpaceExpectation,
  demanded: RegionSelection | undefined,
  required: RegionSelection | undefined,
): boolean {
  if (demanded === undefined || demanded === required) return true;
  const [one, other] = [demanded, required].map((region) => wantedRegion(space, { region }));
  if (one instanceof Region) return other instanceof Region && one.equals(other);
  if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
  const axes: readonly (AxisSet | null)[] = one;
  return axes.every((axis, at) => {
    const its: AxisSet | null = other[at];
    return axis === null || its === null ? axis === its : axis.equals(its);
  });
}

/** What is done with the elements once they are gathered, to lie and be as they were asked for. */
function chainOf(shaping: Shaping): TransformSpec[] {
  const { order, dtype, byteOrder, lossy } = shaping;
  const transforms = shaping.transforms ?? [];
  mustBeChain(transforms);
  const chain = [...transforms];
  if (order !== undefined) chain.push({ kind: 'order', order });
  if (dtype !== undefined) chain.push({ kind: 'dtype', dtype, lossy });
  if (byteOrder !== undefined) chain.push({ kind: 'byte-order', byteOrder });
  return chain;
}

/** As {@link chainOf}; elements that go to an array of another type become such, or are refused. */
export function chainInto(how: Shaping, given: Space): TransformSpec[] {
  const chain = chainOf(how);
  if (how.into === undefined || how.dtype !== undefined) return chain;
  const { space } = planChain(chain, given);
  if (space === null) return chain;
  const dtype = likelyDtype(how.into, space.dtype);
  if (dtype === space.dtype) return chain;
  return chainOf({ ...how, dtype, byteOrder: how.byteOrder ?? 'little' });
}
