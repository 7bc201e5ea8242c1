import type { Why } from './agent-messages.js';
import type { DataConnection, DataHost, GrantedRange } from './data-connection.js';
import type { DataFrames } from './data-frames.js';
import type { PinnedRange } from './slab-store.js';

const LOST: Why = { code: 'connection-lost', message: 'Cannot write: the connection is lost' };

/**
 * The WRITEs of one data connection, one after the other: bytes go from the socket's chunk straight
 * to their place in the slab, each chunk under what the pool grants at that moment. What is granted
 * is kept for the WRITEs that follow, until the pool takes it back by a new generation.
 */
export class WriteTransfer {
  readonly #connection: DataConnection;
  readonly #host: DataHost;
  #transfer = 0;
  #slab = 0;
  #offset = 0;
  #size = 0;
  #done = 0;
  #failure: Why | null = null;
  #granted: GrantedRange | null = null;
  /** The bytes of what is granted. */
  #pinned: PinnedRange | null = null;

  constructor(connection: DataConnection, host: DataHost) {
    this.#connection = connection;
    this.#host = host;
  }

  /** The head of a WRITE has come. A promise when the pool must be asked. */
  begin(frames: DataFrames): Promise<void> | null {
    this.#transfer = frames.transfer;
    this.#slab = frames.slab;
    this.#offset = frames.offset;
    this.#size = frames.size;
    this.#done = 0;
    this.#failure = null;
    return this.#size === 0 || this.#target() !== null ? null : this.#ask();
  }

  /** Some bytes of it have come. */
  take(frames: DataFrames): Promise<void> | null {
    const { bytes, start, end } = frames;
    if (this.#failure !== null || this.#copy(bytes, start, end)) return null;
    return this.#askAndCopy(bytes.subarray(start, end), frames.writeEnds);
  }

  /** All its bytes have come. */
  end(): void {
    if (this.#failure === null) this.#connection.done(this.#transfer, this.#done);
    else this.#connection.failed(this.#transfer, this.#failure);
  }

  close(): void {
    this.#pinned?.release();
    this.#pinned = null;
    this.#granted = null;
  }

  /** What is granted, if all of the WRITE lies in it. Its generation may be over. */
  #target(): { granted: GrantedRange; pinned: PinnedRange } | null {
    const granted = this.#granted;
    const pinned = this.#pinned;
    if (granted === null || pinned === null || granted.slab !== this.#slab) return null;
    if (this.#offset < granted.start || this.#offset + this.#size > granted.end) return null;
    return { granted, pinned };
  }

  /** What is granted may be taken back before it is heard of: then it is asked for anew. */
  async #askAndCopy(bytes: Uint8Array, isLast: boolean): Promise<void> {
    while (this.#failure === null && !this.#copy(bytes, 0, bytes.length)) await this.#ask();
    if (isLast) this.end();
  }

  async #ask(): Promise<void> {
    this.close();
    // The slot of a closed connection may be another's by now.
    if (this.#connection.isClosed) {
      this.#failure = LOST;
      return;
    }
    const range = { slab: this.#slab, offset: this.#offset, size: this.#size };
    const granted = await this.#host.askWrite(this.#connection, range);
    if ('code' in granted) {
      this.#failure = granted;
      return;
    }
    const { slab, start, end } = granted;
    const pinned = await this.#host.pin({ slab, offset: start, size: end - start }, 'read-write');
    if ('code' in pinned) {
      this.#failure = pinned;
    } else if (this.#connection.isClosed) {
      pinned.release();
      this.#failure = LOST;
    } else {
      this.#granted = granted;
      this.#pinned = pinned;
    }
  }

  /** Brings bytes to their place; false when they are not, or no longer, granted. */
  #copy(bytes: Uint8Array, start: number, end: number): boolean {
    const target = this.#target();
    if (target === null) return false;
    const { granted, pinned } = target;
    const at = this.#offset + this.#done - granted.start;
    const { slot } = this.#connection;
    const isDone = this.#host.gates.pass(slot, granted.generation, () => {
      pinned.bytes.set(bytes.subarray(start, end), at);
    });
    if (isDone) this.#done += end - start;
    return isDone;
  }
}
