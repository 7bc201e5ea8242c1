import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { type Offer, SOURCE } from '../protocol/index.js';
import { objectName } from './objects.js';
import type { Prepared } from './prepared.js';
import { HANDLE } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** Takes the bytes of an offer that was checked. */
export function takePayload(
  pool: PoolState,
  session: Session,
  message: Offer,
  into: Prepared,
): void {
  const object = pool.handles.get(into.handle, HANDLE.object);
  into.bytes = takeBytes(pool, session, object, message);
}

/** Takes the payload over: an arena record, a block that is still a lease, or nothing. */
export function takeBytes(
  pool: PoolState,
  session: Session,
  object: number,
  message: Pick<Offer, 'source' | 'size' | 'slab' | 'offset' | 'payloadStart' | 'payloadEnd'>,
): number {
  if (message.source === SOURCE.inline) {
    if (message.size > LIMITS.inlineBytesMax) {
      refuse('inline-too-large', `Cannot offer ${message.size} bytes within a message`, {
        limit: LIMITS.inlineBytesMax,
      });
    }
    if (pool.bytesInline + message.size > LIMITS.inlineTotalBytesMax) {
      refuse(
        'memory-full',
        'Cannot offer within a message: the pool holds too many such payloads',
        {
          limit: LIMITS.inlineTotalBytesMax,
        },
      );
    }
    pool.bytesInline += message.size;
    return pool.arena.store(pool.reader.bytes, message.payloadStart, message.payloadEnd);
  }
  if (message.source !== SOURCE.slice) return 0;
  const block = pool.extents.carve(message.slab, message.offset, message.size, session.id);
  if (block === 0) {
    notLeased(pool, object, message);
  }
  return block;
}

/** Whoever offers them has lost them with a manager, or never had them. */
export function notLeased(
  pool: PoolState,
  object: number,
  { slab, offset, size }: Pick<Offer, 'slab' | 'offset' | 'size'>,
): never {
  const name = objectName(pool, object);
  refuse('bad-lease', `Cannot offer "${name}": its bytes are not leased to this session`, {
    ...{ slab, offset, size },
  });
}
