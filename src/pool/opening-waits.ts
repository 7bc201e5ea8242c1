import { LIMITS } from '../core/limits.js';
import type { Value } from '../core/value.js';
import { forEachHandle, handleState, memberOf, objectName } from './objects.js';
import type { Room } from './room.js';
import { HANDLE, HANDLE_STATE, WAIT, WAIT_KIND } from './rows.js';
import type { PoolState } from './state.js';
import { awaited, awaitedText } from './waiting.js';

/** Who waits for an object to be created, to open it. */
export function addOpeningsOf(pool: PoolState, object: number, waits: Value[], room: Room): void {
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) === HANDLE_STATE.opening) addOpening(pool, handle, waits, room);
  });
}

/** As `addOpeningsOf`, of all objects: there is no list of them, so all that wait are looked at. */
export function addOpenings(pool: PoolState, waits: Value[], room: Room): void {
  const { rows } = pool.waits;
  for (let wait = 1; wait < rows.end; wait++) {
    if (rows.get(wait, WAIT.subject) === 0 || rows.get(wait, WAIT.kind) !== WAIT_KIND.open)
      continue;
    if (!addOpening(pool, rows.get(wait, WAIT.subject), waits, room)) return;
  }
}

/** False when there is no room for more. */
function addOpening(pool: PoolState, handle: number, waits: Value[], room: Room): boolean {
  if (waits.length >= LIMITS.explainRowsMax || room.isFull) return false;
  const object = pool.handles.get(handle, HANDLE.object);
  const wait = pool.handles.get(handle, HANDLE.wait);
  const deadline = pool.waits.deadlineOf(wait);
  const { name } = memberOf(pool, handle);
  const who = awaited(pool, object);
  return room.add(waits, {
    object: objectName(pool, object),
    member: name,
    what: 'open',
    sinceMs: pool.now - pool.waits.rows.getWide(wait, WAIT.since),
    deadlineMs: deadline === Number.POSITIVE_INFINITY ? null : deadline - pool.now,
    promisedBy: who.promisedBy,
    because: `it is not created; ${awaitedText(who, name)}`,
    endsWith: 'its creation, its deadline',
  });
}
