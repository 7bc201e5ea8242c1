import { EVENT, MESSAGE, readOfferGroup, SUBSCRIBE } from '../../protocol/index.js';
import { nameOfMember } from '../looking.js';
import { HANDLE, OBJECT } from '../rows.js';
import type { Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { announce, kindsOf, replacedAhead } from './announcing.js';
import { beginDeadline, endHoldTimer, whoOf } from './deciding.js';
import type { HeldOperation } from './held-operation.js';
import { type StepQueue, stepAt } from './queues.js';
import type { Subscription } from './subscription.js';

/** An offer that begins a step for which somebody is not ready. */
interface Ahead {
  readonly queue: StepQueue;
  readonly step: number;
  /** Who is behind, and by how many steps. */
  readonly one: Subscription;
  readonly steps: number;
}

/**
 * Whether a request, on whose body the reader stands, offers a step that is too far ahead of a
 * standing require: so many earlier steps of the queue wait for that one, or are not done.
 */
export function aheadOf(pool: PoolState, session: Session, code: number): Ahead | null {
  const { events, reader } = pool;
  if (events.queuesAhead === 0) return null;
  const { at } = reader;
  try {
    if (!kindsOf(pool, session, code).includes(EVENT.offer)) return null;
    if (isBegun(pool, session, code)) return null;
    const found: (Ahead | null)[] = [];
    announce(pool, session, code, EVENT.offer, (seq) => {
      found.push(aheadAt(pool, session, seq));
      events.log.undo();
    });
    return found.find((each) => each !== null) ?? null;
  } finally {
    reader.at = at;
  }
}

/**
 * What has begun goes on: it may be what others wait for. Not what takes the place of another: that
 * begins anew.
 */
function isBegun(pool: PoolState, session: Session, code: number): boolean {
  const { reader, handles, objects } = pool;
  if (code === MESSAGE.offer && replacedAhead(pool, session) !== 0) return false;
  const { at } = reader;
  const handle = session.handles.get(handleAt(pool, code));
  reader.at = at;
  return handle !== 0 && objects.get(handles.get(handle, HANDLE.object), OBJECT.current) !== 0;
}

/** The number of the handle that an offer is by; of a group, of its own. */
function handleAt({ reader, decoder: { offer, group } }: PoolState, code: number): number {
  if (code !== MESSAGE.offerGroup) return reader.u32();
  readOfferGroup(reader, offer, group);
  return offer.handle;
}

function aheadAt(pool: PoolState, session: Session, seq: number): Ahead | null {
  const { events } = pool;
  for (const queue of events.queues.values()) {
    const { maxAhead, name } = queue.asked;
    const step = maxAhead === 0 ? null : stepAt(pool, queue, seq);
    if (step === null) continue;
    for (const one of events.standing) {
      // Who skips what it has no time for is never behind.
      if ((one.flags & SUBSCRIBE.latest) !== 0) continue;
      // Who is behind must not wait for itself.
      if (one.attachments.some((each) => each.session === session)) continue;
      let steps = 0;
      for (const each of one.standing?.steps.get(name)?.keys() ?? []) if (each < step) steps++;
      if (steps >= maxAhead) return { queue, step, one, steps };
    }
  }
  return null;
}

/** Holds an operation until those who are behind have caught up, or its deadline. */
export function waitForStep(pool: PoolState, held: HeldOperation): void {
  pool.events.stepWaits.add(held);
  beginDeadline(pool, held);
}

/** Somebody has caught up: all that wait for that are looked at again. */
export function releaseSteps(pool: PoolState): void {
  const { events } = pool;
  for (const held of events.stepWaits) {
    endHoldTimer(pool, held);
    events.released.add(held);
  }
  events.stepWaits.clear();
}

/** Whom an offer waits for, that is too far ahead. */
export function stepReason(pool: PoolState, held: HeldOperation): string {
  const { arena, reader } = pool;
  const { bytes, at, limit } = reader;
  arena.read(reader, held.message, 0);
  const ahead = aheadOf(pool, held.session, held.code);
  reader.reset(bytes, at, limit);
  if (ahead === null) return 'it waits for its turn';
  const { queue, step, one, steps } = ahead;
  const [first] = one.attachments;
  const who = first === undefined ? whoOf(pool, one) : nameOfMember(pool, first.member);
  const behind = `${who} is ${steps} ${steps === 1 ? 'step' : 'steps'} behind`;
  return `step ${step} of the queue "${queue.asked.name}" waits, as ${behind}`;
}
