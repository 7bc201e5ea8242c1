import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Float } from '../../src/core/value.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { EVENT, EVENT_FLAG } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import type { Call } from './call.js';
import { Harness } from './harness.js';
import type { Member } from './member.js';
import type { SubscribeOptions, Subscriber } from './subscriber.js';

/** Declares, and offers; the answer of the offer. */
function offer(member: Member, name: string, step: number): Call {
  return member.declare(name, { attributes: { step } }).offer(name);
}

function standing(member: Member, asked: SubscribeOptions = {}): Subscriber {
  const one = member.subscribe({ kinds: ['offer'], requires: true, ...asked });
  one.made.value();
  return one;
}

function offered(pool: Harness): string[] {
  const names: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const call = pool.member('look[*]').stat(name);
    if (call.answer?.kind === 'value' && call.value()['state'] === 'offered') names.push(name);
  }
  return names;
}

test('keep: the oldest steps are withdrawn by the queue, which is told', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const watcher = pool.member('watcher').subscribe({ kinds: ['withdraw'] });
  producer.queue('q', { keep: 2 }).ok();
  const handle = producer.declare('a', { attributes: { step: 6 } });
  handle.offer('a').ok();
  const required = pool.member('reader').require('a');
  offer(producer, 'b', 6).ok();
  offer(producer, 'c', 12).ok();
  producer.offer('f', 'no step');
  assert.deepEqual(watcher.told, []);
  offer(producer, 'd', 18).ok();
  assert.deepEqual(watcher.told, ['withdraw a', 'withdraw b']);
  assert.equal(watcher.last.flags & EVENT_FLAG.queue, EVENT_FLAG.queue);
  assert.equal(watcher.last.member, 'q');
  // Who has required it is served; the producer may withdraw it all the same.
  assert.equal(required.demand().text(), 'a');
  handle.withdraw().ok();
  // What is older than all that is kept goes at once.
  offer(producer, 'e', 0).ok();
  assert.deepEqual(offered(pool), ['c', 'd', 'f']);
  const [row] = producer.info().value()['queues'] as { [key: string]: unknown }[];
  assert.deepEqual([row?.['name'], row?.['steps'], row?.['from'], row?.['to']], ['q', 2, 12, 18]);
});

test('a step is a whole number, written as a float or not; nothing else is one', () => {
  const pool = new Harness();
  const member = pool.member('m');
  member.queue('q', { keep: 2 }).ok();
  const values = [1, new Float(2), 2.5, new Float(Number.NaN), '3', true, new Float(3), 2 ** 60];
  for (const [at, step] of values.entries()) {
    member.declare(`s${at}`, { attributes: { step } }).offer('x').ok();
  }
  const [row] = member.info().value()['queues'] as { [key: string]: unknown }[];
  assert.deepEqual([row?.['steps'], row?.['from'], row?.['to']], [2, 2, 3]);
});

test('a queue that is there stays as it is, is refused as another, and can be forgotten', () => {
  const pool = new Harness();
  const member = pool.member('m');
  member.queue('q', { keep: 2 }).ok();
  member.queue('q', { keep: 2 }).ok();
  member.queue('q', { keep: 3 }).fails('bad-argument');
  member.queue('r', { selector: 'a = ' }).fails('bad-selector');
  member.subscribe({ kinds: ['offer'], requires: true, latest: true }).made.fails('bad-argument');
  member.subscribe({ kinds: ['offer'], latest: true, topics: ['q'] }).made.fails('bad-argument');
  const asked = { kinds: ['offer'], requires: true, topics: ['none'] } as const;
  member.subscribe(asked).made.fails('unknown-definition');
  const one = standing(pool.member('viewer'), { topics: ['q'], latest: true });
  member.queue('q', { forget: 1 }).ok();
  member.queue('q', { forget: 1 }).ok();
  assert.deepEqual(one.told, ['end']);
  member.queue('q', { keep: 3 }).ok();
});

