import { AttaccaError } from '../core/errors.js';
import type { Handle } from './handle.js';
import { PoolObject } from './object.js';
import { encodeOffer, offerPayload } from './offering.js';
import type { WaitOptions } from './options.js';
import type { Seat } from './seat.js';

const NOTHING = new Uint8Array(0);

/** Raises a signal: an object of length 0 that stays. Raising it again changes nothing. */
export async function raiseSignal(handle: Handle): Promise<void> {
  try {
    await offerPayload(handle, { kind: 'bytes', bytes: NOTHING }, encodeOffer({}, true), {});
  } catch (error) {
    if (!(error instanceof AttaccaError && error.code === 'already-offered')) throw error;
  } finally {
    handle.release();
  }
}

export interface BarrierOptions extends WaitOptions {
  /** How many members meet. */
  readonly parties: number;
  /** Which of them this one is, from 0; left out: the index of the member's name. */
  readonly index?: number | undefined;
}

/**
 * Lets `parties` members meet: each returns when all have come. Party 0 gathers the others: they
 * require `NAME/open/ROUND` and then offer `NAME/here/ROUND/INDEX`, so when it has seen all of
 * those every require is announced, and its offer can be withdrawn at once. Names carry the round,
 * so the same barrier serves again and again, and nothing is left in the pool.
 */
export async function meet(
  seat: Seat,
  name: string,
  round: number,
  options: BarrierOptions & { readonly index: number },
): Promise<void> {
  const { parties, index, timeoutMs, signal } = options;
  const how = { timeoutMs, signal };
  try {
    if (index === 0) await gather(seat, name, round, parties, how);
    else await arrive(seat, name, round, index, how);
  } catch (error) {
    throw error instanceof AttaccaError && error.code === 'already-offered'
      ? sameIndex(seat, name, index, error)
      : error;
  }
}

/** Somebody stands at the place of this one: members of two crews have the same indices. */
function sameIndex(seat: Seat, name: string, index: number, cause: AttaccaError): AttaccaError {
  const other = String(cause.fields['member'] ?? 'another member');
  const why = `${other} is there as party ${index}, too; give each an "index" of its own`;
  const message = `Cannot meet at "${name}" as ${seat.name}: ${why}`;
  const fields = { name, member: seat.name, other, index };
  return new AttaccaError('bad-argument', message, fields, { cause });
}

async function gather(
  seat: Seat,
  name: string,
  round: number,
  parties: number,
  options: WaitOptions,
): Promise<void> {
  const others = Array.from({ length: parties - 1 }, (_, at) => here(name, round, at + 1));
  await Promise.all(others.map((other) => new PoolObject(seat, other, {}).peek(options)));
  const open = new PoolObject(seat, opened(name, round), {});
  await open.offer();
  await open.withdraw(options);
}

async function arrive(
  seat: Seat,
  name: string,
  round: number,
  index: number,
  options: WaitOptions,
): Promise<void> {
  const gate = new PoolObject(seat, opened(name, round), {});
  const sign = new PoolObject(seat, here(name, round, index), {});
  try {
    await announce(gate, sign);
    const passed = await gate.demand(options);
    await passed.dispose();
    await sign.withdraw(options);
  } finally {
    // Whatever failed, a signal that has fired too: the same round is called again.
    await Promise.all([gate[Symbol.asyncDispose](), sign[Symbol.asyncDispose]()]);
  }
}

/** Both go out in one write, in this order: who is seen to be here waits already. */
async function announce(gate: PoolObject, sign: PoolObject): Promise<void> {
  // The one must have its answer, too, before either can be disposed of.
  const outcomes = await Promise.allSettled([gate.require(), sign.offer()]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

function here(name: string, round: number, index: number): string {
  return `${name}/here/${round}/${index}`;
}

function opened(name: string, round: number): string {
  return `${name}/open/${round}`;
}
