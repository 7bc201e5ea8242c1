import type { RowTester } from '../../catalog/compile.js';
import { assert } from '../../core/assert.js';
import type { Session } from '../sessions.js';
import type { PromisesFor } from './completing.js';
import type { Standing } from './standing.js';

/** A member that takes events of a subscription, as many at a time as its window lets through. */
export interface Attachment {
  /** Unique in the subscription; above 0. */
  readonly id: number;
  readonly session: Session;
  /** The member's id. */
  readonly member: number;
  /** Its number in the session. */
  readonly number: number;
  readonly window: number;
  /** It ends before this event, when all that came earlier is done; 0: it goes on. */
  readonly until: number;
  /** Deliveries that it has not acknowledged. */
  inFlight: number;
}

/** What a subscription asks for, and how: it stays as it is. */
export interface Asked {
  /** Of a durable one; '' for one that ends with its member. */
  readonly name: string;
  /** A bit for each EVENT. */
  readonly kinds: number;
  /** Of emitted events; none: all of them. */
  readonly topics: ReadonlySet<string>;
  readonly selector: string;
  /** SUBSCRIBE bits. */
  readonly flags: number;
  readonly slow: number;
  readonly silence: number;
  /** How long an operation waits for it; Infinity: for ever. */
  readonly deadlineMs: number;
}

/** What is not told: of events their `seq`, of steps (so many) which. */
interface Gap {
  readonly from: number;
  readonly to: number;
  /** 0: of events. */
  readonly steps: number;
}

/**
 * Somebody who is told of events. It stands at the head of the log, where each event that comes is
 * tried on it at once; or behind, at the first event that it has had no room for.
 */
export interface Subscription extends Asked {
  readonly id: number;
  /** What the selector meant when it began. */
  readonly meant: string;
  /** Asked of the rows of the log. */
  readonly passes: RowTester;
  /** The same, of events for which the index has found it: see SubscriptionIndex. */
  passesRest: RowTester;
  /** Of one that ends by itself: which promises it waits for. */
  readonly promised: PromisesFor | null;
  /** Of such a one: the first promise that was not closed when it began; or the next one. */
  readonly promisedFrom: number;
  readonly attachments: Attachment[];
  attachmentNext: number;
  /** The event that is looked at next; 0: it stands at the head. */
  behindAt: number;
  /** The number of the last delivery. */
  n: number;
  readonly unacked: Unacked;
  /** Of deliveries that tell of events which are gone: which ones, by `n`. */
  readonly gaps: Map<number, Gap>;
  /** Of a standing require: what it has for its members. */
  readonly standing: Standing | null;
  /** The rows of objects that were there when it began, and are not looked at yet. */
  snapshot: { next: number; readonly end: number } | null;
  /** The last event that was there when it began; or when it went on, one that was complete. */
  from: number;
  /** `seq` of the events whose operations wait for it. */
  readonly holds: Set<number>;
  /** By which it goes on by itself: there was more to look at than fits a turn. */
  timer: number;
}

/** Of a delivery that was acknowledged before one that came earlier. */
const DONE = 0xffff_ffff;
const ROOM_LEAST = 16;

/**
 * Deliveries that are not acknowledged, in the order of `n`, which has no gap: so a ring holds the
 * event and who has it. Deliveries of members that are gone are nobody's, until another has them.
 */
export class Unacked {
  #events = new Float64Array(ROOM_LEAST);
  #holders = new Uint32Array(ROOM_LEAST);
  /** The `n` of the first one. */
  #first = 1;
  #count = 0;
  #mask = ROOM_LEAST - 1;
  /** How many are nobody's. */
  #orphans = 0;

  get count(): number {
    return this.#count;
  }

  /** The `n` of the oldest, or of the next one when there is none. */
  get first(): number {
    return this.#first;
  }

  get orphans(): number {
    return this.#orphans;
  }

  push(n: number, event: number, holder: number): void {
    assert(n === this.#first + this.#count, 'deliveries are numbered without a gap');
    if (this.#count > this.#mask) this.#grow();
    const at = n & this.#mask;
    this.#events[at] = event;
    this.#holders[at] = holder;
    this.#count++;
    if (holder === 0) this.#orphans++;
  }

  /** Who has a delivery: an attachment; 0 for nobody, -1 when there is no such delivery. */
  holderOf(n: number): number {
    if (n < this.#first || n >= this.#first + this.#count) return -1;
    const holder = this.#holders[n & this.#mask] as number;
    return holder === DONE ? -1 : holder;
  }

  eventOf(n: number): number {
    return this.#events[n & this.#mask] as number;
  }

  /** The oldest event of the log among them; Infinity when there is none. */
  get oldest(): number {
    for (let n = this.#first; n < this.#first + this.#count; n++) {
      const place = this.eventOf(n);
      if (place > 0) return place;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Whether one is open of what was there before an event; versions were. */
  hasBefore(seq: number): boolean {
    for (let n = this.#first; n < this.#first + this.#count; n++) {
      if (this.#holders[n & this.#mask] !== DONE && this.eventOf(n) < seq) return true;
    }
    return false;
  }

  done(n: number): void {
    assert(this.holderOf(n) >= 0, 'a delivery is acknowledged once');
    if (this.#holders[n & this.#mask] === 0) this.#orphans--;
    this.#holders[n & this.#mask] = DONE;
    while (this.#count > 0 && this.#holders[this.#first & this.#mask] === DONE) {
      this.#first++;
      this.#count--;
    }
  }

  /** What one had is nobody's. */
  orphan(holder: number): void {
    for (let n = this.#first; n < this.#first + this.#count; n++) {
      if (this.#holders[n & this.#mask] !== holder) continue;
      this.#holders[n & this.#mask] = 0;
      this.#orphans++;
    }
  }

  /** Gives the oldest that is nobody's to one; returns its `n`. */
  adopt(holder: number): number {
    for (let n = this.#first; n < this.#first + this.#count; n++) {
      if (this.#holders[n & this.#mask] !== 0) continue;
      this.#holders[n & this.#mask] = holder;
      this.#orphans--;
      return n;
    }
    return 0;
  }

  /** All that are not acknowledged, with who has them. */
  each(visit: (n: number, event: number, holder: number) => void): void {
    for (let n = this.#first; n < this.#first + this.#count; n++) {
      const holder = this.#holders[n & this.#mask] as number;
      if (holder !== DONE) visit(n, this.eventOf(n), holder);
    }
  }

  /** As it is saved: also those that were acknowledged before others. */
  eachSaved(visit: (event: number, holder: number) => void): void {
    for (let n = this.#first; n < this.#first + this.#count; n++) {
      visit(this.eventOf(n), this.#holders[n & this.#mask] as number);
    }
  }

  /** Fills one that is new. */
  restore(first: number): void {
    assert(this.#count === 0, 'deliveries are restored into what is new');
    this.#first = first;
  }

  #grow(): void {
    const events = new Float64Array(this.#events.length * 2);
    const holders = new Uint32Array(this.#events.length * 2);
    const mask = events.length - 1;
    for (let n = this.#first; n < this.#first + this.#count; n++) {
      events[n & mask] = this.#events[n & this.#mask] as number;
      holders[n & mask] = this.#holders[n & this.#mask] as number;
    }
    this.#events = events;
    this.#holders = holders;
    this.#mask = mask;
  }
}
