import type { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import type { Region } from '../core/regions/region.js';
import type { Value } from '../core/value.js';
import {
  OFFER_REPLACES,
  SCOPE,
  writeAppend,
  writeOfferInline,
  writeOfferNothing,
  writeOfferPart,
  writeOfferSlice,
  writeWithdraw,
} from '../protocol/index.js';
import { readAnswer } from './asking.js';
import { type Acknowledged, Call, durabilityCode } from './call.js';
import type { Client } from './client.js';
import type { Handle } from './handle.js';
import { bytesLost, isMemoryLost, STORE_ATTEMPTS_MAX } from './lost-memory.js';
import { lifetimeOf, type OfferOptions, type ReplaceOptions, type WaitOptions } from './options.js';
import type { Slice } from './slice.js';
import { throwIfAborted, waitingHeld } from './waiting.js';

/**
 * What is offered: bytes of this process, or a slice that holds them already; with them, where it
 * is mapped here.
 */
export type Payload =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'slice'; readonly slice: Slice; readonly bytes?: Uint8Array };

/** Offers a payload on a handle, by the way that fits its size; waits while memory is full. */
export async function offerPayload(
  handle: Handle,
  payload: Payload,
  how: EncodedOffer,
  options: WaitOptions,
): Promise<Acknowledged> {
  throwIfAborted(`offer "${handle.name}"`, options.signal);
  if (payload.kind === 'slice') return await offerWritten(handle, payload, how, options);
  const { bytes } = payload;
  const { client } = handle.seat;
  if (bytes.length <= client.inlineBytesMax) {
    try {
      return await send(handle, how, options, (w, number) => writeInline(w, number, how, bytes));
    } catch (error) {
      // The pool's room for payloads in messages is used up: slabs have more.
      if (!(error instanceof AttaccaError && error.code === 'memory-full')) throw error;
    }
  }
  return await offerStored(handle, bytes, how, options);
}

/** Offers a slice that is written; what is mapped here is stored anew if the pool has lost it. */
async function offerWritten(
  handle: Handle,
  { slice, bytes }: Extract<Payload, { kind: 'slice' }>,
  how: EncodedOffer,
  options: WaitOptions,
): Promise<Acknowledged> {
  const { client } = handle.seat;
  try {
    return await offerSlice(handle, slice, how, options);
  } catch (error) {
    if (!isMemoryLost(client, error)) throw error;
    client.leases.forget(slice.slab);
    if (bytes === undefined) throw bytesLost(handle.name, error);
    return await offerStored(handle, bytes, how, options);
  }
}

/** Offers bytes by way of a slab: of another one when that is lost with a manager. */
export async function offerStored(
  handle: Handle,
  bytes: Uint8Array,
  how: EncodedOffer,
  options: WaitOptions,
): Promise<Acknowledged> {
  const { client } = handle.seat;
  for (let attempt = 1; ; attempt++) {
    const slice = await leaseFor(handle, bytes.length, options);
    try {
      await client.plane.store(slice, bytes);
      return await offerSlice(handle, slice, how, options);
    } catch (error) {
      if (!isMemoryLost(client, error)) {
        client.leases.giveBack(slice);
        throw error;
      }
      client.leases.forget(slice.slab);
      if (attempt === STORE_ATTEMPTS_MAX) throw bytesLost(handle.name, error);
    }
  }
}

/** Leases memory for an object. The pool hears of its name first: it may be waited for. */
export async function leaseFor(handle: Handle, size: number, options: WaitOptions): Promise<Slice> {
  const { client } = handle.seat;
  const what = `allocate ${size} bytes for "${handle.name}"`;
  throwIfAborted(what, options.signal);
  const room = handle.seat.enter(what);
  if (room !== null) await room;
  const slice = client.leases.take(size);
  if (slice !== null) return slice;
  if (handle.declares === 1) await declare(handle);
  return await client.leases.lease(size, { handle: handle.number, what }, options);
}

async function declare(handle: Handle): Promise<void> {
  const call = new Call<never>(1);
  handle.post(call, 0, () => {});
  await call.promise;
}

