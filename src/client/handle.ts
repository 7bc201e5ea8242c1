import type { Writer } from '../core/bytes.js';
import { checkSpace, type SpaceExpectation } from '../core/space.js';
import { checkNameText, writeDispose } from '../protocol/index.js';
import { wrongState } from './errors.js';
import type { Attributes, ObjectOptions } from './options.js';
import { UNHEEDED } from './pending.js';
import type { Seat } from './seat.js';

/** Says nothing: most consumers expect nothing in particular. */
const NOTHING = Object.freeze({});

/**
 * ```
 * open -seal-> sealed -offer-> offered -withdraw-> ended
 *   `----------'  `---require-> required -demand-> delivered -dispose-> ended
 * ```
 * `busy`: a call that changes the state is under way.
 */
export type HandleState =
  | 'open'
  | 'sealed'
  | 'offered'
  | 'required'
  | 'delivered'
  | 'busy'
  | 'ended';

/**
 * A member's handle on a name. The pool hears of it with the first request that needs it: DECLARE
 * then goes out before it, in the same write.
 */
export class Handle {
  readonly seat: Seat;
  readonly name: string;
  state: HandleState = 'open';
  attributes: Attributes;
  space: SpaceExpectation;
  #number: number | null = null;
  /** The pool knows the handle, but not all that it says now. */
  #hasChanged = false;

  /** `bad-name` when it is none; `bad-space` for a space that nothing can have. */
  constructor(seat: Seat, name: string, options: ObjectOptions) {
    this.seat = seat;
    this.name = name;
    checkNameText(name);
    this.attributes = options.attributes ?? NOTHING;
    this.space = options.space ?? NOTHING;
    checkSpace(this.space);
  }

  get number(): number | null {
    return this.#number;
  }

  mustBe(what: string, ...states: readonly HandleState[]): void {
    if (states.includes(this.state)) return;
    const { name, state } = this;
    const why = state === 'busy' ? 'another call on it is under way' : `it is ${state}`;
    throw wrongState(`${what} "${name}"`, why, { name, state });
  }

  /** Says more, or something else. */
  change(space: SpaceExpectation, attributes: Attributes): void {
    this.space = space;
    this.attributes = attributes;
    this.#hasChanged = true;
  }

  /** How many requests {@link post} puts before another. */
  get declares(): 0 | 1 {
    return this.#number === null || this.#hasChanged ? 1 : 0;
  }

  /**
   * Sends requests on this handle behind its DECLARE, if that is due. `write` gets the number of
   * the handle. Returns the number of the first request.
   *
   * A handle that has changed is declared once more, and the former one disposed behind it: so what
   * it says and what is asked of it go out together, and where the pool refuses the first it cannot
   * do the second. The name is known all the time.
   */
  post(
    waiter: Parameters<Seat['client']['connection']['post']>[0],
    count: number,
    write: (w: Writer, handle: number) => void,
  ): number {
    const { connection } = this.seat.client;
    const former = this.#number;
    if (former !== null && !this.#hasChanged) {
      return connection.post(waiter, count, (w) => write(w, former));
    }
    const { declarer } = connection;
    declarer.announce(this.attributes);
    const number = connection.handles.take();
    try {
      const first = connection.post(waiter, count + 1, (w) => {
        const numbers = { handle: number, member: this.seat.number };
        declarer.declare(w, numbers, this.name, this.space, this.attributes);
        write(w, number);
      });
      this.release();
      this.#number = number;
      this.#hasChanged = false;
      return first;
    } catch (error) {
      connection.handles.release(number);
      throw error;
    }
  }

  /**
   * Sends requests the first of which makes the handle in the pool: `write` gets the number that it
   * is to have. Returns the number of the first request.
   */
  make(
    waiter: Parameters<Seat['client']['connection']['post']>[0],
    count: number,
    write: (w: Writer, handle: number) => void,
  ): number {
    const { connection } = this.seat.client;
    const number = connection.handles.take();
    try {
      const first = connection.post(waiter, count, (w) => write(w, number));
      this.#number = number;
      return first;
    } catch (error) {
      connection.handles.release(number);
      throw error;
    }
  }

  /** Frees the handle in the pool, if that knows it; a later request declares it anew. */
  release(): void {
    const number = this.#number;
    if (number === null) return;
    this.forget();
    const { connection } = this.seat.client;
    if (this.seat.isGone) return;
    connection.post(UNHEEDED, 1, (w) => writeDispose(w, number));
  }

  /** The pool has freed the handle, or does so with the request just sent. */
  forget(): void {
    if (this.#number === null) return;
    this.seat.client.connection.handles.release(this.#number);
    this.#number = null;
  }
}
