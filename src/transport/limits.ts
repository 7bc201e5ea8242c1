import { assert } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';

/** Bounds of links; those that both sides of the wire must know stand in core/limits.ts. */
export const LINK_LIMITS = {
  /** Chunks of one turn up to so many bytes are put together, which beats writev for small ones. */
  gatherBytesMax: 64 * 1024,
  /** How long `close` waits for a peer that does not read, until the rest is dropped. */
  closeMsMax: 2_000,
  connectMsMax: 10_000,
  /** What a token file may hold: HELLO has room for it, and nobody has made a longer one. */
  tokenBytesMax: 4_096,
  /** `sun_path` has 108 bytes on Linux, 104 on macOS, with the NUL that ends it. */
  socketPathBytesMax: 107,
  /** An idle TCP link asks the peer's kernel, which answers for a program that is busy. */
  keepAliveMs: 5_000,
} as const;

assert(LINK_LIMITS.gatherBytesMax <= LIMITS.sendQueueBytesMax, 'one gathered write fits the queue');
