import { Reader, Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import {
  completeSpace,
  completeSpaceOf,
  type Space,
  spaceAt,
  spaceByteSize,
} from '../core/space.js';
import { DURABILITY, MESSAGE, readOffer, SOURCE } from '../protocol/index.js';
import { failure } from './emit.js';
import { beginDeadline, endHoldTimer } from './events/deciding.js';
import type { HeldOperation } from './events/held-operation.js';
import { handleOf } from './handles.js';
import type { Input } from './input.js';
import { mayRead } from './memory.js';
import { handleState, objectName } from './objects.js';
import { isReplaced } from './replacing.js';
import { HANDLE, HANDLE_STATE, OBJECT } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState, StoreEffect } from './state.js';

/**
 * Offers that ask for `fsync` of bytes in a slab. They are held, as if a subscriber had a say in
 * them: the agent writes the bytes to the store, and when they are safe there the offer takes
 * effect. So nothing has happened when the store has no room, and the bytes are still those of the
 * member. What the store has of a version goes with it.
 */

/** What is to be in the store before an offer takes effect. */
type ToStore = Omit<StoreEffect, 'kind' | 'ask'>;

/**
 * What a request is to have stored first; null: nothing, or it will be refused as it is.
 * `pool.reader` stands on its body, and does afterwards.
 */
export function storeAsked(pool: PoolState, session: Session, code: number): ToStore | null {
  const { options, reader, decoder } = pool;
  if (code !== MESSAGE.offer || !options.hasStore) return null;
  if (options.durability !== DURABILITY.fsync || pool.stopping) return null;
  const { at } = reader;
  const message = decoder.offer;
  try {
    readOffer(reader, message);
    const { durability, source, slab, offset, size } = message;
    if (durability !== DURABILITY.fsync || source !== SOURCE.slice || size === 0) return null;
    const handle = handleOf(session, message.handle);
    const state = handleState(pool, handle);
    const object = pool.handles.get(handle, HANDLE.object);
    const isNew = state === HANDLE_STATE.declared || state === HANDLE_STATE.sealed;
    const current = pool.objects.get(object, OBJECT.current);
    if (!isNew || (current !== 0 && !isReplaced(pool, current, message))) return null;
    if (current === 0 && message.replaced !== 0) return null;
    if (!mayRead(pool, session.id, slab, offset, size)) return null;
    const space = spaceOf(pool, handle, size);
    if (space === null) return null;
    const record = pool.handles.get(handle, HANDLE.attributes);
    const attributes = record === 0 ? {} : pool.attributes.toMap(record);
    const version = pool.objects.get(object, OBJECT.number) + 1;
    return { name: objectName(pool, object), version, space, attributes, slab, offset, size };
  } catch (error) {
    // Refused by who applies it, with the same words.
    if (error instanceof AttaccaError) return null;
    throw error;
  } finally {
    reader.at = at;
  }
}

/** The space of an offer of so many bytes; null when they do not fill it. */
function spaceOf({ spaces, handles }: PoolState, handle: number, size: number): Space | null {
  const said = handles.get(handle, HANDLE.space);
  const w = new Writer();
  completeSpace(w, spaces.bytes(said), spaces.start(said), size);
  if (spaceByteSize(w.bytes, 0) !== size) return null;
  return completeSpaceOf(spaceAt(w.bytes, 0));
}

/** Asks for it; the offer waits. */
export function beginStore(pool: PoolState, held: HeldOperation, asked: ToStore): void {
  endStore(pool, held);
  const ask = pool.storeNext++;
  held.store = { ask, version: asked.version, isDone: false };
  held.since = pool.now;
  pool.storing.set(ask, held);
  beginDeadline(pool, held);
  pool.effects.push({ kind: 'store', ask, ...asked });
}

/** Whether it is in the store, as the version that the offer begins. */
export function isStoredAs({ store }: HeldOperation, { version }: ToStore): boolean {
  return store?.isDone === true && store.version === version;
}

/** The offer comes to nothing: nor is its copy needed. */
export function endStore(pool: PoolState, held: HeldOperation): void {
  const { store } = held;
  if (store === null) return;
  held.store = null;
  if (pool.storing.delete(store.ask)) endHoldTimer(pool, held);
  const name = nameOfHeld(pool, held);
  if (name !== null) pool.effects.push({ kind: 'unstore', name, version: store.version });
}

/** Null when its handle is gone: then the next manager finds that nothing needs the copy. */
function nameOfHeld(pool: PoolState, { session, message }: HeldOperation): string | null {
  const r = new Reader();
  pool.arena.read(r, message, 0);
  const handle = session.handles.get(r.u32());
  return handle === undefined || handle === 0
    ? null
    : objectName(pool, pool.handles.get(handle, HANDLE.object));
}

/** The agent has written it, or could not. */
export function stored(pool: PoolState, input: Extract<Input, { kind: 'stored' }>): void {
  const held = pool.storing.get(input.ask);
  // It came to nothing meanwhile.
  if (held === undefined || held.store === null) return;
  pool.storing.delete(input.ask);
  endHoldTimer(pool, held);
  held.since = pool.now;
  if (input.failure === null) held.store.isDone = true;
  else {
    held.store = null;
    held.veto = failure(input.failure.code, input.failure.message);
  }
  pool.events.released.add(held);
}

/** What is in the store, of offers that wait for something else: by name and version. */
export function storedOfHeld(
  pool: PoolState,
): { readonly name: string; readonly version: number }[] {
  const held = [...pool.sessions.values()].flatMap(({ lanes }) => [...lanes.values()].flat());
  return held.flatMap((each) => {
    const name = each.store?.isDone === true ? nameOfHeld(pool, each) : null;
    return name === null || each.store === null ? [] : [{ name, version: each.store.version }];
  });
}

/** What the agent was asked to store and has not answered. */
export function storesPending(pool: PoolState): StoreEffect[] {
  const { reader } = pool;
  return [...pool.storing].flatMap(([ask, { session, code, message }]) => {
    pool.arena.read(reader, message, 0);
    const asked = storeAsked(pool, session, code);
    return asked === null ? [] : [{ kind: 'store', ask, ...asked }];
  });
}
