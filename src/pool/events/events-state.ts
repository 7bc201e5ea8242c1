import type { RowTester } from '../../catalog/compile.js';
import { Reader } from '../../core/bytes.js';
import { Work } from '../../core/work.js';
import { EVENT, SUBSCRIBE } from '../../protocol/index.js';
import type { Attributes } from '../attributes.js';
import type { Session } from '../sessions.js';
import type { Spaces } from '../spaces.js';
import { EventLog } from './event-log.js';
import { HeldInOrder } from './held-in-order.js';
import type { HeldMeasure, HeldOperation, MeasuredOffer } from './held-operation.js';
import type { StepQueue } from './queues.js';
import type { Subscription } from './subscription.js';
import { SubscriptionIndex } from './subscription-index.js';

/**
 * What changes what is there, and what members say: kept whether somebody asks for it or not, so
 * that who comes later can be told. All else is kept while somebody subscribes to it.
 */
const KEPT = [
  ...[EVENT.offer, EVENT.withdraw, EVENT.delete, EVENT.tag, EVENT.promise, EVENT.close],
  ...[EVENT.join, EVENT.leave, EVENT.crash, EVENT.lost, EVENT.moved, EVENT.emit],
].reduce((bits, kind) => bits | (1 << kind), 0);

/** What the agent is at for an operation that is held. */
interface MeasuringOffer {
  readonly held: HeldOperation;
  readonly measure: HeldMeasure;
  readonly one: MeasuredOffer;
}

/** What has happened in a pool, who is told of it, and which operations wait for whom. */
export class EventsState {
  readonly log: EventLog;
  readonly subscriptions = new Map<number, Subscription>();
  /** The durable ones. */
  readonly byName = new Map<string, Subscription>();
  idNext = 1;
  readonly queues = new Map<string, StepQueue>();
  /** How many of them bound how far ahead one may be. */
  queuesAhead = 0;
  /** Those that are told before, and after: what each needs. */
  readonly before: SubscriptionIndex;
  readonly after: SubscriptionIndex;
  /** How many are told before an event of each kind: 0 is what most pools have. */
  readonly beforeCounts = new Uint32Array(32);
  /** Of how many subscriptions that are told after it each kind is. */
  readonly afterCounts = new Uint32Array(32);
  /** Kinds that are kept: a bit for each. */
  kinds = KEPT;
  beforeTotal = 0;
  afterCount = 0;
  /** The standing requires. */
  readonly standing = new Set<Subscription>();
  /**
   * Those for which offers are measured before they are told of them, with what selects of those
   * that cannot be measured which to refuse; null: none.
   */
  readonly measuredFor = new Map<Subscription, RowTester | null>();
  /** Those that must miss none. */
  readonly blockers = new Set<Subscription>();
  /** Those that end by themselves, in the order in which they began. */
  readonly untilComplete = new Set<Subscription>();
  /** They have not seen the oldest events, and there is no room for more. */
  isFull = false;
  /** Nor for what is never held: they end. */
  isOverfull = false;

  /** Operations that wait for acknowledgements, by the `seq` of their event. */
  readonly held = new Map<number, HeldOperation>();
  readonly heldByTimer = new Map<number, HeldOperation>();
  /** Those that wait for room in the log. */
  readonly roomWaits = new HeldInOrder();
  /** Those that wait until somebody who requires has caught up. */
  readonly stepWaits = new Set<HeldOperation>();
  /** What the agent measures of them, by the number of the question. */
  readonly measuring = new Map<number, MeasuringOffer>();
  operationsHeld = 0;
  bytesHeld = 0;

  /** Those that are told no more until they have taken what they were sent. */
  readonly unreadBy = new Set<Session>();
  /** What events take that were written since all that was written before was sent. */
  bytesTold = 0;

  // Working memory of step: what is to be looked at before it ends.
  readonly due = new Set<Subscription>();
  readonly released = new HeldInOrder();
  /** Whether subscriptions that end by themselves may be complete. */
  isCompletionDue = false;
  /** Queues of which more steps are offered than are kept. */
  readonly queuesDue = new Set<StepQueue>();
  /** Whether somebody has caught up by a step. */
  isStepDue = false;
  /** Whether there may be any of it. */
  get isDue(): boolean {
    const { due, released, roomWaits } = this;
    if (due.size + released.size + roomWaits.size > 0) return true;
    if (this.queuesDue.size > 0 || (this.isStepDue && this.stepWaits.size > 0)) return true;
    return this.isCompletionDue || this.isFull || this.isOverfull;
  }

  readonly work = new Work();
  readonly reader = new Reader();

  constructor(attributes: Attributes, spaces: Spaces, hashSeed: number) {
    this.log = new EventLog({
      release(record, tags, space) {
        attributes.free(record);
        attributes.free(tags);
        spaces.release(space);
      },
    });
    const keyNumber = (name: string): number => attributes.keys.number(name);
    this.before = new SubscriptionIndex(attributes.terms, hashSeed, keyNumber);
    this.after = new SubscriptionIndex(attributes.terms, hashSeed, keyNumber);
  }

  /** An operation is held no longer: subscriptions may have waited for the last of them to end. */
  countReleased(): void {
    this.operationsHeld--;
    if (this.operationsHeld === 0) this.isCompletionDue = true;
  }

  /** One more, or less, is told of the events of its kinds. */
  count(one: Subscription, delta: 1 | -1): void {
    const isBefore = (one.flags & SUBSCRIBE.before) !== 0;
    const counts = isBefore ? this.beforeCounts : this.afterCounts;
    if (isBefore) this.beforeTotal += delta;
    else this.afterCount += delta;
    if ((one.flags & SUBSCRIBE.untilComplete) !== 0) {
      if (delta === 1) this.untilComplete.add(one);
      else this.untilComplete.delete(one);
    }
    this.kinds = KEPT;
    for (let kind = 0; kind < counts.length; kind++) {
      if ((one.kinds & (1 << kind)) !== 0) counts[kind] = (counts[kind] as number) + delta;
      if (this.afterCounts[kind] !== 0) this.kinds |= 1 << kind;
    }
  }
}
