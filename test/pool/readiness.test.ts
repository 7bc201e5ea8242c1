import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restorePool, savePool } from '../../src/pool/save.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { Harness } from './harness.js';
import type { Handle } from './member.js';

const on = (...names: readonly string[]) => ({ attributes: { '.depends-on': names } });

test('an object is ready when all that it depends on is, at any depth', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const watch = view.subscribe({ kinds: ['ready'] });
  const all = view.subscribe({});
  const waits = view.demand('plot', { ready: true });
  model.offer('plot', 'p', on('mean', 'map'));
  const later = view.demand('plot', { ready: true });
  view.demand('plot').delivered();
  model.offer('mean', 'm', on('t'));
  model.offer('map', 'x');
  for (const each of [waits, later]) each.waits();
  const t = model.offer('t', 't');
  for (const each of [waits, later]) assert.equal(each.text(), 'p');
  assert.deepEqual(watch.told, ['ready map', 'ready t', 'ready mean', 'ready plot']);
  assert.ok(!all.told.some((each) => each.startsWith('ready')), 'told to who asks for it');
  // It was ready: what it was made of may go.
  t.withdraw().ok();
  view.demand('plot', { ready: true }).delivered();
  view.demand('t', { ready: true, deadline: 10 }).waits();
});

test('a version that is withdrawn is handed over when what it depends on has come', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const plot = model.offer('plot', 'one', on('t'));
  const waits = view.demand('plot', { ready: true });
  plot.withdraw().ok();
  const twin = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  assert.equal(twin.unreadyOld.size, 1);
  model.offer('plot', 'two');
  waits.waits();
  model.offer('t');
  assert.equal(waits.text(), 'one');
  assert.equal(pool.pool.unreadyOld.size, 0);
});

test('an offer does not look at what is withdrawn and waits for others', () => {
  const looks = (kept: number): number => {
    const pool = new Harness({ checked: false, twin: false });
    const model = pool.member('model');
    const slow = pool.member('slow');
    slow.subscribe({ kinds: ['offer'], requires: true, window: 1 }).made.value();
    for (let i = 0; i < kept; i++) {
      model.offer(`plot/${i}`, 'x', on('late', 'never')).withdraw().ok();
    }
    assert.equal(pool.pool.unreadyOld.size, kept);
    // What has come is no reason to look at them again.
    model.offer('late').withdraw().ok();
    const { versions } = pool.pool;
    const { get } = versions;
    let count = 0;
    versions.get = (...args) => {
      count++;
      return get.apply(versions, args);
    };
    for (const name of ['late', 'other']) model.offer(name);
    return count;
  };
  assert.equal(looks(400), looks(4));
});

test('what is withdrawn and lacks several names is ready when the last of them has come', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const plot = model.offer('plot', 'one', on('a', 'b', 'c'));
  const mean = model.offer('mean', 'two', on('plot'));
  const waits = view.demand('plot', { ready: true });
  const other = view.demand('mean', { ready: true });
  plot.withdraw().ok();
  mean.withdraw().ok();
  model.offer('b');
  model.offer('a');
  const { unreadyOld } = pool.pool;
  assert.equal(unreadyOld.size, 2);
  waits.waits();
  model.offer('c');
  assert.equal(waits.text(), 'one');
  other.waits();
  model.offer('plot', 'three');
  assert.equal(other.text(), 'two');
  assert.equal(unreadyOld.size, 0);
});

test('what is ready is an event only while somebody asks for it', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const { log } = pool.pool.events;
  const rows = (name: string): number => {
    const before = log.end;
    model.offer(name, 'x', on('t'));
    return log.end - before;
  };
  model.offer('t');
  assert.equal(rows('early'), 1);
  const watch = view.subscribe({ kinds: ['ready'], from: 'start' });
  assert.deepEqual(watch.told, []);
  const known = view.subscribe({ kinds: ['ready'], from: 'snapshot' });
  assert.deepEqual([...known.told].sort(), ['ready early', 'ready t']);
  assert.equal(rows('late'), 2);
  for (const each of [watch, known]) assert.equal(each.told.at(-1), 'ready late');
  assert.equal(known.told.length, 3);
  for (const each of [watch, known]) each.end().ok();
  assert.equal(rows('later'), 1);
});

