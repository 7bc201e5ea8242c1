import { LIMITS } from '../core/limits.js';
import { type Space, spaceBytes } from '../core/space.js';
import type { Measured } from '../core/statistics/measure.js';
import { runChain } from '../transforms/chain.js';
import { decodeBlock, readEncoding } from '../transforms/encoding.js';

/**
 * The elements that an encoded payload stands for; null when it is none, or when more bytes would
 * be needed than a measurement may take. `measured`: what they are said to be.
 */
export async function decodedFor(
  how: string,
  measured: Measured,
  payload: Uint8Array,
): Promise<Uint8Array | null> {
  try {
    const encoding = readEncoding(how);
    const { dtype, byteOrder } = encoding.space;
    if (dtype !== measured.dtype || byteOrder !== measured.byteOrder) return null;
    const { bytes, space } = await decodeBlock(encoding, payload, async (step, block) => {
      checkSize(block.space);
      if (step.after !== null) checkSize(step.after);
      return await runChain([step], block, () => {
        // What runs code of a user's cannot be undone: it is in no such chain.
        throw new Error('there is code in it');
      });
    });
    const isWhole = space.dtype === dtype && space.byteOrder === byteOrder;
    return isWhole && bytes.length === spaceBytes(encoding.space) ? bytes : null;
  } catch {
    // Whatever is wrong with it, it is a payload that nobody can decode.
    return null;
  }
}

function checkSize(space: Space): void {
  if (spaceBytes(space) > LIMITS.measuredDecodedBytesMax) throw new Error('it is too large');
}
