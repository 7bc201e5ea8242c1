import { Writer } from '../core/bytes.js';
import type { Checksum } from '../core/streams.js';
import { digest } from '../pool/digest.js';
import type { PoolState } from '../pool/state.js';

/** Sums up what came of a batch: what it sent, and the state it left. */
export class Outcome {
  readonly #writer = new Writer(512);

  of(pool: PoolState, frames: readonly { readonly bytes: Uint8Array }[], sum: Checksum): number {
    const w = this.#writer;
    w.reset();
    digest(pool, w);
    let check = sum(w.written(), 0);
    for (const { bytes } of frames) check = sum(bytes, check);
    return check;
  }
}