test('maxAhead: an offer waits for who requires and is behind, and explain says for whom', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  producer.queue('q', { maxAhead: 2 }).ok();
  const one = standing(pool.member('reader'), { window: 2 });
  offer(producer, 'a', 1).ok();
  offer(producer, 'b', 2).ok();
  offer(producer, 'c', 2).ok();
  const ahead = offer(producer, 'd', 3).waits();
  const same = offer(producer, 'e', 3).waits();
  offer(producer, 'f', 2).ok();
  const [row] = producer.explain('d').value()['waits'] as { [key: string]: unknown }[];
  assert.equal(row?.['because'], 'step 3 of the queue "q" waits, as reader is 2 steps behind');
  one.acknowledge(1).ok();
  ahead.ok();
  same.ok();
  const next = offer(producer, 'g', 4).waits();
  pool.pass(600_000);
  const { message } = next.fails('deadline-passed');
  assert.match(message, /Cannot offer "g": step 4 of the queue "q" waits, as reader is 2 steps/u);
  const cancelled = offer(producer, 'h', 4).waits();
  producer.cancel(cancelled).ok();
  cancelled.fails('cancelled');
  // Who is gone is waited for no longer.
  const last = offer(producer, 'i', 4).waits();
  pool.crash(one.member.client);
  last.ok();
});

test('maxAhead holds a group, too, whatever else is offered, and explain says for whom', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const other = pool.member('other', producer.client);
  // Of each of the first numbers there is a handle by which something is offered.
  for (let left = 64; left > 0; left--) other.offer(`free/${left}`);
  producer.queue('q', { maxAhead: 1 }).ok();
  const one = standing(pool.member('reader'), { window: 1 });
  const offerGroup = (its: number): Call => {
    const attributes = { step: its };
    const parts = ['a', 'b'].map(
      (name) => [producer.declare(`${name}/${its}`, { attributes }), name] as const,
    );
    return producer.declare(`g/${its}`, { attributes }).offerGroup(parts);
  };
  offerGroup(1).ok();
  const ahead = offerGroup(2).waits();
  const [row, ...more] = producer.explain('g/2').value()['waits'] as { [key: string]: unknown }[];
  assert.deepEqual([row?.['object'], row?.['member'], more], ['g/2', 'producer', []]);
  assert.equal(row?.['because'], 'step 2 of the queue "q" waits, as reader is 1 step behind');
  for (const name of Array.from({ length: 64 }, (_, index) => `free/${index + 1}`)) {
    assert.deepEqual(producer.explain(name).value()['waits'], []);
  }
  for (let n = 1; n <= 2; n++) one.acknowledge(n).ok();
  ahead.waits();
  one.acknowledge(3).ok();
  ahead.ok();
});

test('maxAhead holds what takes the place of an earlier step', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  producer.queue('q', { maxAhead: 1 }).ok();
  const one = standing(pool.member('reader'), { window: 1 });
  const replace = (its: number): Call =>
    producer.declare('state', { attributes: { step: its } }).offer(`v${its}`, {
      ...{ keep: true, replace: true },
    });
  replace(1).ok();
  // The same step anew is not ahead of itself.
  replace(1).ok();
  const ahead = replace(2).waits();
  one.acknowledge(1).ok();
  ahead.waits();
  one.acknowledge(2).ok();
  ahead.ok();
  replace(3).waits();
  // What is begun, and cannot be replaced, is refused at once.
  producer
    .declare('state', { attributes: { step: 4 } })
    .offer('again')
    .fails('already-offered');
});

test('who requires what it offers itself does not wait for itself', () => {
  const pool = new Harness();
  const member = pool.member('m');
  member.queue('q', { maxAhead: 1 }).ok();
  standing(member, { own: true });
  for (const [step, name] of ['a', 'b', 'c'].entries()) offer(member, name, step).ok();
});

test('latest: the newest step that all its producers have gone beyond, and what was missed', () => {
  const pool = new Harness();
  const one = pool.member('producer[0]');
  const two = pool.member('producer[1]');
  one.queue('q', {}).ok();
  for (const [member, name] of [
    [one, 'a'],
    [two, 'b'],
  ] as const) {
    for (const step of [1, 2]) offer(member, `${name}${step}`, step).ok();
  }
  const viewer = standing(pool.member('viewer'), {
    ...{ topics: ['q'], latest: true, from: 'snapshot', window: 9 },
  });
  assert.deepEqual(viewer.told, ['offer a1', 'offer b1']);
  for (const step of [3, 4, 5]) offer(one, `a${step}`, step).ok();
  for (const step of [3, 4]) offer(two, `b${step}`, step).ok();
  assert.deepEqual(viewer.told.slice(2), []);
  viewer.acknowledge(1, 2).ok();
  assert.deepEqual(viewer.told.slice(2), ['gap', 'offer a3', 'offer b3']);
  const gap = viewer.events[2];
  assert.deepEqual({ ...gap?.fields }, { from: 2, to: 2, steps: 1 });
  viewer.take(3).made.fails('wrong-state');
  viewer.acknowledge(3, 3).ok();
  assert.deepEqual(viewer.told.slice(5), []);
  // Who is gone, or has closed what it had promised, begins no more.
  const promise = one.promise('a*', 'glob');
  promise.made.ok();
  two.leave().bye();
  assert.deepEqual(viewer.told.slice(5), ['offer a4', 'offer b4']);
  viewer.acknowledge(6, 2).ok();
  assert.deepEqual(viewer.told.slice(7), []);
  promise.close().ok();
  assert.deepEqual(viewer.told.slice(7), ['offer a5']);
});