/** Puts bytes into a leased slice; when that fails the slice is given back. */
export async function fill(client: Client, slice: Slice, bytes: Uint8Array): Promise<void> {
  try {
    await client.plane.store(slice, bytes);
  } catch (error) {
    client.leases.giveBack(slice);
    throw error;
  }
}

/** The options of an offer as they stand on the wire. */
export interface EncodedOffer {
  /** With OFFER_REPLACES, if it does. */
  readonly scope: number;
  /** The version that it replaces, if that is the one; 0: whichever is there. */
  readonly replaced?: number;
  readonly durability: number;
  readonly lifetime: number;
  /** A WITHDRAW with this deadline goes out with the offer. */
  readonly withdraw?: number;
  /** Called when that alone was refused: what is offered stays. */
  readonly stays?: () => void;
  /** What of the object is offered; all of it, without. */
  readonly region?: Region;
  /** It is appended: hears which row is the first of it. */
  readonly appended?: (row: number) => void;
}

/** What an OFFER says of what it replaces. */
function encodeReplaced({ replace = false }: ReplaceOptions): { flag: number; replaced?: number } {
  if (typeof replace === 'boolean') return { flag: replace ? OFFER_REPLACES : 0 };
  if (Number.isInteger(replace) && replace > 0) return { flag: OFFER_REPLACES, replaced: replace };
  throw new RangeError(`Cannot replace version ${replace}: versions are whole numbers from 1 on`);
}

export function encodeOffer(
  options: OfferOptions & ReplaceOptions,
  keep = options.keep === true,
): EncodedOffer {
  const { flag, ...rest } = encodeReplaced(options);
  return {
    ...rest,
    scope: (keep ? SCOPE.pool : SCOPE.member) | flag,
    durability: durabilityCode(options.durability),
    lifetime: keep ? lifetimeOf(options.lifetimeMs) : 0,
  };
}

function offerSlice(
  handle: Handle,
  slice: Slice,
  how: EncodedOffer,
  options: WaitOptions,
): Promise<Acknowledged> {
  const { slab, offset, size } = slice;
  const { scope, durability, lifetime, region, appended, replaced } = how;
  return send(handle, how, options, (w, number) => {
    if (region === undefined && appended === undefined) {
      writeOfferSlice(w, number, scope, durability, lifetime, slab, offset, size, replaced);
      return;
    }
    const payload = { kind: 'slice', slab, offset, size } as const;
    const fields = { handle: number, scope, durability, lifetime, payload };
    if (region === undefined) writeAppend(w, fields);
    else writeOfferPart(w, { ...fields, region });
  });
}

function writeInline(w: Writer, number: number, how: EncodedOffer, bytes: Uint8Array): void {
  const { scope, durability, lifetime, region, appended, replaced } = how;
  if (region !== undefined || appended !== undefined) {
    const payload = { kind: 'inline', bytes } as const;
    const fields = { handle: number, scope, durability, lifetime, payload };
    if (region === undefined) writeAppend(w, fields);
    else writeOfferPart(w, { ...fields, region });
  } else if (bytes.length === 0) {
    writeOfferNothing(w, number, scope, durability, lifetime, replaced);
  } else writeOfferInline(w, number, scope, durability, lifetime, bytes, replaced);
}

/** Sends an OFFER, and the WITHDRAW that may go with it. */
async function send(
  handle: Handle,
  { withdraw, appended, stays }: EncodedOffer,
  options: WaitOptions,
  write: (w: Writer, number: number) => void,
): Promise<Acknowledged> {
  const what = `offer "${handle.name}"`;
  const room = handle.seat.enter(what);
  if (room !== null) await room;
  const { declares } = handle;
  const count = withdraw === undefined ? 1 : 2;
  const call = new Call<Value>(declares + count, appended ? readAnswer : null);
  const first = handle.post(call, count, (w, number) => {
    write(w, number);
    if (withdraw !== undefined) writeWithdraw(w, number, withdraw);
  });
  const { connection } = handle.seat.client;
  const number = first + declares;
  const waiting = waitingHeld(connection, call, { number, what }, options);
  const answer = await waiting.catch((error: unknown) => {
    if (call.isAnswered && call.failedIndex === declares + 1) stays?.();
    throw error;
  });
  appended?.(Number(answer));
  return call.acknowledged;
}
