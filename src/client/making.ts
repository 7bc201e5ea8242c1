import { type Space, spaceBytes } from '../core/space.js';
import { type AnyArray, arrayOver, type Bytes } from './arrays.js';
import { type Backing, memoryNow, spaceIfKnown, unknownShape } from './backing.js';
import { Seal } from './check.js';
import { wrongState } from './errors.js';
import { joinFields } from './fields.js';
import type { Handle } from './handle.js';
import { leaseFor, type Payload } from './offering.js';
import type { WaitOptions } from './options.js';

const NOTHING: Payload = { kind: 'bytes', bytes: new Uint8Array(0) };

/** The memory of an object that is being made: from the first use of `array` to the offer. */
export class Making {
  readonly #handle: Handle;
  #backing: Backing | null = null;
  #array: AnyArray | null = null;
  /** Of memory that was offered without a copy: compared when the offer ends. */
  #seal: Seal | null = null;

  /** Of the elements, or null while that is not wholly known. */
  readonly #space: () => Space | null;

  /** `space`: of the part that is made, which may be all. */
  constructor(handle: Handle, space: () => Space | null = () => spaceIfKnown(handle.space)) {
    this.#handle = handle;
    this.#space = space;
  }

  get isBegun(): boolean {
    return this.#backing !== null;
  }

  /** Whether memory that was offered is to be compared. */
  get isChecked(): boolean {
    return this.#seal !== null;
  }

  /** Bytes of the payload; `bad-space` while the shape is not known. */
  get size(): number {
    return spaceBytes(this.#spaceToFill());
  }

  get bytes(): Bytes {
    this.#backing ??= memoryNow(this.#handle.seat.client, this.size);
    if (this.#backing.kind !== 'file') return this.#backing.bytes;
    throw wrongState(`write to "${this.#handle.name}"`, 'its payload is a file');
  }

  get array(): AnyArray {
    this.#array ??= arrayOver(this.#handle.name, this.#spaceToFill(), this.bytes);
    return this.#array;
  }

  setFields(arrays: { readonly [name: string]: ArrayBufferView }): void {
    joinFields(this.#handle.name, this.#spaceToFill(), this.bytes, arrays);
  }

  #spaceToFill(): Space {
    return this.#space() ?? unknownShape(this.#handle.name);
  }

  /** The space has changed: the same bytes may be other elements. */
  spaceChanged(): void {
    this.#array = null;
  }

  /** Leases memory, and keeps what was written before. */
  async allocate(options: WaitOptions): Promise<void> {
    const { client } = this.#handle.seat;
    const { size } = this;
    if (this.#backing?.kind === 'slice' || size <= client.inlineBytesMax) return;
    if (client.plane.transport === 'socket') return;
    const slice = await leaseFor(this.#handle, size, options);
    const bytes = client.plane.writable(slice);
    if (bytes === null) return client.leases.giveBack(slice);
    if (this.#backing?.kind === 'private') bytes.set(this.#backing.bytes);
    this.#backing = { kind: 'slice', slice, bytes };
    this.#array = null;
  }

  /** Takes a file of the slabs' directory as the payload. */
  async adopt(file: string, size: number, options: WaitOptions): Promise<void> {
    const { seat, name } = this.#handle;
    const what = `adopt "${file}" for "${name}"`;
    const room = seat.enter(what);
    if (room !== null) await room;
    const slice = await seat.client.leases.adopt(file, size, what, options);
    this.#backing = { kind: 'file', slice };
  }

  /** What offer is to publish. */
  payload(): Payload {
    const backing = this.#backing;
    const { name, seat } = this.#handle;
    if (backing === null) {
      const space = this.#space();
      const size = space === null ? 0 : spaceBytes(space);
      if (size > 0) throw wrongState(`offer "${name}"`, 'nothing was written to its array');
      return NOTHING;
    }
    if (backing.kind === 'private') return { kind: 'bytes', bytes: backing.bytes };
    if (backing.kind === 'slice' && seat.client.checks) {
      this.#seal = new Seal(name, backing.bytes, 'it was offered');
    }
    const { slice } = backing;
    return backing.kind === 'file'
      ? { kind: 'slice', slice }
      : { kind: 'slice', slice, bytes: backing.bytes };
  }

  /** The pool has the bytes now. */
  offered(): void {
    this.#backing = null;
    this.#array = null;
  }

  /** The same, of what was to be withdrawn at once, and may not be. */
  stays(): void {
    this.offered();
    this.#handle.state = 'offered';
  }

  /** `checksum-mismatch` when somebody wrote to what was offered. */
  verify(what: string): void {
    const seal = this.#seal;
    this.#seal = null;
    if (!this.#handle.seat.isGone) seal?.verify(what);
  }

  /** Gives memory back that was not offered. */
  end(): void {
    const backing = this.#backing;
    this.offered();
    if (backing === null || backing.kind === 'private') return;
    this.#handle.seat.client.leases.giveBack(backing.slice);
  }
}
