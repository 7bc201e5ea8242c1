import { AttaccaError } from '../core/errors.js';
import type { AxisSelection } from '../core/regions/selection.js';
import type { Dtype } from '../core/space.js';
import { type AnyArray, bytesOfView, isArrayOf } from './arrays.js';
import { demandParcel, peekVersion } from './demanding.js';
import { Handle } from './handle.js';
import { encodeOffer, offerPayload } from './offering.js';
import type { OfferOptions, RequireOptions, WaitOptions } from './options.js';
import { Delivered } from './received.js';
import type { Seat } from './seat.js';

/** Appends rows to the object of a handle; the first of them, as the pool has placed them. */
export async function appendRows(
  handle: Handle,
  elements: AnyArray,
  options: OfferOptions & WaitOptions,
): Promise<number> {
  const { name, space } = handle;
  if (space.dtype !== undefined && !isArrayOf(space.dtype, elements)) {
    const why = `its elements are ${space.dtype}, those of the array are not`;
    throw new AttaccaError('bad-space', `Cannot append to "${name}": ${why}`, { name });
  }
  let first = 0;
  const appended = (row: number): void => {
    first = row;
  };
  const payload = { kind: 'bytes', bytes: bytesOfView(elements) } as const;
  await offerPayload(handle, payload, { ...encodeOffer(options), appended }, options);
  return first;
}

/** How many rows come at a time, and how long each of these may take. */
export interface FollowOptions extends WaitOptions, RequireOptions {
  readonly rows: number;
}

/** The rows of an object as they come, so many at a time, until it is finished. */
export async function* followRows<D extends Dtype>(
  seat: Seat,
  { name, space }: Pick<Handle, 'name' | 'space'>,
  options: FollowOptions,
): AsyncGenerator<Delivered<D>, void, void> {
  const { rows } = options;
  const { shape } = space;
  if (!Number.isSafeInteger(rows) || rows < 1) {
    throw new AttaccaError('bad-argument', `Cannot follow "${name}" by ${rows} rows`, { name });
  }
  if (shape === undefined || shape.length === 0) {
    const why = 'its space must say how many dimensions it has';
    throw new AttaccaError('bad-space', `Cannot follow "${name}": ${why}`, { name });
  }
  const others: AxisSelection[] = shape.slice(1).map(() => null);
  const take = async (first: number, end: number): Promise<Delivered<D>> => {
    const region = [[first, end] as const, ...others];
    const handle = new Handle(seat, name, { space });
    const delivery = await demandParcel(handle, 'view', false, { ...options, region });
    return new Delivered<D>(delivery, seat.client.leaks);
  };
  for (let first = 0; ; first += rows) {
    let taken: Delivered<D>;
    try {
      taken = await take(first, first + rows);
    } catch (error) {
      if (!(error instanceof AttaccaError && error.code === 'bad-region')) throw error;
      // It has ended before that: what is left are fewer rows, or none.
      const { space: whole } = await peekVersion(new Handle(seat, name, {}), options);
      const end = whole.shape[0] ?? 0;
      if (end >= first + rows) throw error;
      if (end > first) yield await take(first, end);
      return;
    }
    yield taken;
  }
}
