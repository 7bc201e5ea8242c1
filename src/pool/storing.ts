import { assert, refuse } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { isTextWhole, regionText } from '../core/regions/region-text.js';
import {
  completeSpace,
  completeSpaceOf,
  type Space,
  spaceAt,
  spaceByteSize,
} from '../core/space.js';
import {
  DURABILITY,
  MESSAGE,
  type Offer,
  readGroupMember,
  readOffer,
  readOfferGroup,
  readOfferPart,
  SOURCE,
} from '../protocol/index.js';
import { failure } from './emit.js';
import { beginDeadline, endHoldTimer } from './events/deciding.js';
import type { HeldOperation, HeldPiece } from './events/held-operation.js';
import { handleOf } from './handles.js';
import type { Input } from './input.js';
import { mayRead } from './memory.js';
import { partAhead } from './new-part.js';
import { handleState, objectName } from './objects.js';
import { isReplaced } from './replacing.js';
import { HANDLE, HANDLE_STATE, OBJECT, PARTITION, SAFETY, VERSION } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState, Stored, StoreEffect } from './state.js';

/**
 * Offers that ask for `fsync` of bytes in a slab. They are held, as if a subscriber had a say in
 * them: the agent writes the bytes to the store, and when they are safe there the offer takes
 * effect. So nothing has happened when the store has no room, and the bytes are still those of the
 * member. What the store has of a version goes with it. A group waits for all that is in it; when
 * one cannot be stored what was stored of the others goes. A part is stored by itself.
 */

/** What is to be in the store before an offer takes effect, and by which handle of its client. */
interface ToStore extends Omit<StoreEffect, 'kind' | 'ask' | 'part'> {
  readonly handle: number;
  readonly object: number;
  readonly isPart: boolean;
}

/** Null when nothing needs to wait, or what is asked will be refused as it is. */
type StoreAsked = readonly ToStore[] | null;

const STORED_FIRST: ReadonlySet<number> = new Set([
  ...[MESSAGE.offer, MESSAGE.offerGroup, MESSAGE.offerPart],
]);

/**
 * What a request is to have stored first. `pool.reader` stands on its body, and does afterwards.
 */
export function storeAsked(pool: PoolState, session: Session, code: number): StoreAsked {
  const { options, reader } = pool;
  if (!options.hasStore || options.durability !== DURABILITY.fsync || pool.stopping) return null;
  if (!STORED_FIRST.has(code)) return null;
  const { at } = reader;
  try {
    const found: ToStore[] = [];
    for (const message of offersIn(pool, code)) {
      if (!isToStore(pool, session, code, message)) continue;
      if (!mayComeTrue(pool, session, code, message)) return null;
      found.push(toStore(pool, session, code, message));
    }
    return found.length === 0 ? null : found;
  } catch (error) {
    // Refused by who applies it, with the same words.
    if (error instanceof AttaccaError) return null;
    throw error;
  } finally {
    reader.at = at;
  }
}

/** The offers that a request makes, each of them the same object; of a group, that have bytes. */
function* offersIn({ reader, decoder: { offer, group } }: PoolState, code: number) {
  if (code === MESSAGE.offer) {
    readOffer(reader, offer);
    yield offer;
    return;
  }
  if (code === MESSAGE.offerPart) {
    readOfferPart(reader, offer);
    yield offer;
    return;
  }
  readOfferGroup(reader, offer, group);
  const { scope, durability } = offer;
  for (let left = group.count; left > 0; left--) {
    readGroupMember(reader, left === 1, { scope, durability }, offer);
    yield offer;
  }
}

/** A part goes there with the others of its version, whatever is asked for it. */
function isToStore(pool: PoolState, session: Session, code: number, message: Offer): boolean {
  const { durability, source, size } = message;
  if (source !== SOURCE.slice || size === 0) return false;
  if (durability === DURABILITY.fsync) return true;
  return code === MESSAGE.offerPart && safetyAhead(pool, session, message) === SAFETY.safe;
}

/** One of SAFETY: of the version that a part would belong to. */
function safetyAhead(pool: PoolState, session: Session, { handle }: Offer): number {
  const { handles, objects, versions, partitions } = pool;
  const row = session.handles.get(handle);
  const current = row === 0 ? 0 : objects.get(handles.get(row, HANDLE.object), OBJECT.current);
  const partition = current === 0 ? 0 : versions.get(current, VERSION.partition);
  return partition === 0 ? SAFETY.open : partitions.get(partition, PARTITION.safety);
}

