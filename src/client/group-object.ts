import type { Dtype } from '../core/space.js';
import type { ArrayOf, Bytes } from './arrays.js';
import { Handle } from './handle.js';
import { Making } from './making.js';
import type { ObjectOptions, WaitOptions } from './options.js';
import type { Seat } from './seat.js';

/** An object that is made to be offered with its group: `array` is written before. */
export class GroupObject<D extends Dtype = Dtype> {
  readonly #handle: Handle;
  readonly #making: Making;

  constructor(seat: Seat, name: string, options: ObjectOptions) {
    this.#handle = new Handle(seat, name, options);
    this.#making = new Making(this.#handle);
  }

  get name(): string {
    return this.#handle.name;
  }

  /** As `array` of an object that is offered by itself. */
  get array(): ArrayOf<D> {
    this.#handle.mustBe('write to', 'open');
    return this.#making.array as ArrayOf<D>;
  }

  /** The same memory as bytes. */
  get bytes(): Bytes {
    this.#handle.mustBe('write to', 'open');
    return this.#making.bytes;
  }

  /** Puts arrays, one a field, into the structs that the object is made of. */
  setFields(arrays: { readonly [name: string]: ArrayBufferView }): this {
    this.#handle.mustBe('write to', 'open');
    this.#making.setFields(arrays);
    return this;
  }

  /** Makes sure that `array` is shared memory; waits while the pool's is full. */
  async allocate(options: WaitOptions = {}): Promise<this> {
    this.#handle.mustBe('allocate', 'open');
    await this.#making.allocate(options);
    return this;
  }

  /** For its group. */
  static partsOf(object: GroupObject): { readonly handle: Handle; readonly making: Making } {
    return { handle: object.#handle, making: object.#making };
  }
}
