import { unreachable } from '../core/assert.js';
import { MESSAGE, readBarrier, readRequireMember } from '../protocol/index.js';
import { meet } from './barriers.js';
import { emitOk } from './emit.js';
import { offerGroup, requireMember } from './groups.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** Applies a request about groups or barriers; true when its answer is OK, false when another. */
export function applyToGroups(
  pool: PoolState,
  session: Session,
  request: number,
  code: number,
): boolean {
  const message = pool.decoder;
  const asked = code as GroupCode;
  switch (asked) {
    case MESSAGE.offerGroup:
      emitOk(pool, session, request, offerGroup(pool, session));
      return false;
    case MESSAGE.requireMember:
      readRequireMember(pool.reader, message.requireMember);
      requireMember(pool, session, message.requireMember);
      return true;
    case MESSAGE.barrier:
      readBarrier(pool.reader, message.barrier);
      return meet(pool, session, request, message.barrier);
    default:
      return unreachable(asked);
  }
}

type GroupCode = (typeof MESSAGE)['offerGroup' | 'requireMember' | 'barrier'];
