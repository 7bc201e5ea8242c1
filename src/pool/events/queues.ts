import type { RowTester } from '../../catalog/compile.js';
import { refuse } from '../../core/assert.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { numberOf } from '../../core/selector/satisfies.js';
import type { QueueFields } from '../../protocol/index.js';
import { failure } from '../emit.js';
import { VERSION, VERSION_FLAG } from '../rows.js';
import type { Member } from '../sessions.js';
import type { PoolState } from '../state.js';
import { versionHas, withdrawVersion } from '../versions.js';
import { markDue } from './delivering.js';
import { endSubscription } from './ending.js';
import { type Place, termAt } from './places.js';
import type { Subscription } from './subscription.js';
import { compileFor, meantBy } from './subscriptions.js';

/** What a queue is asked to be. */
type Asked = Omit<QueueFields, 'forget'>;

/**
 * Objects of which an attribute says the step that they are of. How many steps of it are offered,
 * and how far those who require it may fall behind, is bounded.
 */
export class StepQueue {
  readonly asked: Asked;
  /** What the selector meant when it was defined. */
  readonly meant: string;
  readonly passes: RowTester;
  /** Of each version that is offered, or that standing requires keep. */
  readonly stepOf = new Map<number, number>();
  /** The versions of each step that are offered. */
  readonly offered = new Map<number, Set<number>>();
  /** The newest step that each member has begun, who has offered to it. */
  readonly producers = new Map<number, number>();

  constructor(asked: Asked, meant: string, passes: RowTester) {
    this.asked = asked;
    this.meant = meant;
    this.passes = passes;
  }

  /** A version of a step is offered. */
  offer(version: number, step: number): void {
    this.stepOf.set(version, step);
    const versions = this.offered.get(step) ?? new Set<number>();
    this.offered.set(step, versions);
    versions.add(version);
  }

  begun(member: number, step: number): void {
    const newest = this.producers.get(member);
    if (newest === undefined || newest < step) this.producers.set(member, step);
  }
}

/** QUEUE: defined again as it is, it stays; as something else it is refused. */
export function defineQueue(pool: PoolState, { forget, ...asked }: QueueFields): void {
  const { events } = pool;
  const known = events.queues.get(asked.name);
  if (forget === 1) {
    if (known !== undefined) dropQueue(pool, known);
    return;
  }
  if (known !== undefined) {
    checkSame(known, asked);
    return;
  }
  if (events.queues.size >= LIMITS.queuesMax) {
    refuse('too-large', `Cannot define "${asked.name}": ${LIMITS.queuesMax} queues at most`, {
      limit: LIMITS.queuesMax,
    });
  }
  addQueue(pool, asked, meantBy(pool, asked.selector));
}

function checkSame({ asked: known }: StepQueue, asked: Asked): void {
  const isSame = (Object.keys(asked) as (keyof Asked)[]).every((key) => known[key] === asked[key]);
  if (isSame) return;
  refuse(
    'bad-argument',
    `Cannot define the queue "${asked.name}": it is there, and is another; forget that first`,
    { name: asked.name },
  );
}

export function addQueue(pool: PoolState, asked: Asked, meant: string): StepQueue {
  const queue = new StepQueue(asked, meant, compileFor(pool, meant).passes);
  pool.events.queues.set(asked.name, queue);
  if (asked.maxAhead > 0) pool.events.queuesAhead++;
  return queue;
}

function dropQueue(pool: PoolState, queue: StepQueue): void {
  const { events } = pool;
  const { asked } = queue;
  events.queues.delete(asked.name);
  events.queuesDue.delete(queue);
  if (asked.maxAhead > 0) events.queuesAhead--;
  for (const one of [...events.standing]) {
    one.standing?.steps.delete(asked.name);
    if (!one.topics.has(asked.name)) continue;
    const why = `Cannot go on: the queue "${asked.name}" was forgotten`;
    endSubscription(pool, one, failure('cancelled', why, { name: asked.name }));
  }
  events.isStepDue = true;
}

/** The step that an object is of, which a place tells of; null when it is of none in the queue. */
export function stepAt(pool: PoolState, queue: StepQueue, place: Place): number | null {
  const term = termAt(pool, place, pool.keys.find(queue.asked.by));
  if (term === 0) return null;
  // Of floats, too: 3.0 is 3, as for selectors.
  const step = numberOf(pool.attributes.valueOf(term));
  if (typeof step !== 'number' || !Number.isSafeInteger(step)) return null;
  return isSelected(pool, queue, place) ? step : null;
}

