import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInvariants } from '../../src/pool/invariants.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { EVENT, EVENT_FLAG, EVENT_NAMES, type EventName } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { type EventSeen, Harness } from './harness.js';
import type { Handle, Member } from './member.js';
import type { SubscribeOptions, Subscriber } from './subscriber.js';

const NAMES = ['a', 'b', 'c'];
const KINDS: readonly EventName[] = [
  'offer',
  'withdraw',
  'tag',
  'emit',
  'declare',
  'demand',
  'join',
];

/** Selectors, each with what it means. */
const SELECTORS: readonly (readonly [string, (event: EventSeen) => boolean])[] = [
  ['', () => true],
  ['n = 1', ({ attributes }) => attributes['n'] === 1],
  ['n != 1', ({ attributes }) => attributes['n'] !== undefined && attributes['n'] !== 1],
  ['name = "a"', ({ name }) => name === 'a'],
  [
    'n = 1 and good = true',
    ({ attributes }) => attributes['n'] === 1 && attributes['good'] === true,
  ],
  [
    '.event = "tick" or n > 1',
    ({ topic, attributes }) => topic === 'tick' || Number(attributes['n']) > 1,
  ],
  ['.member = "p[1]"', ({ member }) => member === 'p[1]'],
  [
    'has n and not name ~ "b*"',
    ({ name, attributes }) => 'n' in attributes && !name.startsWith('b'),
  ],
];

type Step =
  | { readonly kind: 'offer'; readonly who: number; readonly name: string; readonly n: number }
  | { readonly kind: 'withdraw' | 'tag' | 'read'; readonly who: number; readonly name: string }
  | { readonly kind: 'emit'; readonly who: number; readonly n: number }
  | { readonly kind: 'subscribe'; readonly asked: SubscribeOptions; readonly selector: number }
  | { readonly kind: 'acknowledge'; readonly which: number; readonly count: number };

const who = fc.nat(1);
const name = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('offer' as const), who, name, n: fc.nat(3) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('withdraw' as const, 'tag' as const, 'read' as const),
      who,
      name,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('emit' as const), who, n: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('subscribe' as const),
      selector: fc.nat(SELECTORS.length - 1),
      asked: fc.record({
        kinds: fc.uniqueArray(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 4 }),
        from: fc.constantFrom('now' as const, 'start' as const, 'snapshot' as const),
        window: fc.integer({ min: 1, max: 4 }),
        own: fc.boolean(),
      }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('acknowledge' as const),
      which: fc.nat(9),
      count: fc.nat(4),
    }),
  },
);

interface Watched {
  readonly subscriber: Subscriber;
  readonly asked: SubscribeOptions;
  readonly selector: number;
  /** How many events there were of all when it began, and what was offered then. */
  readonly begun: number;
  readonly offered: readonly string[];
}

class World {
  readonly pool = new Harness();
  readonly all: Subscriber;
  readonly producers: readonly Member[];
  readonly watcher: Member;
  readonly watched: Watched[] = [];
  readonly handles = new Map<string, Handle>();

  constructor() {
    const witness = this.pool.member('witness');
    this.all = witness.subscribe({ window: 4_096 });
    this.watcher = this.pool.member('watcher');
    this.producers = [this.pool.member('p[0]'), this.pool.member('p[1]')];
  }

  do(each: Step): void {
    const { handles, producers } = this;
    switch (each.kind) {
      case 'offer': {
        if (handles.has(each.name)) return;
        const member = producers[each.who] as Member;
        handles.set(each.name, member.offer(each.name, 'x', { attributes: { n: each.n } }));
        return;
      }
      case 'withdraw':
        handles.get(each.name)?.withdraw().ok();
        handles.delete(each.name);
        return;
      case 'tag':
        if (handles.has(each.name))
          (producers[each.who] as Member).tag(each.name, { good: true }).ok();
        return;
      case 'read':
        if (handles.has(each.name))
          (producers[each.who] as Member).demand(each.name, { dispose: true });
        return;
      case 'emit':
        (producers[each.who] as Member).emit('tick', { n: each.n }).ok();
        return;
      case 'subscribe': {
        const { asked, selector } = each;
        const [select] = SELECTORS[selector] as (typeof SELECTORS)[number];
        const subscriber = this.watcher.subscribe({ ...asked, select });
        subscriber.made.value();
        const begun = this.all.events.length;
        this.watched.push({ subscriber, asked, selector, begun, offered: [...handles.keys()] });
        return;
      }
      case 'acknowledge': {
        const one = this.watched[each.which];
        const last = one?.subscriber.events.at(-1)?.n ?? 0;
        one?.subscriber.acknowledge(Math.max(1, last - each.count), each.count + 1).ok();
        return;
      }
    }
  }

  /** Takes what is left, and compares with what all events say. */
  check(): void {
    for (const { subscriber } of this.watched) {
      for (let left = 500; left > 0; left--) {
        const before = subscriber.events.length;
        if (before > 0) subscriber.acknowledge(1, before).ok();
        if (subscriber.events.length === before) break;
      }
      subscriber.checkNumbers();
    }
    for (const one of this.watched) this.#compare(one);
  }

  #compare({ subscriber, asked, selector, begun, offered }: Watched): void {
    const [, isSelected] = SELECTORS[selector] as (typeof SELECTORS)[number];
    const wanted = (event: EventSeen): boolean =>
      (asked.kinds ?? []).includes(EVENT_NAMES[event.eventKind] as EventName) &&
      (asked.own === true || event.member !== 'watcher') &&
      isSelected(event);
    // What is kept only while somebody asks for it is there from the first subscription on.
    const from = asked.from === 'start' ? 0 : begun;
    const expected = this.all.events
      .slice(from)
      .filter(wanted)
      .map(({ seq }) => seq);
    const seen = subscriber.events.filter(({ flags }) => (flags & EVENT_FLAG.snapshot) === 0);
    const heard = seen.map(({ seq }) => seq);
    if (asked.from === 'start') {
      // The witness did not see itself come.
      assert.deepEqual(
        heard.filter((seq) => seq >= (this.all.events[0]?.seq ?? 0)),
        expected,
      );
    } else assert.deepEqual(heard, expected);
    const there = subscriber.events.filter(({ flags }) => (flags & EVENT_FLAG.snapshot) !== 0);
    assert.ok(asked.from === 'snapshot' || there.length === 0);
    for (const event of there) {
      assert.ok(offered.includes(event.name) && isSelected(event));
      assert.equal(event.eventKind, EVENT.offer);
    }
    assert.equal(new Set(there.map((event) => event.name)).size, there.length);
  }
}

test('each subscriber is told what its selector selects, once and in order', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const world = new World();
      for (const each of steps) world.do(each);
      // What is saved says all: restored it saves the same.
      const state = saved((w) => savePool(world.pool.pool, w));
      const copy = restored(state, restorePool);
      assert.equal(
        Buffer.compare(
          saved((w) => savePool(copy, w)),
          state,
        ),
        0,
      );
      checkInvariants(copy);
      world.check();
    }),
    { numRuns: 150 },
  );
});
