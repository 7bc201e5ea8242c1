import { AttaccaError } from '../core/errors.js';
import type { AxisSet } from '../core/regions/axis-set.js';
import { isLossless } from '../core/regions/convert.js';
import type { Region } from '../core/regions/region.js';
import { type RegionSelection, selectOpen, selectRegion } from '../core/regions/selection.js';
import type { ByteOrder, Dtype, Order, Space, SpaceExpectation } from '../core/space.js';

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
  /** Memory of one's own that the elements go to; it has their size to the byte. */
  readonly into?: ArrayBufferView | undefined;
}

/** Whether nothing is asked for but the object as it is. */
export function isPlain(shaping: Shaping): boolean {
  const { region, order, byteOrder, dtype, into } = shaping;
  const asked = [region, order, byteOrder, dtype, into];
  return asked.every((each) => each === undefined);
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

/** The space of what is handed over. One box keeps its dimensions; else it is a list. */
export function shapedSpace(
  name: string,
  space: Space,
  region: Region | null,
  shaping: Shaping,
): Space {
  const dtype = shaping.dtype ?? space.dtype;
  if (shaping.lossy !== true && !isLossless(space.dtype, dtype)) {
    throw new AttaccaError(
      'lossy-conversion',
      `Cannot demand "${name}" as ${dtype}: not all values of ${space.dtype} are values of it`,
      { name, from: space.dtype, to: dtype },
    );
  }
  const box = region?.onlyBox ?? null;
  let shape: readonly number[] = space.shape;
  if (box !== null) shape = box.map((axis) => axis.count);
  else if (region !== null) shape = [region.count];
  return {
    dtype,
    shape,
    order: shaping.order ?? space.order,
    byteOrder: shaping.byteOrder ?? space.byteOrder,
  };
}