test('latest: a step is whole, too, when all that anybody has promised is closed', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  producer.queue('q', {}).ok();
  const viewer = standing(pool.member('viewer'), { topics: ['q'], latest: true });
  // It has promised nothing itself, and does not leave.
  offer(producer, 'a', 1).ok();
  assert.deepEqual(viewer.told, []);
  const conductor = pool.member('conductor');
  const all = ['a', 'b'].map((name) => conductor.promise(name));
  all[0]?.close().ok();
  assert.deepEqual(viewer.told, [], 'one is open');
  all[1]?.close().ok();
  assert.deepEqual(viewer.told, ['offer a']);
});

test('latest: one that was complete waits for a whole step when it goes on', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  producer.queue('q', {}).ok();
  const asked = { topics: ['q'], latest: true, untilComplete: true, name: 'plots', window: 9 };
  const first = standing(pool.member('first'), asked);
  const promise = producer.promise('*', 'glob');
  offer(producer, 'a', 5).ok();
  promise.close().ok();
  assert.deepEqual(first.told, ['offer a']);
  first.acknowledge(1).ok();
  assert.deepEqual(first.told, ['offer a', 'end']);
  const more = producer.promise('?', 'glob');
  more.made.ok();
  const next = standing(pool.member('next'), asked);
  // It has begun no step yet: more of the last one may come.
  offer(producer, 'b', 5).ok();
  assert.deepEqual(next.told, []);
  offer(producer, 'c', 6).ok();
  assert.deepEqual(next.told, ['offer b']);
});

test('latest: an offer does not look at what there is of a step that is not whole', () => {
  const looks = (objects: number): number => {
    const pool = new Harness({ checked: false, twin: false });
    const producer = pool.member('producer');
    producer.queue('q', {}).ok();
    const viewer = standing(pool.member('viewer'), { topics: ['q'], latest: true, window: 4 });
    for (let i = 0; i < objects; i++) offer(producer, `f/${i}`, 7).ok();
    const stepOf = pool.pool.events.queues.get('q')?.stepOf;
    assert.ok(stepOf !== undefined);
    let count = 0;
    const { get } = stepOf;
    stepOf.get = (version) => {
      count++;
      return get.call(stepOf, version);
    };
    offer(producer, 'g', 7).ok();
    assert.deepEqual(viewer.told, []);
    offer(producer, 'h', 8).ok();
    assert.equal(viewer.told.length, 4);
    return count;
  };
  assert.equal(looks(400), looks(4));
});

type Step =
  | { readonly kind: 'offer'; readonly who: number; readonly forward: number }
  | { readonly kind: 'withdraw'; readonly which: number }
  | { readonly kind: 'done'; readonly who: number }
  | { readonly kind: 'leave'; readonly who: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ kind: fc.constant('offer' as const), who: fc.nat(1), forward: fc.nat(2) },
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), which: fc.nat(9) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('done' as const), who: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat(1) }) },
);

const KEEP = 3;
const AHEAD = 2;

/** Producers that go forward, one who takes all, and one who wants the newest whole step. */
class World {
  readonly pool = new Harness();
  readonly producers: (Member | null)[];
  readonly at = [0, 0];
  readonly all: Subscriber;
  readonly newest: Subscriber;
  readonly waiting: { readonly call: Call; readonly step: number; readonly id: string }[] = [];
  readonly handles = new Map<string, { step: number; withdraw: () => void }>();
  /** Of each step, how many objects were offered. */
  readonly made: { readonly step: number; readonly id: string }[] = [];
  done = 0;
  #count = 0;

