import { AttaccaError } from '../core/errors.js';
import { completeSpaceOf, type Space, type SpaceExpectation, spaceBytes } from '../core/space.js';
import type { Bytes } from './arrays.js';
import type { Client } from './client.js';
import type { Slice } from './slice.js';

/** Where the bytes of an object that is being made are. */
export type Backing =
  /** Leased memory: offered without a copy. */
  | { readonly kind: 'slice'; readonly slice: Slice; readonly bytes: Bytes }
  /** A slice that is written elsewhere: an adopted file. */
  | { readonly kind: 'file'; readonly slice: Slice }
  /** Memory of this process: moved at offer. */
  | { readonly kind: 'private'; readonly bytes: Bytes };

/** The space with what offers default to; null while its shape is not wholly known. */
export function spaceIfKnown(space: SpaceExpectation): Space | null {
  return completeSpaceOf({ dtype: 'uint8', order: 'row', byteOrder: 'little', ...space });
}

/** Fails with `bad-space`. */
export function unknownShape(name: string): never {
  throw new AttaccaError(
    'bad-space',
    `Cannot make an array for "${name}": its space says no complete shape`,
    { name },
  );
}

/**
 * Memory for a payload, at once: leased where there is some at hand, else this process's own, which
 * offer moves. Small payloads travel in messages, so their memory is always one's own.
 */
export function memoryNow(client: Client, size: number): Backing {
  if (size > client.inlineBytesMax && client.plane.transport === 'shared-memory') {
    const slice = client.leases.take(size);
    const bytes = slice === null ? null : client.plane.writable(slice);
    if (slice !== null && bytes !== null) return { kind: 'slice', slice, bytes };
    if (slice !== null) client.leases.giveBack(slice);
    else client.leases.expect(size);
  }
  return { kind: 'private', bytes: new Uint8Array(size) };
}

/** The size of the payload if the space says it, else null. */
export function sizeIfKnown(space: SpaceExpectation): number | null {
  const complete = spaceIfKnown(space);
  return complete === null ? null : spaceBytes(complete);
}