/** What takes too much to be told is not selected. */
function isSelected(pool: PoolState, { passes }: StepQueue, place: Place): boolean {
  const { work } = pool.events;
  work.begin();
  try {
    return passes(place, work);
  } catch (error) {
    if (error instanceof AttaccaError) return false;
    throw error;
  }
}

/** A version is offered: which steps it is of, before anybody requires it. */
export function noteStep(pool: PoolState, version: number): void {
  const { events, versions } = pool;
  const member = versions.get(version, VERSION.providerMember);
  for (const queue of events.queues.values()) {
    const step = stepAt(pool, queue, -version);
    if (step === null) continue;
    queue.offer(version, step);
    // One that was open is sealed when all is written, perhaps after its member.
    if (pool.members.has(member)) queue.begun(member, step);
    tellViewers(pool, queue);
    const { keep } = queue.asked;
    if (keep > 0 && queue.offered.size > keep) events.queuesDue.add(queue);
  }
}

/** A member has offered a part of a version. */
export function noteStepOf(pool: PoolState, version: number, member: number): void {
  for (const queue of pool.events.queues.values()) {
    const step = queue.stepOf.get(version);
    if (step === undefined) continue;
    queue.begun(member, step);
    tellViewers(pool, queue);
  }
}

/** A member is gone: it begins no more steps. */
export function endProducer({ events }: PoolState, member: Member | null): void {
  if (member === null) return;
  for (const { producers } of events.queues.values()) producers.delete(member.id);
}

/** Who waits for whole steps of a queue looks again. */
function tellViewers(pool: PoolState, queue: StepQueue): void {
  for (const one of pool.events.standing) if (queueOf(pool, one) === queue) markDue(pool, one);
}

/** The queue that a standing require names; null when it names none, or one that is gone. */
export function queueOf(
  pool: PoolState,
  { topics }: Pick<Subscription, 'topics'>,
): StepQueue | null {
  for (const name of topics) return pool.events.queues.get(name) ?? null;
  return null;
}

/** Whether a version is of the queue that a standing require names, if it names one. */
export function isOfQueue(pool: PoolState, one: Subscription, version: number): boolean {
  return one.topics.size === 0 || queueOf(pool, one)?.stepOf.has(version) === true;
}

/** A version is withdrawn. */
export function endStep(pool: PoolState, version: number): void {
  for (const queue of pool.events.queues.values()) {
    const step = queue.stepOf.get(version);
    if (step === undefined) continue;
    const versions = queue.offered.get(step);
    versions?.delete(version);
    if (versions?.size === 0) queue.offered.delete(step);
  }
  forgetStep(pool, version);
}

/** Nobody needs to know of which step a version is, that is neither offered nor kept. */
export function forgetStep(pool: PoolState, version: number): void {
  if (versionHas(pool, version, VERSION_FLAG.offered)) return;
  if (pool.versions.get(version, VERSION.pins) > 0) return;
  for (const { stepOf } of pool.events.queues.values()) stepOf.delete(version);
}

/** One more version of a step is kept by a standing require, or less. */
export function countSteps(
  pool: PoolState,
  steps: Map<string, Map<number, number>>,
  version: number,
  delta: 1 | -1,
): void {
  for (const [name, queue] of pool.events.queues) {
    const step = queue.stepOf.get(version);
    if (step === undefined) continue;
    const counts = steps.get(name) ?? new Map<number, number>();
    steps.set(name, counts);
    const count = (counts.get(step) ?? 0) + delta;
    if (count > 0) counts.set(step, count);
    else {
      counts.delete(step);
      // Who waits for it to catch up may go on.
      pool.events.isStepDue = true;
    }
  }
}

/** Of the queues that have more than they keep, the one that was defined first keeps its newest. */
export function keepDue(pool: PoolState): void {
  const { queues, queuesDue } = pool.events;
  for (const queue of queues.values()) {
    if (!queuesDue.delete(queue)) continue;
    keepNewest(pool, queue);
    return;
  }
}

/** The oldest steps go: so many are offered as are kept. */
function keepNewest(pool: PoolState, { offered, asked }: StepQueue): void {
  while (offered.size > asked.keep) {
    let oldest = Number.POSITIVE_INFINITY;
    for (const step of offered.keys()) oldest = Math.min(oldest, step);
    for (const version of [...(offered.get(oldest) ?? [])]) {
      // One of a group may have gone with that.
      const isOffered = versionHas(pool, version, VERSION_FLAG.offered);
      if (isOffered) withdrawVersion(pool, version, asked.name);
    }
  }
}