test('explain says what is missing, who promised it, and what depends on itself', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  model.promise('t').made.ok();
  model.offer('plot', 'p', on('mean'));
  model.offer('mean', 'm', on('t', 'u'));
  const waits = view.demand('plot', { ready: true, deadline: 20 });
  const told = view.explain('plot').value();
  assert.equal(told['ready'], false);
  assert.deepEqual(told['missingDependencies'], [
    { name: 't', because: 'it is not offered; model promised it', promisedBy: ['model'] },
    { name: 'u', because: 'it is not offered; nobody has promised it', promisedBy: [] },
  ]);
  const why = /it is offered, but not ready; "t" is missing: .* model promised it; 1 more/u;
  const [row] = told['waits'] as { because: string }[];
  assert.match(String(row?.because), why);
  const [listed] = view.explainWaits().value()['waits'] as { because: string }[];
  assert.match(String(listed?.because), why);
  pool.pass(20);
  const { message } = waits.fails('deadline-passed');
  assert.match(message, /"plot": it was not ready within 20 ms; "t" is missing/u);
  model.offer('a', '1', on('b'));
  model.offer('b', '2', on('a'));
  model.offer('self', '3', on('self'));
  const ring = view.explain('a').value()['missingDependencies'] as { because: string }[];
  assert.equal(ring[0]?.because, 'it depends on itself, by way of b');
  const self = view.explain('self').value()['missingDependencies'] as { because: string }[];
  assert.equal(self[0]?.because, 'it depends on itself');
  assert.equal(view.explain('t').value()['ready'], undefined);
});

test('tags say what an object depends on, too, and may say it later', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  model.offer('x', '1', on('y'));
  const waits = view.demand('x', { ready: true }).waits();
  model.tag('x', { '.depends-on': 'z' }).ok();
  waits.waits();
  model.offer('z');
  waits.delivered();
  model.tag('x', { '.depends-on': ['z', 'w'] }).ok();
  const again = view.demand('x', { ready: true }).waits();
  model.tag('x', {}, ['.depends-on']).ok();
  again.waits();
  model.offer('y');
  again.delivered();
});

test('what was withdrawn when it was ready stays so, whatever its name depends on later', () => {
  for (const isAsked of [false, true]) {
    const pool = new Harness();
    const model = pool.member('model');
    const view = pool.member('view');
    if (isAsked) view.subscribe({ kinds: ['ready'] });
    const required = model.offer('x', 'old');
    const waits = view.require('x');
    const later = view.require('x');
    required.withdraw().ok();
    model.tag('x', { '.depends-on': ['never'] }).ok();
    assert.equal(waits.demand({ ready: true }).text(), 'old');
    model.tag('x', {}, ['.depends-on']).ok();
    assert.equal(later.demand({ ready: true }).text(), 'old');
  }
});

test('parts are ready when all are there; a group when what is in it is', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const space = { dtype: 'uint8', shape: [4] } as const;
  const waits = view.demand('plot', { ready: true });
  model.offer('plot', 'p', on('field'));
  const one = model.declare('field', { space });
  one.offerPart([[4], [[0, 2]]], 'ab').ok();
  waits.waits();
  one.offerPart([[4], [[2, 4]]], 'cd').ok();
  waits.delivered();
  const group = model.declare('g', on('m', 'n'));
  const m = model.declare('m', on('late'));
  const whole = view.demand('g', { ready: true });
  group
    .offerGroup([
      [m, '1'],
      [model.declare('n'), '2'],
    ])
    .ok();
  whole.waits();
  model.offer('late');
  whole.delivered();
});

