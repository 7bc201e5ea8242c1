import { completeSpaceOf, type Space } from '../core/space.js';
import type { TransformSpec } from '../transforms/spec.js';
import { type Bytes, bytesOfView, dtypeOfArray } from './arrays.js';
import { spaceIfKnown, unknownShape } from './backing.js';
import type { Acknowledged } from './call.js';
import { encode } from './encoding.js';
import { Handle } from './handle.js';
import { encodeOffer, offerPayload } from './offering.js';
import type { ObjectOptions, OfferOptions, ReplaceOptions, WaitOptions } from './options.js';
import type { Seat } from './seat.js';
import { unlessAborted } from './waiting.js';

/** Offers what a chain makes of data under a name: `put` with an encoding. */
export async function putEncoded(
  seat: Seat,
  name: string,
  data: ArrayBufferView,
  chain: readonly TransformSpec[],
  options: ObjectOptions & OfferOptions & ReplaceOptions & WaitOptions,
): Promise<Acknowledged> {
  const source = { space: spaceOf(data, options), chain };
  const { threads } = seat.client;
  const { signal } = options;
  const encoding = encode(threads, source, bytesOfView(data), signal);
  const { bytes, attributes } = await unlessAborted(encoding, `offer "${name}"`, options);
  const handle = new Handle(seat, name, {
    attributes: { ...options.attributes, ...attributes },
    space: { dtype: 'uint8', shape: [bytes.length] },
  });
  const keep = options.keep ?? true;
  try {
    const payload = { kind: 'bytes', bytes } as const;
    const acknowledged = await offerPayload(handle, payload, encodeOffer(options, keep), options);
    if (keep) handle.release();
    return acknowledged;
  } catch (error) {
    handle.release();
    throw error;
  }
}

/** The space that is said, else that of the array: one dimension. */
function spaceOf(data: ArrayBufferView, { space = {} }: ObjectOptions): Space {
  const dtype = space.dtype ?? dtypeOfArray(data);
  const { BYTES_PER_ELEMENT: size = 1 } = data as { readonly BYTES_PER_ELEMENT?: number };
  const shape = [data.byteLength / size];
  const whole = completeSpaceOf({ shape, order: 'row', byteOrder: 'little', ...space, dtype });
  return whole ?? { dtype, shape, order: 'row', byteOrder: 'little' };
}

/** Offers what an encoding makes of the elements of a handle, which is as before if that fails. */
export async function offerEncoded(
  handle: Handle,
  bytes: Bytes,
  chain: readonly TransformSpec[],
  options: OfferOptions & ReplaceOptions & WaitOptions,
): Promise<Acknowledged> {
  const source = { space: spaceIfKnown(handle.space) ?? unknownShape(handle.name), chain };
  const former = { space: handle.space, attributes: handle.attributes };
  const made = await encode(handle.seat.client.threads, source, bytes, options.signal);
  const attributes = { ...former.attributes, ...made.attributes };
  handle.change({ dtype: 'uint8', shape: [made.bytes.length] }, attributes);
  const payload = { kind: 'bytes', bytes: made.bytes } as const;
  try {
    return await offerPayload(handle, payload, encodeOffer(options), options);
  } catch (error) {
    handle.change(former.space, former.attributes);
    throw error;
  }
}
