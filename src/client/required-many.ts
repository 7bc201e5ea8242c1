import type { Writer } from '../core/bytes.js';
import type { Dtype } from '../core/space.js';
import { writeDispose, writeRequire, writeRetract } from '../protocol/index.js';
import { Call } from './call.js';
import { DemandBatch } from './demand-batch.js';
import { policyOf } from './demanding.js';
import { wrongState } from './errors.js';
import { Handle } from './handle.js';
import { checkOptions } from './known-options.js';
import type { ObjectOptions, RequireOptions, WaitOptions } from './options.js';
import { UNHEEDED } from './pending.js';
import { Delivered } from './received.js';
import type { Seat } from './seat.js';

const CHUNK = 2_048;

/** Objects that are required together, to be demanded together. */
export class RequiredMany<D extends Dtype = Dtype> {
  readonly names: readonly string[];
  readonly #seat: Seat;
  readonly #handles: readonly Handle[];
  readonly #ready: boolean | undefined;
  #isUsed = false;

  constructor(seat: Seat, handles: readonly Handle[], ready?: boolean) {
    this.#seat = seat;
    this.#ready = ready;
    this.#handles = handles;
    this.names = handles.map((handle) => handle.name);
  }

  /**
   * Waits for all, and hands them over in the order of their names. All or nothing: when one fails,
   * those that came are disposed, the others are taken back.
   */
  async demand(options: WaitOptions & RequireOptions = {}): Promise<Delivered<D>[]> {
    checkOptions('demandMany', 'demand many objects', options);
    const delivered: Delivered<D>[] = new Array(this.#handles.length);
    const batch = this.#begin(options);
    try {
      await batch.start();
      for (;;) {
        const next = await batch.next();
        if (next === null) return delivered;
        delivered[next.index] = new Delivered<D>(next.delivery, this.#seat.client.leaks);
      }
    } catch (error) {
      batch.cancel();
      await Promise.all(delivered.map((each) => each?.dispose()));
      throw error;
    }
  }

  /**
   * Hands each over as it comes. Leaving the loop early takes back what has not come.
   *
   * ```ts
   * for await (const field of required.demandEach()) { draw(field); await field.dispose(); }
   * ```
   */
  async *demandEach(
    options: WaitOptions & RequireOptions = {},
  ): AsyncGenerator<Delivered<D>, void, undefined> {
    checkOptions('demandMany', 'demand many objects', options);
    const batch = this.#begin(options);
    try {
      await batch.start();
      for (;;) {
        const next = await batch.next();
        if (next === null) return;
        yield new Delivered<D>(next.delivery, this.#seat.client.leaks);
      }
    } finally {
      batch.cancel();
    }
  }

  /** Takes the requires back. */
  async retract(): Promise<void> {
    this.#use('retract');
    const { connection } = this.#seat.client;
    if (this.#seat.isGone) return;
    for (const handle of this.#handles) {
      const { number } = handle;
      if (number === null) continue;
      connection.post(UNHEEDED, 2, (w) => {
        writeRetract(w, number);
        writeDispose(w, number);
      });
      handle.forget();
    }
  }

  #begin(options: WaitOptions & RequireOptions): DemandBatch {
    this.#use('demand');
    const ready = options.ready ?? this.#ready;
    return new DemandBatch(this.#seat, this.#handles, { ...options, ready });
  }

  #use(what: string): void {
    if (this.#isUsed) throw wrongState(`${what} a batch`, 'it was demanded or retracted before');
    this.#isUsed = true;
  }
}

/** Handles for names, not known to the pool yet. */
export function handlesFor(
  seat: Seat,
  names: Iterable<string>,
  options: ObjectOptions,
): readonly Handle[] {
  return Array.from(names, (name) => new Handle(seat, name, options));
}

/** Announces need of many objects; all or nothing. */
export async function requireMany(
  seat: Seat,
  handles: readonly Handle[],
  options: RequireOptions,
): Promise<void> {
  try {
    const policy = policyOf(options);
    await postEach(seat, handles, (w, handle) => writeRequire(w, handle, policy));
  } catch (error) {
    await new RequiredMany(seat, handles).retract();
    throw error;
  }
}

/** Sends a request on each handle, or (null) its DECLARE; rejects when all are answered. */
export async function postEach(
  seat: Seat,
  handles: readonly Handle[],
  write: ((w: Writer, handle: number) => void) | null,
): Promise<void> {
  // Never rejected: the session may end while this waits for room, and nobody for the answers.
  const failures: Promise<unknown>[] = [];
  for (let at = 0; at < handles.length; at += CHUNK) {
    const room = seat.enter('use a batch');
    if (room !== null) await room;
    for (const handle of handles.slice(at, at + CHUNK)) {
      const requests = write === null ? 0 : 1;
      const call = new Call<never>(requests + handle.declares);
      handle.post(call, requests, write ?? (() => {}));
      failures.push(failureOf(call));
    }
  }
  const failure = (await Promise.all(failures)).find((each) => each !== null);
  if (failure !== undefined) throw failure;
}

/** Why a call failed, or null. */
function failureOf(call: Call<never>): Promise<unknown> {
  return call.promise.then(
    () => null,
    (error: unknown) => error,
  );
}
