import type { Dtype, Space } from '../core/space.js';
import {
  type AnyArray,
  type ArrayOf,
  arrayOver,
  type Bytes,
  type ReadonlyArrayView,
} from './arrays.js';
import type { Seal } from './check.js';
import { wrongState } from './errors.js';
import { type FieldArrays, splitFields } from './fields.js';
import type { Leaks } from './leaks.js';
import type { Attributes } from './options.js';

/** What a DELIVER said, with the bytes at hand. */
export interface Delivery {
  readonly name: string;
  readonly version: number;
  /** Of the bytes: of the region that was demanded. */
  readonly space: Space;
  /** Of the version. */
  readonly whole: Space;
  readonly attributes: Attributes;
  readonly bytes: Bytes;
  /** Gives the bytes back to the pool; called once. */
  readonly release: () => void;
  /** The member for which the pool keeps the memory until the release; null: it is our own. */
  readonly holder: { readonly isGone: boolean } | null;
  readonly seal: Seal | null;
}

/** A version of an object without its bytes: what `peek` and `wait` give. */
export interface ObjectVersion {
  readonly name: string;
  readonly version: number;
  readonly space: Space;
  readonly attributes: Attributes;
  /** Bytes of its payload. */
  readonly size: number;
}

/** What both forms of a delivered object have: its description, and its end. */
class Received {
  readonly name: string;
  readonly version: number;
  /** Of the array: of the region that was demanded, as it was asked for. */
  readonly space: Space;
  /** Of the object. */
  readonly whole: Space;
  readonly attributes: Attributes;
  readonly size: number;
  #bytes: Bytes | null;
  #array: AnyArray | null = null;
  readonly #release: () => void;
  readonly #seal: Seal | null;
  readonly #leaks: Leaks | null;
  readonly #holder: Delivery['holder'];

  constructor(delivery: Delivery, leaks: Leaks | null) {
    this.name = delivery.name;
    this.version = delivery.version;
    this.space = delivery.space;
    this.whole = delivery.whole;
    this.attributes = delivery.attributes;
    this.size = delivery.bytes.length;
    this.#bytes = delivery.bytes;
    this.#release = delivery.release;
    this.#seal = delivery.seal;
    // What holds no memory of the pool may be forgotten.
    this.#leaks = delivery.holder === null ? null : leaks;
    this.#holder = delivery.holder;
    this.#leaks?.watch(this, this.name);
  }

  get isDisposed(): boolean {
    return this.#bytes === null;
  }

  /** Ends the use of the bytes. Idempotent. See the classes below. */
  async dispose(): Promise<void> {
    if (this.#bytes === null) return;
    this.#bytes = null;
    this.#array = null;
    this.#leaks?.forget(this);
    try {
      // Before the release: afterwards the bytes may be another object's.
      if (this.#holder?.isGone !== true) this.#seal?.verify('dispose');
    } finally {
      this.#release();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /**
   * Structs taken apart: one array for each field, or for those that are named, in memory of this
   * process, native and to be kept. `bad-space`: it has no fields, or none of a name.
   */
  fields(...names: readonly string[]): FieldArrays {
    return splitFields(this.name, this.space, this.heldBytes, names);
  }

  protected get heldBytes(): Bytes {
    if (this.#bytes === null) {
      throw wrongState(`read "${this.name}"`, 'it was disposed', { name: this.name });
    }
    if (this.#holder?.isGone === true) {
      // Whatever stands there now: the pool owes it to nobody here.
      throw wrongState(`read "${this.name}"`, 'its member has left the pool', { name: this.name });
    }
    return this.#bytes;
  }

  protected get heldArray(): AnyArray {
    const bytes = this.heldBytes;
    this.#array ??= arrayOver(this.name, this.space, bytes);
    return this.#array;
  }
}

/**
 * An object as it was demanded: a view of the pool's memory, which does not change until `dispose`.
 * Everything here is read-only. Memory that is shared is mapped so: writing to it in spite of the
 * type ends the process, and leaves the data as they are.
 *
 * ```ts
 * await using u = await pool.object('u/850', { space: { dtype: 'float32' } }).demand();
 * const mean = u.array.reduce((sum, value) => sum + value, 0) / u.array.length;
 * ```
 */
export class Delivered<D extends Dtype = Dtype> extends Received {
  /**
   * The elements in the order of memory (`space.order`). Throws `wrong-state` after dispose,
   * `bad-space` when they are big-endian. An array kept beyond dispose shows other objects' bytes.
   */
  get array(): ReadonlyArrayView<ArrayOf<D>> {
    return this.heldArray as unknown as ReadonlyArrayView<ArrayOf<D>>;
  }

  /** The payload as bytes. */
  get bytes(): ReadonlyArrayView<Bytes> {
    return this.heldBytes;
  }

  /** The payload for functions that ask for a Uint8Array (files, hashes). Do not write to it. */
  unsafeBytes(): Bytes {
    return this.heldBytes;
  }

  /** The elements in memory of one's own, to be changed and kept. */
  copy(): ArrayOf<D> {
    return this.heldArray.slice() as ArrayOf<D>;
  }
}

/**
 * An object as it was demanded with `own: true`: memory that may be written. The pool is owed
 * nothing but the memory itself, which `dispose` gives back.
 */
export class Owned<D extends Dtype = Dtype> extends Received {
  /** The elements. Throws `wrong-state` after dispose, `bad-space` when they are big-endian. */
  get array(): ArrayOf<D> {
    return this.heldArray as ArrayOf<D>;
  }

  get bytes(): Bytes {
    return this.heldBytes;
  }

  /** The elements in other memory, to be kept beyond dispose. */
  copy(): ArrayOf<D> {
    return this.heldArray.slice() as ArrayOf<D>;
  }
}
