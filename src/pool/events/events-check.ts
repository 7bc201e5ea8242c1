import { assert } from '../../core/assert.js';
import { LIMITS } from '../../core/limits.js';
import { SLOW, SUBSCRIBE } from '../../protocol/index.js';
import { VERSION, VERSION_FLAG, WAIT, WAIT_KIND } from '../rows.js';
import type { PoolState } from '../state.js';
import { versionHas } from '../versions.js';
import { bytesOfHeld } from './deciding.js';
import type { HeldOperation } from './held-operation.js';
import { hasTurn } from './lanes.js';
import { eachPin } from './standing.js';

/** What events and held operations have of the pool's own. */
interface HeldByEvents {
  /** Records of attributes. */
  readonly records: readonly number[];
  readonly spaces: readonly number[];
  readonly arena: number;
  readonly waits: number;
}

/** Recounts events, subscriptions and held operations; for tests and simulation. */
export function checkEvents(pool: PoolState): HeldByEvents {
  const { events } = pool;
  const { log } = events;
  const records: number[] = [];
  const spaces: number[] = [];
  log.eachHeld((attributes, tags, space) => {
    records.push(attributes, tags);
    spaces.push(space);
  });
  assert(events.due.size + events.released.size === 0, 'nothing that is due is left');
  const { arena, timers } = checkHeld(pool);
  const waits = timers + checkSubscriptions(pool);
  return { records, spaces, arena, waits };
}

/** Recounts the steps of queues: of what is offered, and of what standing requires keep. */
export function checkQueues(pool: PoolState): void {
  const { events } = pool;
  assert(events.queuesDue.size === 0, 'no more steps are offered than are kept');
  let ahead = 0;
  for (const [name, { asked, stepOf, offered, producers }] of events.queues) {
    assert(asked.name === name, 'a queue is found by its name');
    if (asked.maxAhead > 0) ahead++;
    for (const id of producers.keys()) {
      assert(pool.members.has(id), 'who offers to a queue is a member');
    }
    const steps = new Map<number, number>();
    for (const [version, step] of stepOf) {
      const isOffered = versionHas(pool, version, VERSION_FLAG.offered);
      assert(
        isOffered || pool.versions.get(version, VERSION.pins) > 0,
        'what is of a step is there',
      );
      if (isOffered) steps.set(step, (steps.get(step) ?? 0) + 1);
    }
    const counted = new Map([...offered].map(([step, { size }]) => [step, size]));
    assert(isSame(steps, counted), 'offers of a step are known');
    assert(asked.keep === 0 || offered.size <= asked.keep, 'so many steps are offered as are kept');
    for (const one of events.standing) {
      const kept = new Map<number, number>();
      eachPin(one, (version) => {
        const step = stepOf.get(version);
        if (step !== undefined) kept.set(step, (kept.get(step) ?? 0) + 1);
      });
      const counted = one.standing?.steps.get(name) ?? new Map<number, number>();
      assert(isSame(kept, counted), 'steps that one has are counted');
    }
  }
  assert(ahead === events.queuesAhead, 'queues that bound how far ahead one is are counted');
}

function isSame(one: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}

/** How many standing requires keep each version. */
export function countPins(pool: PoolState): Map<number, number> {
  const pins = new Map<number, number>();
  for (const one of pool.events.standing) {
    assert(pool.events.subscriptions.get(one.id) === one, 'a standing require is a subscription');
    eachPin(one, (version) => pins.set(version, (pins.get(version) ?? 0) + 1));
  }
  return pins;
}

function checkHeld(pool: PoolState): { readonly arena: number; readonly timers: number } {
  const { events } = pool;
  let arena = 0;
  let bytes = 0;
  let count = 0;
  let timers = 0;
  let asked = 0;
  let measuring = 0;
  for (const session of pool.sessions.values()) {
    const seen = new Set<HeldOperation>();
    for (const [lane, operations] of session.lanes) {
      assert(operations.length > 0, 'a lane has operations');
      operations.forEach((held, index) => {
        const isOwn = held.session === session && held.lanes.includes(lane);
        assert(isOwn, 'a held operation is in its lanes');
        if (held.waitsFor.size > 0) assert(index === 0, 'the first of a lane is asked for');
        if (seen.has(held)) return;
        seen.add(held);
        for (const each of held.lanes) {
          assert(session.lanes.get(each)?.includes(held) === true, 'all its lanes have it');
        }
        count++;
        bytes += bytesOfHeld(pool, held);
        arena += pool.arena.bytesOf(held.message);
        if (held.timer !== 0) {
          timers++;
          checkTimer(pool, held.timer, WAIT_KIND.hold, 0);
          assert(events.heldByTimer.get(held.timer) === held, 'a timer finds what is held');
        }
        if (held.veto === null) measuring += checkMeasure(pool, held);
        if (held.waitsFor.size === 0) return;
        asked += held.seqs.length;
        for (const seq of held.seqs) {
          assert(events.held.get(seq) === held, 'what is held is found by its events');
        }
        for (const id of held.waitsFor.keys()) {
          const one = events.subscriptions.get(id);
          const knows = held.seqs.some((seq) => one?.holds.has(seq) === true);
          assert(knows, 'who is waited for knows it');
        }
      });
    }
  }
  assert(count === events.operationsHeld, 'held operations are counted');
  assert(bytes === events.bytesHeld, 'bytes of held operations are counted');
  assert(asked === events.held.size, 'what is held waits for somebody');
  assert(measuring === events.measuring.size, 'what is measured is held');
  for (const object of pool.storeWaits.values()) {
    assert(pool.storingOf.has(object), 'who waits for another that is stored is told of its end');
  }
  assert(timers === events.heldByTimer.size, 'timers of what is held are its own');
  return { arena, timers };
}

