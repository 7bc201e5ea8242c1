import type { Link } from '../transport/index.js';

/**
 * An acknowledgement is due within a second (spec, section 6); sooner, so that a slow turn counts.
 */
const ACK_SOON_MS = 250;
/** Over TCP a side that has sent nothing for so long sends an ACK. */
const HEARTBEAT_MS = 5_000;
/** Over TCP: nothing has come for so many heartbeats (20 s), so the other host is gone. */
const SILENT_BEATS_MAX = 4;

/** A link that can be told not to keep the process alive. */
type Restful = Link & { ref?: () => void; unref?: () => void };

/**
 * The timers of a lifeline, and whether it keeps the process alive: only while the program waits
 * for something. A script that forgets to leave ends when it has nothing else to do.
 */
export class Keeper {
  readonly #writeAck: (always: boolean) => void;
  #link: Restful | null = null;
  #busy = false;
  #ackTimer: NodeJS.Timeout | null = null;
  #beatTimer: NodeJS.Timeout | null = null;
  #pauseTimer: NodeJS.Timeout | null = null;
  #endPause: () => void = () => {};
  #hasSent = false;
  #silentBeats = 0;

  constructor(writeAck: (always: boolean) => void) {
    this.#writeAck = writeAck;
  }

  /** A new link; until it is up the process waits for it. */
  take(link: Link): void {
    this.#link = link;
    this.#silentBeats = 0;
    this.#rest();
    if (link.kind !== 'tcp' || this.#beatTimer !== null) return;
    this.#beatTimer = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#beatTimer.unref();
  }

  drop(): void {
    this.#link = null;
  }

  get isBusy(): boolean {
    return this.#busy;
  }

  setBusy(busy: boolean): void {
    if (busy === this.#busy) return;
    this.#busy = busy;
    this.#rest();
    if (busy) this.#pauseTimer?.ref();
    else this.#pauseTimer?.unref();
  }

  sent(): void {
    this.#hasSent = true;
  }

  received(): void {
    this.#silentBeats = 0;
  }

  /** Plans an acknowledgement, unless something that carries one goes out before. */
  ackSoon(): void {
    if (this.#ackTimer !== null) return;
    this.#ackTimer = setTimeout(() => {
      this.#ackTimer = null;
      this.#writeAck(false);
    }, ACK_SOON_MS);
    this.#ackTimer.unref();
  }

  /** Waits between two attempts. */
  pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#endPause = resolve;
      this.#pauseTimer = setTimeout(resolve, durationMs);
      if (!this.#busy) this.#pauseTimer.unref();
    });
  }

  stop(): void {
    this.#link = null;
    for (const timer of [this.#ackTimer, this.#beatTimer, this.#pauseTimer]) {
      if (timer !== null) clearTimeout(timer);
    }
    this.#endPause();
  }

  #rest(): void {
    if (this.#busy) this.#link?.ref();
    else this.#link?.unref();
  }

  #beat(): void {
    if (!this.#hasSent) this.#writeAck(true);
    this.#hasSent = false;
    this.#silentBeats++;
    if (this.#silentBeats > SILENT_BEATS_MAX) this.#link?.destroy();
  }
}
