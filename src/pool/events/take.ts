import { refuse } from '../../core/assert.js';
import { EVENT, POLICY, type Take } from '../../protocol/index.js';
import { checkNewHandle } from '../handles.js';
import { dropHandle, makeHandle, setHandleState } from '../objects.js';
import { shapeOf } from '../parts.js';
import { nobodyWillOffer } from '../promises.js';
import { abandonRequire } from '../require.js';
import { HANDLE, HANDLE_FLAG, HANDLE_STATE, VERSION, VERSION_FLAG } from '../rows.js';
import type { Member, Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { partsMissing, versionHas } from '../versions.js';
import { countMissing, isReady, keepWanted, readWhole } from '../wanted.js';
import { goneOf } from './gone.js';
import { noteHandle } from './noting.js';
import { versionOf } from './standing.js';
import { subscriptionOf } from './subscribing.js';

/**
 * TAKE: a handle that requires the version which a delivery of a standing require tells of, also
 * when it is withdrawn by now. It is demanded and disposed as any other; the delivery is still to
 * be acknowledged. Refused by name when the version cannot be had any more.
 */
export function take(pool: PoolState, session: Session, message: Take): void {
  const { one, attachment } = subscriptionOf(session, message.subscription);
  const { n, regionStart, regionEnd } = message;
  const member = pool.members.get(attachment.member);
  const isHis = member !== undefined && one.unacked.holderOf(n) === attachment.id;
  const isOfSteps = one.gaps.has(n);
  if (one.standing === null || !isHis || isOfSteps) {
    refuse('wrong-state', `Cannot take delivery ${n}: it is none of a standing require, or done`);
  }
  checkNewHandle(pool, session, message.handle);
  const version = versionOf(one.unacked.eventOf(n));
  const gone = goneOf(pool, version);
  if (gone !== null) throw gone;
  const hasRegion = regionEnd > regionStart;
  if (hasRegion) readWhole(pool.reader.bytes, regionStart, regionEnd, shapeOf(pool, version));
  const object = pool.versions.get(version, VERSION.object);
  const handle = makeHandle(pool, object, member, message.handle);
  setHandleState(pool, handle, HANDLE_STATE.sealed);
  if (hasRegion) keepWanted(pool, handle, regionStart, regionEnd);
  bind(pool, member, handle, version, message.policy);
}

function bind(
  pool: PoolState,
  member: Member,
  handle: number,
  version: number,
  policy: number,
): void {
  const isPatient = policy === POLICY.wait;
  const flags = HANDLE_FLAG.explicit | (isPatient ? HANDLE_FLAG.patient : 0);
  setHandleState(pool, handle, HANDLE_STATE.required, flags);
  pool.handles.set(handle, HANDLE.version, version);
  pool.versions.add(version, VERSION.requires, 1);
  pool.requiresOpen++;
  member.openRequires++;
  countMissing(pool, handle, version);
  let refused = null;
  if (!isReady(pool, handle)) {
    const isOffered = versionHas(pool, version, VERSION_FLAG.offered);
    if (!isOffered) refused = partsMissing(pool, handle, version);
    else if (!isPatient) {
      refused = nobodyWillOffer(pool, pool.versions.get(version, VERSION.object));
    }
  }
  if (refused !== null) {
    abandonRequire(pool, handle);
    dropHandle(pool, handle);
    throw refused;
  }
  noteHandle(pool, EVENT.require, handle);
}