/** Whether an offer is not refused for what it is. */
function mayComeTrue(pool: PoolState, session: Session, code: number, message: Offer): boolean {
  const { slab, offset, size } = message;
  const handle = handleOf(session, message.handle);
  if (code === MESSAGE.offerPart) {
    if (safetyAhead(pool, session, message) === SAFETY.unsafe) return false;
    return mayRead(pool, session.id, slab, offset, size);
  }
  const state = handleState(pool, handle);
  const current = pool.objects.get(pool.handles.get(handle, HANDLE.object), OBJECT.current);
  const isNew = state === HANDLE_STATE.declared || state === HANDLE_STATE.sealed;
  if (!isNew || (current !== 0 && !isReplaced(pool, current, message))) return false;
  if (current === 0 && message.replaced !== 0) return false;
  return mayRead(pool, session.id, slab, offset, size);
}

/** What an offer has stored; `size-mismatch` when its bytes do not fill its space. */
function toStore(pool: PoolState, session: Session, code: number, message: Offer): ToStore {
  if (code === MESSAGE.offerPart) return partToStore(pool, session, message);
  const { slab, offset, size } = message;
  const handle = handleOf(session, message.handle);
  const object = pool.handles.get(handle, HANDLE.object);
  const name = objectName(pool, object);
  const space = spaceOf(pool, handle, size);
  if (space === null) refuse('size-mismatch', `Cannot store "${name}"`, { name });
  const record = pool.handles.get(handle, HANDLE.attributes);
  const attributes = record === 0 ? {} : pool.attributes.toMap(record);
  const version = pool.objects.get(object, OBJECT.number) + 1;
  const said = { name, version, space, attributes, isPart: false };
  return { handle: message.handle, object, ...said, slab, offset, size };
}

/** What a part has stored: an array of its own, that says of what it is a part. */
function partToStore(pool: PoolState, session: Session, message: Offer): ToStore {
  const { handles, objects, versions } = pool;
  const { slab, offset, size } = message;
  const handle = handleOf(session, message.handle);
  const object = handles.get(handle, HANDLE.object);
  const current = objects.get(object, OBJECT.current);
  const { region, space } = partAhead(pool, handle, message);
  const { dtype = 'uint8', order = 'row', byteOrder = 'little', shape = [] } = space;
  const box = region.onlyBox?.map(({ count }) => count) ?? [region.count];
  const record =
    current === 0
      ? handles.get(handle, HANDLE.attributes)
      : versions.get(current, VERSION.attributes);
  const version =
    current === 0 ? objects.get(object, OBJECT.number) + 1 : versions.get(current, VERSION.number);
  const { regionStart, regionEnd } = message;
  const attributes = {
    ...(record === 0 ? {} : pool.attributes.toMap(record)),
    '.of-shape': shape as number[],
    '.region': isTextWhole(region)
      ? regionText(region)
      : pool.reader.bytes.slice(regionStart, regionEnd),
  };
  return {
    ...{ handle: message.handle, object, name: objectName(pool, object), version, isPart: true },
    ...{ space: { dtype, order, byteOrder, shape: box }, attributes, slab, offset, size },
  };
}

/** The space of an offer of so many bytes; null when they do not fill it. */
function spaceOf({ spaces, handles }: PoolState, handle: number, size: number): Space | null {
  const said = handles.get(handle, HANDLE.space);
  const w = new Writer();
  completeSpace(w, spaces.bytes(said), spaces.start(said), size);
  if (spaceByteSize(w.bytes, 0) !== size) return null;
  return completeSpaceOf(spaceAt(w.bytes, 0));
}

/**
 * Asks for it; the offer waits. Behind another one that has something by one of these names stored:
 * the store would have the bytes of both by one name, one after the other.
 */
export function beginStore(pool: PoolState, held: HeldOperation, asked: readonly ToStore[]): void {
  endStore(pool, held);
  const taken = asked.find(({ object, isPart }) => !isPart && pool.storingOf.has(object));
  if (taken !== undefined) {
    pool.storeWaits.set(held, taken.object);
    beginDeadline(pool, held);
    return;
  }
  const ask = pool.storeNext;
  pool.storeNext += asked.length;
  const pieces = asked.map(({ handle, object, version, isPart }) => {
    // Each part has a name of its own there.
    if (!isPart) pool.storingOf.set(object, held);
    return { handle, object, version, isPart, isDone: false };
  });
  held.store = { ask, pieces, left: pieces.length };
  held.since = pool.now;
  beginDeadline(pool, held);
  asked.forEach((each, index) => {
    pool.storing.set(ask + index, held);
    pool.effects.push(effectOf(each, ask + index));
  });
}

function effectOf({ handle: _, object: __, isPart, ...asked }: ToStore, ask: number): StoreEffect {
  return { kind: 'store', ask, ...asked, part: isPart ? ask : 0 };
}