/** Returns how many of an operation the agent measures. */
function checkMeasure({ events }: PoolState, held: HeldOperation): number {
  const { measure } = held;
  if (measure === null) return 0;
  const { all, begun, left } = measure;
  assert(left === all.filter(({ isDone }) => !isDone).length, 'what is to be measured is counted');
  if (left === 0) return 0;
  assert(hasTurn(held) && held.waitsFor.size === 0, 'what is measured nobody was told of');
  const asked = all.filter(({ isDone }, index) => index < begun && !isDone);
  assert(asked.length === Math.min(left, LIMITS.measuresMax), 'the agent has some at a time');
  for (const one of asked) {
    assert(events.measuring.get(one.asked.ask)?.one === one, 'what is measured has its number');
  }
  return asked.length;
}

/** Returns how many waits are theirs. */
function checkSubscriptions(pool: PoolState): number {
  const { events } = pool;
  let before = 0;
  let after = 0;
  let timers = 0;
  let attached = 0;
  for (const one of events.subscriptions.values()) {
    if ((one.flags & SUBSCRIBE.before) !== 0) before++;
    else after++;
    if (one.timer !== 0) {
      timers++;
      checkTimer(pool, one.timer, WAIT_KIND.events, one.id);
    }
    const isStanding = (one.flags & SUBSCRIBE.requires) !== 0;
    assert(isStanding === (one.standing !== null), 'a standing require is one');
    assert(events.standing.has(one) === isStanding, 'standing requires are known');
    assert(one.standing?.isOverfull !== true, 'one that keeps too much has ended');
    assert(one.name !== '' || one.attachments.length === 1, 'one without a name has its member');
    assert(one.name === '' || events.byName.get(one.name) === one, 'a durable one has its name');
    assert(events.blockers.has(one) === (one.slow === SLOW.block), 'who must miss none is known');
    const inFlight = new Map<number, number>();
    let orphans = 0;
    one.unacked.each((_n, _event, holder) => {
      if (holder === 0) orphans++;
      else inFlight.set(holder, (inFlight.get(holder) ?? 0) + 1);
    });
    assert(orphans === one.unacked.orphans, 'deliveries that nobody has are counted');
    assert(one.unacked.first + one.unacked.count === one.n + 1, 'I7: deliveries have no gap');
    for (const each of one.attachments) {
      attached++;
      assert(each.inFlight === (inFlight.get(each.id) ?? 0), 'what is in flight is counted');
      assert(each.inFlight <= each.window, 'no more is in flight than a window lets through');
      const known = each.session.subscriptions.get(each.number);
      assert(known?.attachment === each && known.one === one, 'a session knows its subscriptions');
    }
    for (const seq of one.holds) {
      assert(events.held.get(seq)?.waitsFor.has(one.id) === true, 'what is held waits for it');
    }
  }
  assert(before === events.beforeTotal && after === events.afterCount, 'subscribers are counted');
  let known = 0;
  for (const session of pool.sessions.values()) known += session.subscriptions.size;
  assert(known === attached, 'who is attached is known by its session');
  let ofMembers = 0;
  for (const member of pool.members.values()) ofMembers += member.subscriptions.size;
  assert(ofMembers === attached, 'who is attached is a member');
  return timers;
}

function checkTimer(pool: PoolState, timer: number, kind: number, subject: number): void {
  assert(pool.waits.rows.get(timer, WAIT.kind) === kind, 'a timer is of the kind of its owner');
  assert(pool.waits.rows.get(timer, WAIT.subject) === subject, 'a timer names its owner');
}
