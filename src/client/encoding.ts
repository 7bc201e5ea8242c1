import { AttaccaError } from '../core/errors.js';
import { Region } from '../core/regions/region.js';
import type { Space } from '../core/space.js';
import { type Block, inverseOf, planChain } from '../transforms/chain.js';
import { decodeBlock, type Encoding, readEncoding } from '../transforms/encoding.js';
import type { TransformSpec } from '../transforms/spec.js';
import type { Bytes } from './arrays.js';
import type { Attributes } from './options.js';
import type { Parcel } from './parcels.js';
import { stepped } from './stepping.js';
import type { Threads } from './threads.js';

/**
 * What says of an object that its payload is encoded: JSON of the chain that its producer ran and
 * of the space that went in. The space of the object is that of its bytes, a list of uint8.
 */
export const ENCODING_KEY = 'attacca.encoding';

/** The encoding of what was delivered; null: it has none. `transform-failed`: it is damaged. */
export function encodingOf(name: string, { attributes, source }: EncodedParcel): Encoding | null {
  const text = attributes[ENCODING_KEY];
  if (typeof text !== 'string' || source === 'parts') return null;
  try {
    return readEncoding(text);
  } catch (cause) {
    throw new AttaccaError(
      'transform-failed',
      `Cannot read the encoding of "${name}": ${cause instanceof Error ? cause.message : cause}`,
      { name },
      { cause },
    );
  }
}

type EncodedParcel = Pick<Parcel, 'attributes' | 'source'>;

/** Refuses with `bad-transform` a chain that cannot be undone, and names the transform. */
function checkEncoding(chain: readonly TransformSpec[], space: Space): void {
  const { steps } = planChain(chain, space);
  for (const { spec, before } of steps) {
    if (inverseOf(spec, before) !== null) continue;
    const why = 'nothing undoes it';
    throw new AttaccaError('bad-transform', `Cannot encode with "${spec.kind}": ${why}`);
  }
}

/** Encodes elements: the bytes to be offered, and the attributes that tell of it. */
export async function encode(
  threads: Threads,
  { space, chain }: Encoding,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly attributes: Attributes }> {
  checkEncoding(chain, space);
  let block: Block = { space, bytes };
  for (const step of planChain(chain, space).steps) {
    block = await stepped(threads, step, block, signal);
  }
  return {
    bytes: block.bytes,
    attributes: { [ENCODING_KEY]: JSON.stringify({ space, chain }) },
  };
}

/** Decodes a payload: the elements that went in, or as near to them as the chain lets it. */
export async function decoded(
  threads: Threads,
  { space, chain }: Encoding,
  stored: readonly { readonly bytes: Bytes }[],
  signal?: AbortSignal,
) {
  const [payload] = stored;
  const { bytes } = await decodeBlock(
    { space, chain },
    payload?.bytes ?? new Uint8Array(0),
    (step, block) => stepped(threads, step, block, signal),
  );
  return { region: Region.whole(space.shape), order: space.order, bytes: bytes as Bytes };
}
