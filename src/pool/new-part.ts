import { assert, refuse } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import type { Region } from '../core/regions/region.js';
import { completeSpace, itemSizeOf, type SpaceExpectation, spaceAt } from '../core/space.js';
import { DURABILITY, type Offer, SOURCE } from '../protocol/index.js';
import { checkWay, regionOfRows } from './appending.js';
import { checkPartDurability } from './durable.js';
import { wrongState } from './handles.js';
import { mayRead } from './memory.js';
import { handleState, objectName } from './objects.js';
import { alreadyOffered } from './offer.js';
import { checkOverlap, checkParts, isGrowing, isInParts, type NewPart } from './parts.js';
import { HANDLE, HANDLE_STATE, OBJECT, VERSION } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { notLeased, takeBytes } from './taking.js';
import { readWhole } from './wanted.js';

/** A part that is offered: checked, and then taken over. */

/** Refuses a part by a handle that may offer none, or of what is not in parts. */
export function checkMayOfferPart(pool: PoolState, handle: number): void {
  const { handles, objects } = pool;
  const object = handles.get(handle, HANDLE.object);
  const current = objects.get(object, OBJECT.current);
  const state = handleState(pool, handle);
  const isFresh = state === HANDLE_STATE.declared || state === HANDLE_STATE.sealed;
  if (!isFresh && state !== HANDLE_STATE.offered) wrongState(pool, handle, 'offer a part of');
  if (pool.stopping) {
    refuse('pool-stopping', `Cannot offer "${objectName(pool, object)}": the pool is stopping`);
  }
  if (current !== 0 && !isInParts(pool, current)) alreadyOffered(pool, object);
}

/** The space of a handle, wholly known: parts must say what they are parts of. */
export function wholeSpace(pool: PoolState, handle: number): number {
  const { spaces, scratch } = pool;
  scratch.reset();
  writeWholeSpace(pool, handle, scratch);
  return spaces.intern(scratch.bytes, 0, scratch.at);
}

function writeWholeSpace(pool: PoolState, handle: number, w: Writer): void {
  const { spaces, handles } = pool;
  const said = handles.get(handle, HANDLE.space);
  const { shape } = spaceAt(spaces.bytes(said), spaces.start(said));
  if (shape === undefined || shape.includes(null)) {
    const name = objectName(pool, handles.get(handle, HANDLE.object));
    refuse('bad-space', `Cannot offer a part of "${name}": its shape is not known`, { name });
  }
  completeSpace(w, spaces.bytes(said), spaces.start(said), 0);
}

/** Reads and checks what is offered, and takes its bytes over: last, as nothing is refused then. */
export function readNewPart(
  pool: PoolState,
  session: Session,
  object: number,
  message: Offer,
  space: number,
): NewPart {
  const { spaces } = pool;
  const said = spaceAt(spaces.bytes(space), spaces.start(space));
  const { shape = [] } = said;
  const { size, source } = message;
  const { region, encoded } = shape.includes(null)
    ? regionOfRows(pool, object, said, size)
    : regionSaid(pool, message, shape);
  checkRegion(pool, object, said, region, size);
  // The store would have been asked for its bytes first: so these are what is missing.
  if (pool.options.hasStore && source === SOURCE.slice && size > 0) {
    if (!mayRead(pool, session.id, message.slab, message.offset, size)) {
      notLeased(pool, object, message);
    }
  }
  checkPartDurability(pool, object, message);
  return {
    region,
    encoded,
    bytes: size === 0 ? 0 : takeBytes(pool, session, object, message),
    size,
    isSlice: source === SOURCE.slice && size > 0,
    isSafe: message.durability === DURABILITY.fsync,
  };
}

/** Whether a region of an object may be offered, by so many bytes. */
function checkRegion(
  pool: PoolState,
  object: number,
  { dtype }: SpaceExpectation,
  region: Region,
  size: number,
): void {
  assert(dtype !== undefined, 'a whole space has a dtype');
  const bytes = region.count * itemSizeOf(dtype);
  if (size !== bytes) {
    const name = objectName(pool, object);
    refuse(
      'size-mismatch',
      `Cannot offer a part of "${name}": its region holds ${bytes} bytes, the payload has ${size}`,
      { name, spaceBytes: bytes, payloadBytes: size },
    );
  }
  const current = pool.objects.get(object, OBJECT.current);
  if (current === 0) return;
  checkParts(pool, current, region);
  if (!isGrowing(pool, current)) checkOverlap(pool, current, region);
}

/** What would be offered by OFFER_PART, and of what space; refused as it would be then. */
export function partAhead(
  pool: PoolState,
  handle: number,
  message: Offer,
): { readonly region: Region; readonly space: SpaceExpectation } {
  const { handles, objects, spaces, versions } = pool;
  const object = handles.get(handle, HANDLE.object);
  const current = objects.get(object, OBJECT.current);
  checkMayOfferPart(pool, handle);
  const w = new Writer();
  if (current === 0) writeWholeSpace(pool, handle, w);
  else {
    checkWay(pool, current, 'region');
    const said = versions.get(current, VERSION.space);
    w.rawRange(spaces.bytes(said), spaces.start(said), spaces.end(said));
  }
  const space = spaceAt(w.bytes, 0);
  const { region } = regionSaid(pool, message, space.shape ?? []);
  checkRegion(pool, object, space, region, message.size);
  return { region, space };
}

/** The region that a message says. */
function regionSaid(
  { reader: { bytes } }: PoolState,
  { regionStart: start, regionEnd: end }: Offer,
  shape: readonly (number | null)[],
): Pick<NewPart, 'region' | 'encoded'> {
  return { region: readWhole(bytes, start, end, shape), encoded: { bytes, start, end } };
}