  constructor() {
    const { pool } = this;
    const first = pool.member('p[0]');
    first.queue('q', { keep: KEEP, maxAhead: AHEAD }).ok();
    first.queue('view').ok();
    this.producers = [first, pool.member('p[1]')];
    this.all = standing(pool.member('all'), { window: 1 });
    this.newest = standing(pool.member('newest'), {
      ...{ topics: ['view'], latest: true, window: 50, select: 'seen = true' },
    });
  }

  do(each: Step): void {
    if (each.kind === 'offer') this.#offer(each.who, each.forward);
    else if (each.kind === 'withdraw') {
      // What waits to be offered is withdrawn behind that.
      const ids = [...this.handles.keys()].filter((id) => this.waiting[0]?.id !== id);
      const id = ids[each.which % Math.max(1, ids.length)] ?? '';
      this.handles.get(id)?.withdraw();
      this.handles.delete(id);
    } else if (each.kind === 'leave') {
      this.producers[each.who]?.leave();
      this.producers[each.who] = null;
    } else if (each.who === 0) {
      if (this.all.events.length <= this.done) return;
      this.all.acknowledge(++this.done).ok();
    } else {
      const last = this.newest.events.at(-1)?.n ?? 0;
      if (last > 0) this.newest.acknowledge(1, last).ok();
    }
    this.#look();
  }

  #offer(who: number, forward: number): void {
    const member = this.producers[who];
    if (member === null || member === undefined) return;
    // One who waits has a lane for each object, but goes on only behind its own.
    if (this.waiting.length > 0) return;
    this.at[who] = (this.at[who] ?? 0) + forward;
    const now = this.at[who] ?? 0;
    const id = `x${this.#count++}`;
    const handle = member.declare(id, { attributes: { step: now, seen: who === 0 } });
    const behind = new Set(this.#owed().filter((each) => each < now)).size;
    const call = handle.offer(id);
    if (behind >= AHEAD) call.waits();
    else call.ok();
    this.waiting.push({ call, step: now, id });
    this.handles.set(id, { step: now, withdraw: () => handle.withdraw() });
  }

  /** Steps of what the one who takes all has not done. */
  #owed(): number[] {
    return this.made.slice(this.done).map((each) => each.step);
  }

  /** What was let go meanwhile. */
  #look(): void {
    for (const each of this.waiting.splice(0)) {
      if (each.call.answer === null) this.waiting.push(each);
      else {
        each.call.ok();
        this.made.push(each);
      }
    }
    for (const { step: its } of this.waiting) {
      const behind = new Set(this.#owed().filter((one) => one < its)).size;
      assert.ok(behind >= AHEAD, 'nobody waits for who has caught up');
    }
    const { queues } = this.pool.pool.events;
    assert.ok(
      (queues.get('q')?.offered.size ?? 0) <= KEEP,
      'so many steps are offered as are kept',
    );
  }

  /** What the two were given. */
  check(): void {
    for (let left = 200; left > 0; left--) {
      const last = this.newest.events.at(-1)?.n ?? 0;
      if (last > 0) this.newest.acknowledge(1, last).ok();
      if (this.all.events.length > this.done) this.do({ kind: 'done', who: 0 });
    }
    const ids = this.all.events.map(({ name }) => name);
    assert.deepEqual(
      ids,
      this.made.map(({ id }) => id),
      'who takes all is given all, in order',
    );
    let before = Number.NEGATIVE_INFINITY;
    const given = new Map<number, number>();
    for (const event of this.newest.events) {
      if (event.eventKind === EVENT.gap) {
        const { from, to, steps } = event.fields as { from: number; to: number; steps: number };
        assert.ok(from <= to && steps >= 1 && steps <= to - from + 1);
        continue;
      }
      const its = Number(event.attributes['step']);
      assert.ok(its >= before, 'it never goes back');
      before = its;
      given.set(its, (given.get(its) ?? 0) + 1);
      assert.equal(event.attributes['seen'], true);
    }
    for (const [its, count] of given) {
      const seen = this.newest.events.filter(({ attributes }) => attributes['step'] === its);
      assert.equal(new Set(seen.map(({ name }) => name)).size, count, 'each comes once');
    }
  }
}

test('a queue keeps its bounds, whatever is offered, withdrawn and done', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 70 }), (steps) => {
      const world = new World();
      for (const each of steps) world.do(each);
      const state = saved((w) => savePool(world.pool.pool, w));
      const copy = restored(state, restorePool);
      checkInvariants(copy);
      const again = saved((w) => savePool(copy, w));
      assert.equal(Buffer.compare(again, state), 0);
      world.check();
    }),
    { numRuns: 120 },
  );
});
