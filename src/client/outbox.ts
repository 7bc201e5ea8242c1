import { Writer } from '../core/bytes.js';

/** A frame is sent when it has so many bytes, so that the pool begins while a batch is encoded. */
const FRAME_CUT_BYTES = 64 * 1024;

/**
 * Gathers the messages of one turn of the event loop. The flush runs when the microtasks of the
 * turn are through: by then every continuation of what has just settled has added its own.
 */
export class Outbox {
  readonly writer = new Writer(4_096);
  /** Messages in the writer. */
  count = 0;
  readonly #cut: (messages: Uint8Array, count: number) => void;
  readonly #flush: () => void;
  #planned = false;
  readonly #plan = (): void => {
    this.#planned = false;
    this.flush();
  };

  /** `cut` sends one frame; `flush` then hands all frames to the system. */
  constructor(cut: (messages: Uint8Array, count: number) => void, flush: () => void) {
    this.#cut = cut;
    this.#flush = flush;
  }

  /** `count` more messages stand in the writer. */
  added(count: number): void {
    this.count += count;
    if (this.writer.at >= FRAME_CUT_BYTES) this.flush();
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => process.nextTick(this.#plan));
  }

  flush(): void {
    this.#send();
    this.#flush();
  }

  #send(): void {
    if (this.count === 0) return;
    this.#cut(this.writer.written(), this.count);
    this.writer.reset();
    this.count = 0;
  }
}
