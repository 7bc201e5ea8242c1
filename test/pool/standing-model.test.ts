import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInvariants } from '../../src/pool/invariants.js';
import { VERSION } from '../../src/pool/rows.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { EVENT, EVENT_FLAG } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { Harness } from './harness.js';
import type { Handle, Member } from './member.js';
import type { Subscriber } from './subscriber.js';

type Step =
  | { readonly kind: 'offer'; readonly name: number; readonly n: number; readonly slice: boolean }
  | { readonly kind: 'withdraw' | 'delete'; readonly name: number }
  | { readonly kind: 'require'; readonly group: number; readonly from: 'now' | 'snapshot' }
  | { readonly kind: 'read' | 'done'; readonly who: number; readonly which: number }
  | { readonly kind: 'die' | 'end'; readonly who: number };

const NAMES = 4;
const who = fc.nat(7);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ kind: fc.constant('offer' as const), name: fc.nat(NAMES - 1) },
      ...{ n: fc.nat(2), slice: fc.boolean() },
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('withdraw' as const), name: fc.nat(NAMES - 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('delete' as const), name: fc.nat(NAMES - 1) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ kind: fc.constant('require' as const), group: fc.nat(2) },
      from: fc.constantFrom('now' as const, 'snapshot' as const),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      ...{ kind: fc.constantFrom('read' as const, 'done' as const), who, which: fc.nat(5) },
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('die' as const, 'end' as const), who }),
  },
);

/** All that is owed to a standing require, or to those that share one: by what it is. */
interface Owed {
  /** What has matched, in its order, as far as it is not done. */
  readonly open: string[];
  readonly done: Set<string>;
}

interface Worker {
  readonly member: Member;
  readonly one: Subscriber;
  readonly owed: Owed;
  readonly group: string;
}

/** A pool, and what a list says must come of it. */
class World {
  readonly pool: Harness;
  readonly producer: Member;
  readonly offered = new Map<number, { readonly handle: Handle; readonly id: string }>();
  readonly groups = new Map<string, Owed>();
  readonly workers: Worker[] = [];
  #count = 0;

  constructor(pool = new Harness()) {
    this.pool = pool;
    this.producer = pool.member('producer');
  }

  do(each: Step): void {
    switch (each.kind) {
      case 'offer':
        this.#offer(each.name, each.n, each.slice);
        return;
      case 'withdraw':
        this.#withdraw(each.name);
        return;
      case 'delete':
        this.#delete(each.name);
        return;
      case 'require':
        this.#require(each.group, each.from);
        return;
      case 'read':
        this.#each(each.who, (worker) => this.#read(worker, each.which));
        return;
      case 'done':
        this.#each(each.who, (worker) => this.#done(worker, each.which));
        return;
      case 'die':
      case 'end':
        this.#each(each.who, (worker) => this.#end(worker, each.kind === 'die'));
        return;
    }
  }