/** Whether all is in the store, as the versions that the offer begins. */
export function isStoredAs({ store }: HeldOperation, asked: readonly ToStore[]): boolean {
  if (store === null || store.pieces.length !== asked.length) return false;
  return store.pieces.every(({ isDone, version }, at) => isDone && version === asked[at]?.version);
}

/** The offer comes to nothing: nor is its copy needed. */
export function endStore(pool: PoolState, held: HeldOperation): void {
  if (pool.storeWaits.delete(held)) endHoldTimer(pool, held);
  const { store } = held;
  if (store === null) return;
  let isWaiting = false;
  store.pieces.forEach((piece, index) => {
    if (pool.storing.delete(store.ask + index)) isWaiting = true;
    else if (!piece.isDone) return;
    const stored = storedAs(pool, held, index);
    if (stored !== null) pool.effects.push({ kind: 'unstore', ...stored });
  });
  held.store = null;
  if (isWaiting) endHoldTimer(pool, held);
  letOthersStore(pool, held, store.pieces);
}

/** The offer has taken effect: what is stored of it goes with its versions. */
export function storeTaken(pool: PoolState, held: HeldOperation): void {
  if (held.store !== null) letOthersStore(pool, held, held.store.pieces);
}

/** Who waited for it asks again, in the order in which they came. */
function letOthersStore(pool: PoolState, held: HeldOperation, pieces: readonly HeldPiece[]): void {
  for (const { object } of pieces) {
    if (pool.storingOf.get(object) === held) pool.storingOf.delete(object);
  }
  for (const [other, object] of pool.storeWaits) {
    if (pool.storingOf.has(object)) continue;
    pool.storeWaits.delete(other);
    endHoldTimer(pool, other);
    pool.events.released.add(other);
  }
}

/**
 * By what the store knows a piece. Null when its handle is gone: then the next manager finds that
 * nothing needs the copy.
 */
function storedAs(pool: PoolState, held: HeldOperation, index: number): Stored | null {
  const { store, session } = held;
  const piece = store?.pieces[index];
  if (store === null || piece === undefined) return null;
  const handle = session.handles.get(piece.handle);
  if (handle === 0) return null;
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  return { name, version: piece.version, part: piece.isPart ? store.ask + index : 0 };
}

/** The agent has written it, or could not. */
export function stored(pool: PoolState, input: Extract<Input, { kind: 'stored' }>): void {
  const held = pool.storing.get(input.ask);
  // It came to nothing meanwhile.
  if (held === undefined || held.store === null) return;
  pool.storing.delete(input.ask);
  const piece = held.store.pieces[input.ask - held.store.ask];
  assert(piece !== undefined, 'what is answered for was asked');
  if (input.failure === null) {
    piece.isDone = true;
    held.store.left--;
    if (held.store.left > 0) return;
  } else held.veto = failure(input.failure.code, input.failure.message);
  endHoldTimer(pool, held);
  held.since = pool.now;
  pool.events.released.add(held);
}

/**
 * Another manager goes on: what cannot be stored any more, as its bytes went with the memory, its
 * name is taken or there is no store, is refused; what would be another version is stored as that.
 */
export function storeOrRefuse(pool: PoolState): void {
  for (const held of new Set(pool.storing.values())) {
    if (askedAgain(pool, held) !== null) continue;
    endStore(pool, held);
    pool.events.released.add(held);
  }
}

/** What is in the store, of offers that wait for something else. */
export function storedOfHeld(pool: PoolState): Stored[] {
  const held = [...pool.sessions.values()].flatMap(({ lanes }) => [...lanes.values()].flat());
  return [...new Set(held)].flatMap((each) =>
    (each.store?.pieces ?? []).flatMap(({ isDone }, index) => {
      const stored = isDone ? storedAs(pool, each, index) : null;
      return stored === null ? [] : [stored];
    }),
  );
}

/** What the agent was asked to store and has not answered. */
export function storesPending(pool: PoolState): StoreEffect[] {
  return [...new Set(pool.storing.values())].flatMap((held) => pendingOf(pool, held));
}

function pendingOf(pool: PoolState, held: HeldOperation): StoreEffect[] {
  const first = held.store?.ask ?? 0;
  return (askedAgain(pool, held) ?? []).flatMap((each, index) =>
    pool.storing.has(first + index) ? [effectOf(each, first + index)] : [],
  );
}

/** What is asked of the next agent; null: it would be refused by now, or be other versions. */
function askedAgain(pool: PoolState, { session, code, message, store }: HeldOperation): StoreAsked {
  pool.arena.read(pool.reader, message, 0);
  const asked = storeAsked(pool, session, code);
  if (asked?.length !== store?.pieces.length) return null;
  return asked?.every(({ version }, at) => version === store?.pieces[at]?.version) === true
    ? asked
    : null;
}
