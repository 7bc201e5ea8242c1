import type { Why } from './agent-messages.js';
import type { DataConnection, DataHost, GrantedRange } from './data-connection.js';
import type { DataFrames } from './data-frames.js';
import type { PinnedRange } from './slab-store.js';

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
    if (this.#size === 0 || this.#isGranted()) return null;
    return this.#ask();
  }

  /** Some bytes of it have come. */
  take(frames: DataFrames): Promise<void> | null {
    const { bytes, start, end } = frames;
    if (this.#failure !== null || this.#isGranted()) {
      this.#copy(bytes, start, end);
      return null;
    }
    const isLast = frames.writeEnds;
    return this.#ask().then(() => {
      this.#copy(bytes, start, end);
      if (isLast) this.end();
    });
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

  #isGranted(): boolean {
    const granted = this.#granted;
    return (
      granted !== null &&
      granted.slab === this.#slab &&
      this.#offset >= granted.start &&
      this.#offset + this.#size <= granted.end &&
      this.#host.isCurrent(this.#connection.slot, granted.generation)
    );
  }

  async #ask(): Promise<void> {
    this.close();
    const range = { slab: this.#slab, offset: this.#offset, size: this.#size };
    const granted = await this.#host.askWrite(this.#connection, range);
    if ('code' in granted) {
      this.#failure = granted;
      return;
    }
    const { slab, start, end } = granted;
    const pinned = await this.#host.pin({ slab, offset: start, size: end - start });
    if (pinned === null) {
      this.#failure = { code: 'bad-lease', message: 'Cannot write: the slab is not there' };
    } else if (this.#connection.isClosed) {
      pinned.release();
      this.#failure = { code: 'connection-lost', message: 'Cannot write: the connection is lost' };
    } else {
      this.#granted = granted;
      this.#pinned = pinned;
    }
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const target = this.#pinned;
    const granted = this.#granted;
    if (this.#failure !== null || target === null || granted === null) return;
    target.bytes.set(bytes.subarray(start, end), this.#offset + this.#done - granted.start);
    this.#done += end - start;
  }
}