  #each(at: number, visit: (worker: Worker) => void): void {
    const worker = this.workers[at % Math.max(1, this.workers.length)];
    if (worker !== undefined) visit(worker);
  }

  #offer(name: number, n: number, isSlice: boolean): void {
    if (this.offered.has(name)) return;
    const id = `${name} ${n} ${this.#count++}`;
    const payload = isSlice ? this.producer.slice(id) : id;
    const handle = this.producer.offer(`x${name}`, payload, { attributes: { n, id } });
    this.offered.set(name, { handle, id });
    for (const owed of this.#all()) if (n !== 2) owed.open.push(id);
  }

  *#all(): Generator<Owed> {
    yield* this.groups.values();
    for (const { group, owed } of this.workers) if (group === '') yield owed;
  }

  #withdraw(name: number): void {
    this.offered.get(name)?.handle.withdraw().ok();
    this.offered.get(name)?.handle.dispose().ok();
    this.offered.delete(name);
  }

  /** Refused while one of those who require has not done with any version of the name. */
  #delete(name: number): void {
    const offered = this.offered.get(name);
    if (offered === undefined) return;
    const isOwed = [...this.#all()].some(({ open }) =>
      open.some((id) => id.startsWith(`${name} `)),
    );
    const deleted = this.producer.delete(`x${name}`);
    if (isOwed) deleted.fails('object-required');
    else {
      deleted.ok();
      offered.handle.dispose().ok();
      this.offered.delete(name);
    }
  }

  #require(at: number, from: 'now' | 'snapshot'): void {
    if (this.workers.length >= 6) return;
    const group = ['', 'one', 'two'][at] ?? '';
    const member = this.pool.member('worker[*]');
    const asked = { kinds: ['offer'], requires: true, select: 'n != 2', window: 2 } as const;
    const one = member.subscribe({ ...asked, name: group, from });
    one.made.value();
    const known = group === '' ? undefined : this.groups.get(group);
    const open = from === 'snapshot' ? [...this.offered.values()].map(({ id }) => id) : [];
    const matching = open.filter((id) => !id.includes(' 2 '));
    matching.sort((left, right) => Number(left.split(' ')[2]) - Number(right.split(' ')[2]));
    const owed = known ?? { open: matching, done: new Set() };
    if (group !== '') this.groups.set(group, owed);
    this.workers.push({ member, one, owed, group });
  }

  /** Deliveries that a worker has not done, by `n`. */
  #has({ one, owed }: Worker): Map<number, string> {
    const found = new Map<number, string>();
    for (const { n, attributes } of one.events) {
      const id = String(attributes['id']);
      if (!owed.done.has(id)) found.set(n, id);
    }
    return found;
  }

  #read(worker: Worker, which: number): void {
    const has = [...this.#has(worker)];
    const [n, id] = has[which % Math.max(1, has.length)] ?? [0, ''];
    if (n === 0) return;
    const taken = worker.one.take(n);
    taken.made.ok();
    assert.equal(
      taken.demand().text(),
      id,
      'what was pinned is handed over, whatever became of it',
    );
    if (which % 2 === 0) taken.dispose().ok();
  }

  #done(worker: Worker, which: number): void {
    const has = [...this.#has(worker)];
    const [n, id] = has[which % Math.max(1, has.length)] ?? [0, ''];
    if (n === 0) return;
    worker.one.acknowledge(n).ok();
    worker.owed.done.add(id);
    worker.owed.open.splice(worker.owed.open.indexOf(id), 1);
  }

  #end(worker: Worker, dies: boolean): void {
    this.workers.splice(this.workers.indexOf(worker), 1);
    if (dies) this.pool.crash(worker.member.client);
    else worker.member.leave().bye();
  }

  /** Who has what: all of it was owed, nobody has what another has, and the oldest come first. */
  check(): void {
    for (const owed of new Set(this.workers.map((each) => each.owed))) {
      const workers = this.workers.filter((each) => each.owed === owed);
      const had = workers.flatMap((worker) => [...this.#has(worker).values()]);
      assert.equal(new Set(had).size, had.length, 'each is handed to one of those who share');
      assert.deepEqual(
        [...had].sort(),
        owed.open.slice(0, workers.length * 2).sort(),
        'the oldest that are owed are on their way, as many as there is room for',
      );
    }
    for (const { one } of this.workers) {
      for (const { eventKind } of one.events) assert.equal(eventKind, EVENT.offer);
    }
  }

  /** All is done, and withdrawn: nothing is kept. */
  end(): void {
    for (const name of this.groups.keys()) this.#require(['', 'one', 'two'].indexOf(name), 'now');
    for (let left = 500; left > 0; left--) {
      for (const worker of this.workers) this.#done(worker, 0);
    }
    for (const { open } of this.#all()) assert.deepEqual(open, [], 'all was handed over');
    for (let name = 0; name < NAMES; name++) this.#withdraw(name);
    for (const worker of [...this.workers]) this.#end(worker, false);
    assert.equal(this.pool.pool.versions.used, 0, 'everything is freed afterwards');
  }
}

const STEPS = fc.array(step, { minLength: 10, maxLength: 60 });

test('each that matches is handed over once to each standing require, and kept until then', () => {
  fc.assert(
    fc.property(STEPS, (steps) => {
      const world = new World();
      for (const each of steps) {
        world.do(each);
        world.check();
      }
      const state = saved((w) => savePool(world.pool.pool, w));
      const copy = restored(state, restorePool);
      const again = saved((w) => savePool(copy, w));
      assert.equal(Buffer.compare(again, state), 0);
      checkInvariants(copy);
      world.end();
    }),
    { numRuns: 150 },
  );
});

/** Bugs as they are made: each must be found by what is handed over, without the invariants. */
const CANARIES: { readonly [bug: string]: (pool: Harness['pool']) => void } = {
  'what is pinned is not kept': ({ versions }) => {
    const add = versions.add.bind(versions);
    versions.add = (row, field, delta) =>
      field === VERSION.pins ? (delta > 0 ? 1 : 0) : add(row, field, delta);
  },
  'what is done is kept': ({ versions }) => {
    const add = versions.add.bind(versions);
    versions.add = (row, field, delta) =>
      field === VERSION.pins && delta < 0 ? 1 : add(row, field, delta);
  },
  'what a member had that is gone is lost': ({ events }) => {
    const { add } = events.standing;
    events.standing.add = (one) => {
      one.unacked.orphan = () => {};
      return add.call(events.standing, one);
    };
  },
};

for (const [bug, plant] of Object.entries(CANARIES)) {
  test(`the list finds it when ${bug}`, () => {
    const property = fc.property(STEPS, (steps) => {
      const world = new World(new Harness({ checked: false }));
      plant(world.pool.pool);
      for (const each of steps) {
        world.do(each);
        world.check();
      }
      world.end();
    });
    assert.ok(fc.check(property, { numRuns: 150, endOnFailure: true }).failed);
  });
}

test('what comes again is marked, and comes to another of the same name', () => {
  const world = new World();
  world.do({ kind: 'require', group: 1, from: 'now' });
  world.do({ kind: 'offer', name: 0, n: 1, slice: true });
  world.do({ kind: 'require', group: 1, from: 'now' });
  world.do({ kind: 'die', who: 0 });
  world.check();
  assert.equal(world.workers[0]?.one.last.flags, EVENT_FLAG.again);
  world.end();
});
