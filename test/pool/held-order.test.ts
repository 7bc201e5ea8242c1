import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldInOrder } from '../../src/pool/events/held-in-order.js';
import type { HeldOperation } from '../../src/pool/events/held-operation.js';
import { WAIT_KIND } from '../../src/pool/rows.js';
import { Waits } from '../../src/pool/waits.js';
import { fc } from '../fast-check.js';
import { Harness } from './harness.js';
import type { Subscriber } from './subscriber.js';

/** A pool in which two are a step behind, so that nothing of the next step can be offered. */
class Behind {
  readonly pool = new Harness({ deadlineDefaultMs: 1_000 });
  readonly readers: readonly Subscriber[];
  readonly watcher: Subscriber;

  constructor() {
    const { pool } = this;
    const first = pool.member('first');
    first.queue('q', { maxAhead: 1 }).ok();
    this.readers = ['a', 'b'].map((name) =>
      pool.member(name).subscribe({ kinds: ['offer'], requires: true, window: 9 }),
    );
    first
      .declare('begun', { attributes: { step: 1 } })
      .offer('x')
      .ok();
    this.watcher = pool.member('watcher').subscribe({
      ...{ kinds: ['offer', 'leave'], window: 99, select: '.member ~ "p*"' },
    });
  }

  /** Each of a session of its own offers what must wait, and leaves behind that. */
  offerAndLeave(names: readonly string[]): void {
    for (const name of names) {
      const member = this.pool.member(name);
      member
        .declare(name, { attributes: { step: 2 } })
        .offer('x')
        .waits();
      member.leave().waits();
    }
  }

  /** One has caught up: all that waits is looked at, and waits for the other. */
  acknowledge(which: number): void {
    this.readers[which]?.acknowledge(1).ok();
  }
}

const NAMES = ['p0', 'p1', 'p2', 'p3', 'p4'];

test('of several that are let go at once each is done, and what is behind it, as it was asked', () => {
  const behind = new Behind();
  behind.offerAndLeave(NAMES);
  behind.acknowledge(0);
  assert.deepEqual(behind.watcher.told, []);
  behind.acknowledge(1);
  const expected = NAMES.flatMap((name) => [`offer ${name}`, `leave ${name}`]);
  assert.deepEqual(behind.watcher.told, expected);
});

test('of several whose deadlines pass in one moment the one asked for first ends first', () => {
  for (const looks of [0, 1]) {
    const behind = new Behind();
    behind.offerAndLeave(NAMES);
    // They wait on; for each of them anew, until the same moment.
    if (looks === 1) behind.acknowledge(0);
    behind.pool.pass(999);
    assert.deepEqual(behind.watcher.told, []);
    behind.pool.pass(1);
    const expected = NAMES.map((name) => `leave ${name}`);
    assert.deepEqual(behind.watcher.told, expected);
  }
});

test('what waits only behind what was refused goes before what was asked for later', () => {
  const behind = new Behind();
  const member = behind.pool.member('p0');
  const handle = member.declare('p0', { attributes: { step: 2 } });
  const first = handle.offer('x').waits();
  const second = handle.offer('y').waits();
  member.leave().waits();
  behind.offerAndLeave(['p1']);
  behind.acknowledge(0);
  // The second begins to wait when the first is refused: for no time, and before the other's.
  behind.pool.pass(1_000);
  first.fails('deadline-passed');
  second.fails('deadline-passed');
  assert.deepEqual(behind.watcher.told, ['leave p0', 'leave p1']);
});

test('held operations come in the order in which they were asked for, however they are put', () => {
  const change = fc.record({
    what: fc.constantFrom('add', 'add', 'delete', 'take'),
    order: fc.nat(40),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
      const all = Array.from({ length: 41 }, (_, order) => ({ order }) as HeldOperation);
      const held = new HeldInOrder();
      const model = new Set<HeldOperation>();
      const first = (): HeldOperation | null => all.find((each) => model.has(each)) ?? null;
      for (const { what, order } of changes) {
        const one = all[order] as HeldOperation;
        if (what === 'add') {
          held.add(one);
          model.add(one);
        } else if (what === 'delete') assert.equal(held.delete(one), model.delete(one));
        else {
          const expected = first();
          assert.equal(held.takeFirst(), expected);
          if (expected !== null) model.delete(expected);
        }
        assert.equal(held.size, model.size);
        assert.equal(held.has(one), model.has(one));
        assert.deepEqual([...held], [...model]);
      }
      for (let next = first(); next !== null; next = first()) {
        assert.equal(held.takeFirst(), next);
        model.delete(next);
      }
      assert.equal(held.takeFirst(), null);
    }),
  );
});

test('waits end by their deadlines, and of one moment in the order in which they were asked', () => {
  const change = fc.record({
    what: fc.constantFrom('begin', 'begin', 'end', 'begin anew'),
    deadline: fc.nat(3),
    which: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const waits = new Waits();
      const there: { wait: number; deadline: number; order: number }[] = [];
      const ended: number[] = [];
      const begin = (deadline: number, order: number): void => {
        const wait = waits.begin(WAIT_KIND.hold, 0, 0, 0, { now: 0, deadline, order });
        there.push({ wait, deadline, order });
      };
      for (const { what, deadline, which } of changes) {
        const isAnew = what === 'begin anew' && ended.length > 0;
        const [place] = isAnew ? ended.splice(which % ended.length, 1) : [];
        if (what === 'begin') begin(deadline, waits.nextOrder());
        else if (place !== undefined) begin(deadline, place);
        else {
          // Its row is for what begins next; it may begin anew at its old place.
          const [gone] = there.splice(which % Math.max(1, there.length), 1);
          if (gone === undefined) continue;
          waits.end(gone.wait);
          ended.push(gone.order);
        }
        waits.verify();
      }
      there.sort((one, other) => one.deadline - other.deadline || one.order - other.order);
      for (const { wait } of there) {
        assert.equal(waits.first(), wait);
        waits.end(wait);
      }
      assert.equal(waits.first(), 0);
    }),
  );
});
