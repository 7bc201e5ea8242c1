import { AttaccaError } from '../core/errors.js';
import type { Region } from '../core/regions/region.js';
import { type RegionSelection, selectRegion } from '../core/regions/selection.js';
import type { Dtype, Space } from '../core/space.js';
import { type AnyArray, type ArrayOf, type Bytes, bytesOfView } from './arrays.js';
import { spaceIfKnown, unknownShape } from './backing.js';
import type { Acknowledged } from './call.js';
import { wrongState } from './errors.js';
import type { Handle } from './handle.js';
import { checkOptions } from './known-options.js';
import { Making } from './making.js';
import { encodeOffer, offerPayload } from './offering.js';
import type { OfferOptions, WaitOptions } from './options.js';

/** What a part asks of the object whose part it is. */
interface PartOwner {
  readonly handle: Handle;
  /** The handle has offered. */
  offered(isKept: boolean): void;
}

/**
 * A region of an object that is being made: other members make the others. Made by
 * `object.region(selection)`.
 *
 * ```ts
 * const field = pool.object('e', { space: { dtype: 'float32', shape: [1024, 1024] } });
 * await field.region([[0, 256], null]).write(mine).offer();
 * ```
 */
export class Part<D extends Dtype = Dtype> {
  readonly #owner: PartOwner;
  readonly #making: Making;
  readonly #region: Region;
  readonly #space: Space;
  #state: 'open' | 'busy' | 'offered' | 'ended' = 'open';

  constructor(owner: PartOwner, selection: RegionSelection) {
    const { handle } = owner;
    const whole = spaceIfKnown(handle.space) ?? unknownShape(handle.name);
    this.#owner = owner;
    this.#region = selectRegion(whole.shape, selection);
    const box = this.#region.onlyBox;
    const shape = box === null ? [this.#region.count] : box.map((axis) => axis.count);
    this.#space = { ...whole, shape };
    this.#making = new Making(handle, () => this.#space);
  }

  /** Of its elements: those of one box keep their dimensions; else they are a list. */
  get space(): Space {
    return this.#space;
  }

  /** How many elements it has. */
  get count(): number {
    return this.#region.count;
  }

  get isOffered(): boolean {
    return this.#state === 'offered';
  }

  /** Whether its memory is compared, at the end, with what was offered. */
  get isChecked(): boolean {
    return this.#making.isChecked;
  }

  /** Whether it has memory: something was, or may have been, written to it. */
  get isBegun(): boolean {
    return this.#making.isBegun;
  }

  /**
   * The elements, to be written before offer: box by box, each in the order of the object's space,
   * then the points in row-major order. As of {@link PoolObject.array}: leased memory where there
   * is some at hand.
   */
  get array(): ArrayOf<D> {
    this.#mustBeOpen('write to');
    return this.#making.array as ArrayOf<D>;
  }

  /** The same memory as bytes, whatever the byte order. */
  get bytes(): Bytes {
    this.#mustBeOpen('write to');
    return this.#making.bytes;
  }

  /** Puts arrays, one a field, into its structs, as {@link PoolObject.setFields}. */
  setFields(arrays: { readonly [name: string]: ArrayBufferView }): this {
    this.#mustBeOpen('write to');
    this.#making.setFields(arrays);
    return this;
  }

  /** Copies elements into it: all of them. `size-mismatch` when they are fewer, more, or others. */
  write(elements: ArrayOf<D>): this {
    this.#mustBeOpen('write to');
    const { name } = this.#owner.handle;
    const target: AnyArray = this.#making.array;
    if (target.length !== elements.length || target.constructor !== elements.constructor) {
      const textOf = (array: AnyArray): string => `${array.constructor.name}(${array.length})`;
      throw new AttaccaError(
        'size-mismatch',
        `Cannot write a ${textOf(elements)} to a part of "${name}", which is a ${textOf(target)}`,
        { name, spaceBytes: target.byteLength, payloadBytes: elements.byteLength },
      );
    }
    this.#making.bytes.set(bytesOfView(elements));
    return this;
  }

  /** Leases memory for it, as {@link PoolObject.allocate}. */
  async allocate(options: WaitOptions = {}): Promise<this> {
    checkOptions('wait', `allocate a part of "${this.#owner.handle.name}"`, options);
    this.#mustBeOpen('allocate');
    await this.#making.allocate(options);
    return this;
  }

  /**
   * Publishes it: who waits for elements of it has them; who waits for others goes on waiting. The
   * first part of a version says what the version is: attributes, and whether it is kept.
   *
   * Errors: `part-overlap` (somebody has offered some of its elements, or this member is ahead of
   * others), `object-mismatch` (others say something else), `memory-full` at the deadline. After an
   * error its memory is as it was, and it may be offered again.
   */
  async offer(options: OfferOptions & WaitOptions = {}): Promise<Acknowledged> {
    const { handle } = this.#owner;
    checkOptions('offer', `offer a part of "${handle.name}"`, options);
    this.#mustBeOpen('offer');
    handle.mustBe('offer a part of', 'open', 'sealed', 'offered');
    if ('encoding' in options && options.encoding !== undefined) {
      throw wrongState(`encode a part of "${handle.name}"`, 'parts are kept as they are');
    }
    const payload = this.#making.payload();
    this.#state = 'busy';
    try {
      const how = { ...encodeOffer(options), region: this.#region };
      const acknowledged = await offerPayload(handle, payload, how, options);
      this.#state = 'offered';
      this.#making.offered();
      this.#owner.offered(options.keep === true);
      return acknowledged;
    } finally {
      if (this.#state === 'busy') this.#state = 'open';
    }
  }

  /** For the object: `checksum-mismatch` when somebody wrote to what was offered. */
  verify(what: string): void {
    this.#making.verify(what);
  }

  /** Gives memory back that was not offered. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#making.end();
  }

  #mustBeOpen(what: string): void {
    if (this.#state === 'open') return;
    const { name } = this.#owner.handle;
    const why = this.#state === 'busy' ? 'an offer of it is under way' : `it is ${this.#state}`;
    throw wrongState(`${what} a part of "${name}"`, why, { name, state: this.#state });
  }
}