test('a group is ready when what it has is deleted, and with that all that this lacked', () => {
  for (const isWithdrawn of [false, true]) {
    const pool = new Harness();
    const model = pool.member('model');
    const view = pool.member('view');
    const wanted = view.require('g');
    const group = model.declare('g', on('m'));
    const m = model.declare('m');
    model.tag('m', { '.depends-on': ['never'] }).ok();
    group.offerGroup([[m, '1']]).ok();
    const waits = wanted.demand({ ready: true });
    if (isWithdrawn) m.withdraw().ok();
    waits.waits();
    // Its tags end with it.
    model.delete('m', true).ok();
    waits.delivered();
    const had = view.declare('m');
    had.requireMember(wanted).ok();
    assert.equal(had.demand({ ready: true }).text(), '1');
  }
});

test('a group that is withdrawn is ready when what it had is', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const wanted = view.require('g');
  const group = model.declare('g', on('m', 'n'));
  const m = model.declare('m', on('late'));
  group
    .offerGroup([
      [m, '1'],
      [model.declare('n'), '2'],
    ])
    .ok();
  const waits = wanted.demand({ ready: true });
  group.withdraw().ok();
  model.offer('n', 'another');
  model.offer('m', 'another');
  waits.waits();
  model.offer('late');
  waits.delivered();
  const had = view.declare('m');
  had.requireMember(wanted).ok();
  assert.equal(had.demand().text(), '1');
});

test('a subscription to what is ready begins with what is', () => {
  const pool = new Harness();
  const model = pool.member('model');
  model.offer('x', '1', on('y'));
  model.offer('z', '2', on('w'));
  model.offer('y');
  const view = pool.member('view');
  const watch = view.subscribe({ kinds: ['ready'], from: 'snapshot', window: 1 });
  assert.deepEqual(watch.told, ['ready x']);
  model.offer('w');
  watch.acknowledge().ok();
  for (let left = 4; left > 0; left--) watch.acknowledge().ok();
  assert.deepEqual(watch.told, ['ready x', 'ready y', 'ready w', 'ready z']);
  watch.checkNumbers();
});

const NAMES = ['a', 'b', 'c', 'd'] as const;
const anyOperation = fc.tuple(
  fc.constantFrom('offer', 'group', 'withdraw', 'tag', 'demand'),
  fc.nat(4),
  fc.subarray([...NAMES]),
);

test('whatever comes in whatever order, what is ready is handed over, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(anyOperation, { maxLength: 40 }), (operations) => {
      // That what is ready is not waited for is an invariant of the pool, checked each time.
      const pool = new Harness();
      const model = pool.member('model');
      const view = pool.member('view');
      const offered = new Map<string, Handle>();
      for (const [what, at, names] of operations) {
        const name = NAMES[at] ?? 'g';
        const handle = offered.get(name);
        if (what === 'offer' && handle === undefined) {
          offered.set(name, model.offer(name, name, names.length > 0 ? on(...names) : {}));
        } else if (what === 'group' && ![...names, 'g'].some((each) => offered.has(each))) {
          const group = model.declare('g', on(...names));
          const members = names.map((each) => model.declare(each, on(name)));
          group.offerGroup(members.map((each) => [each, each.name] as const)).ok();
          for (const each of [...members, group]) offered.set(each.name, each);
        } else if (what === 'withdraw' && handle !== undefined) {
          handle.withdraw().ok();
          // What was in a group has ended with it.
          for (const [each, other] of offered) {
            if (other.dispose().answer?.kind === 'ok') offered.delete(each);
          }
        } else if (what === 'tag' && handle !== undefined) {
          if (names.length === 0) model.tag(name, {}, ['.depends-on']).ok();
          else model.tag(name, { '.depends-on': names }).ok();
        } else if (what === 'demand') view.demand(name, { ready: true, deadline: 60_000 });
        const bytes = saved((w) => savePool(pool.pool, w));
        const again = restored(bytes, restorePool);
        assert.deepEqual(
          saved((w) => savePool(again, w)),
          bytes,
        );
      }
    }),
    { numRuns: 100 },
  );
});
