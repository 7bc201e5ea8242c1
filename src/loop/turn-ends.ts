import { LIMITS } from '../core/limits.js';
import type { Turn } from '../pool/input.js';

/**
 * Ends the turn of a session in a batch when it has taken `turnMsMax`; what it has asked beyond
 * comes behind others. Where a batch is made a clock decides that, and the journal keeps what it
 * has decided (an entry `turn-ended`): a replay ends the same turns before the same requests.
 */
export class TurnEnds implements Turn {
  /** Milliseconds from anywhere; null: turns take no time. */
  clock: (() => number) | null = null;
  /** By session, the request before which its turn has ended. */
  #ended = new Map<number, number>();
  /** They are what the journal says of the batch, no clock decides. */
  #isReplay = false;
  /** What each session has taken of this batch. */
  readonly #usedMs = new Map<number, number>();
  /** What those together have taken whose turn goes on that had ended in a batch before. */
  #resumedMs = 0;
  #hasResumed = false;
  #session = 0;
  #isResumed = false;
  /** One request is taken however late it is: so everything comes to an end. */
  #isFirst = false;
  #startedMs = 0;
  #leftMs = 0;

  /** The batch to come is one of a journal. */
  beginReplay(): void {
    this.#isReplay = true;
  }

  /** What the journal says of the batch to come. */
  record(session: number, request: number): void {
    this.#ended.set(session, request);
  }

  /** Requests of a session are stepped from here to `pause`. */
  begin(session: number, isResumed: boolean): void {
    this.#session = session;
    if (this.clock === null || this.#isReplay) return;
    const used = this.#usedMs.get(session);
    this.#isResumed = isResumed;
    this.#isFirst = isResumed ? !this.#hasResumed : used === undefined;
    this.#hasResumed ||= isResumed;
    this.#leftMs = LIMITS.turnMsMax - (isResumed ? this.#resumedMs : (used ?? 0));
    this.#startedMs = this.clock();
  }

  isOver(request: number): boolean {
    if (this.#isReplay) return this.#ended.get(this.#session) === request;
    if (this.clock === null) return false;
    if (this.#isFirst) {
      this.#isFirst = false;
      return false;
    }
    if (this.clock() - this.#startedMs < this.#leftMs) return false;
    this.#ended.set(this.#session, request);
    return true;
  }

  pause(): void {
    if (this.clock === null || this.#isReplay) return;
    const usedMs = this.clock() - this.#startedMs;
    if (this.#isResumed) this.#resumedMs += usedMs;
    else this.#usedMs.set(this.#session, usedMs + (this.#usedMs.get(this.#session) ?? 0));
  }

  /** The batch is stepped; returns, by session, the request before which its turn has ended. */
  endBatch(): ReadonlyMap<number, number> {
    const ended = this.#ended;
    if (ended.size > 0) this.#ended = new Map();
    this.#isReplay = false;
    this.#usedMs.clear();
    this.#resumedMs = 0;
    this.#hasResumed = false;
    return ended;
  }
}
