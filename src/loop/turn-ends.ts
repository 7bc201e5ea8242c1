import { LIMITS } from '../core/limits.js';
import type { Turn } from '../pool/input.js';

/**
 * Ends the turn of a session in a batch when it has taken `turnMsMax`, or was answered with as much
 * as a turn may bring; what it has asked beyond comes behind others. Where a batch is made a clock
 * decides the one, and the journal keeps what it has decided (an entry `turn-ended`): a replay ends
 * the same turns before the same requests. The other follows from what was stepped.
 *
 * One request of a session whose turn has begun is taken however long others have taken, and
 * however much others have brought it: so everything comes to an end.
 */
export class TurnEnds implements Turn {
  /** Milliseconds from anywhere; null: turns take no time. */
  clock: (() => number) | null = null;
  /** By session, the request before which a clock has ended its turn. */
  #ended = new Map<number, number>();
  /** They are what the journal says of the batch, no clock decides. */
  #isReplay = false;
  /** What each session that has had a turn in this batch has taken of it. */
  readonly #usedMs = new Map<number, number>();
  /** What those together have taken whose turn goes on that had ended in a batch before. */
  #resumedMs = 0;
  #session = 0;
  #isResumed = false;
  /** The request with which the turn goes on here. */
  #first = 0;
  /** ... and with which it has begun. */
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

  /**
   * Requests of a session, from `request` on, are stepped from here to `pause`. False: its time is
   * over, and they need not be looked at.
   */
  begin(session: number, request: number, isResumed: boolean): boolean {
    const used = this.#usedMs.get(session);
    const left = LIMITS.turnMsMax - (isResumed ? this.#resumedMs : (used ?? 0));
    if (this.#isReplay) {
      if (this.#ended.get(session) === request) return false;
    } else if (left <= 0) {
      this.#ended.set(session, request);
      return false;
    }
    this.#session = session;
    this.#isResumed = isResumed;
    this.#first = request;
    this.#isFirst = used === undefined;
    this.#leftMs = left;
    this.#startedMs = this.#now();
    return true;
  }

  isOver(request: number, isFull: boolean): boolean {
    const isFirst = request === this.#first;
    if (isFull) return !(isFirst && this.#isFirst);
    if (this.#isReplay) return this.#ended.get(this.#session) === request;
    if (isFirst || this.#now() - this.#startedMs < this.#leftMs) return false;
    this.#ended.set(this.#session, request);
    return true;
  }

  pause(): void {
    const usedMs = this.#now() - this.#startedMs;
    if (this.#isResumed) this.#resumedMs += usedMs;
    this.#usedMs.set(this.#session, usedMs + (this.#usedMs.get(this.#session) ?? 0));
  }

  /** The batch is stepped; returns, by session, the request before which its turn has ended. */
  endBatch(): ReadonlyMap<number, number> {
    const ended = this.#ended;
    if (ended.size > 0) this.#ended = new Map();
    this.#isReplay = false;
    this.#usedMs.clear();
    this.#resumedMs = 0;
    return ended;
  }

  /** In a replay no time passes. */
  #now(): number {
    return this.clock === null || this.#isReplay ? 0 : this.clock();
  }
}
