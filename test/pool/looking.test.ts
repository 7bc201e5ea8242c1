import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timestamp, type Value } from '../../src/core/value.js';
import { Harness } from './harness.js';
import type { Member } from './member.js';
import { random } from './random.js';

type Row = { [key: string]: Value };

/** All pages of a list; `between` runs after each of them. */
function pages(member: Member, glob: string, limit: number, between?: () => void): string[] {
  const names: string[] = [];
  let after = '';
  for (let count = 0; ; count++) {
    assert.ok(count < 10_000, 'a list ends');
    const page = member.list(glob, after, limit).value();
    names.push(...(page['objects'] as string[]));
    between?.();
    if (page['next'] === null) return names;
    after = page['next'] as string;
  }
}

test('list: pages of any size give every object that matches exactly once', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const all = Array.from({ length: 100 }, (_, index) => `step=${index}/t`);
  for (const name of all) member.offer(name);
  member.offer('other');
  for (const limit of [1, 3, 7, 100, 0]) {
    assert.deepEqual(pages(member, 'step=*', limit).sort(), [...all].sort(), `pages of ${limit}`);
  }
  assert.equal(pages(member, 'step=1?/t', 4).length, 10);
  assert.deepEqual(pages(member, 'step=7/t', 1), ['step=7/t']);
  assert.deepEqual(pages(member, 'step=[89]/t', 1).sort(), ['step=8/t', 'step=9/t']);
  assert.deepEqual(pages(member, 'nothing*', 5), []);
});

test('list: an object that is there all the time comes once, whatever comes and goes', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const pool = new Harness({ checked: false });
    const member = pool.member('a');
    const dice = random(seed);
    const stable = Array.from({ length: 60 }, (_, index) => `stable/${index}`);
    const passing = new Map<string, ReturnType<Member['offer']>>();
    let made = 0;
    const change = (): void => {
      for (let count = dice(8); count > 0; count--) {
        const [gone] = [...passing.keys()].slice(dice(passing.size + 1));
        const handle = gone === undefined ? undefined : passing.get(gone);
        if (gone !== undefined && handle !== undefined && dice(2) === 0) {
          handle.withdraw().ok();
          handle.dispose().ok();
          passing.delete(gone);
        } else {
          const name = `passing/${made++}`;
          passing.set(name, member.offer(name));
        }
      }
    };
    for (const name of stable) {
      change();
      member.offer(name);
    }
    const found = pages(member, '*', 1 + dice(10), change);
    assert.equal(new Set(found.filter((name) => name.startsWith('stable/'))).size, 60);
    assert.equal(found.filter((name) => name.startsWith('stable/')).length, 60, `seed ${seed}`);
  }
});

test('list: with detail each object is as of STAT', () => {
  const pool = new Harness();
  const member = pool.member('a');
  for (const name of ['x', 'y']) member.offer(name, name, { attributes: { name } });
  member.tag('x', { tag: 1 }).ok();
  const page = member.list('?', '', 0, true).value();
  assert.deepEqual(page['objects'], [member.stat('x').value(), member.stat('y').value()]);
});

test('query: a selector or an `after` that is none is refused', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const list = (selector: string, after: string): ReturnType<Member['ping']> =>
    member.client.call((w) => {
      const start = w.at;
      w.u32(0);
      w.u32(0x41);
      w.text(selector);
      w.text(after);
      w.u32(0);
      w.u8(0);
      w.patchU32(start, w.at - start);
    });
  assert.deepEqual(list('name ~ ', '').fails('bad-selector').fields['position'], 7);
  for (const after of ['x', '-1', '1.5', '1e300', 'Infinity', ' ', '0x10', '1 ']) {
    list('', after).fails('bad-argument');
  }
});

test('list: pages of long names, and of large attributes, end where an answer ends', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  const attributes = Object.fromEntries(
    Array.from({ length: 15 }, (_, index) => [`k${index}`, 'v'.repeat(4_000)]),
  );
  for (let index = 0; index < 800; index++) member.offer(`${'海'.repeat(990)}${index}`);
  assert.equal(pages(member, '*', 0).length, 800);
  for (let index = 0; index < 150; index++) member.offer(`large/${index}`, null, { attributes });
  let after = '';
  const rows: Row[] = [];
  for (let page: Row | undefined; page?.['next'] !== null; after = page['next'] as string) {
    page = member.list('large/*', after, 0, true).value();
    rows.push(...(page['objects'] as Row[]));
  }
  assert.equal(new Set(rows.map((row) => row['name'])).size, 150);
  assert.equal(rows.length, 150);
});

test('stat: says state, version, space, attributes, tags, provider, scope, level', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const handle = writer.declare('x');
  assert.deepEqual(writer.stat('x').value(), {
    name: 'x',
    state: 'declared',
    version: null,
    versions: 0,
    requires: 0,
    readers: 0,
    handles: 1,
    tags: {},
  });
  reader.require('x');
  assert.equal(writer.stat('x').value()['state'], 'required');
  handle.set({ space: { dtype: 'int16' }, attributes: { level: 850 } }).ok();
  handle.offer(writer.slice(new Uint8Array(6)), { keep: true }).ok();
  reader.declare('x').demand().delivered();
  assert.deepEqual(writer.stat('x').value(), {
    name: 'x',
    state: 'offered',
    version: 1,
    versions: 1,
    requires: 1,
    readers: 1,
    handles: 3,
    tags: {},
    bytes: 6,
    dtype: 'int16',
    shape: [3],
    order: 'row',
    byteOrder: 'little',
    attributes: { level: 850 },
    scope: 'pool',
    provider: 'writer',
    level: 'memory',
    time: new Timestamp(BigInt(pool.now) * 1_000_000n),
    durability: 'process',
    statistics: {
      ...{ state: 'known', count: 3, nan: 0, fill: 0, infinite: 0, min: 0, max: 0, mean: 0 },
      histogram: { begin: 0, width: 1, counts: [3] },
    },
  });
});

test('info: counts what there is', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('x', writer.slice('bytes'));
  writer.offer('y', 'inline');
  reader.declare('x').demand().delivered();
  reader.demand('z');
  writer.promise('z');
  writer.lease(64).grant();
  const info = reader.info().value() as { [key: string]: Row };
  const { counts, memory } = info;
  assert.equal(counts?.['sessions'], 2);
  assert.equal(counts?.['members'], 2);
  assert.equal(counts?.['objects'], 3);
  assert.equal(counts?.['handles'], 4);
  assert.equal(counts?.['versions'], 2);
  assert.equal(counts?.['requires'], 1);
  assert.equal(counts?.['readers'], 1);
  assert.equal(counts?.['waits'], 1);
  assert.equal(counts?.['timers'], 0);
  assert.equal(counts?.['promises'], 1);
  assert.equal(counts?.['promisesClosed'], 0);
  assert.equal(memory?.['total'], 1 << 20);
  assert.equal(memory?.['offered'], 64);
  assert.equal(memory?.['leased'], 64);
  assert.equal(memory?.['inline'], 6);
  assert.equal(memory?.['reserved'], (1 << 20) / 8);
});

test('explain: who waits, for whom, since when, what would end it', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const other = pool.member('other');
  const reader = pool.member('reader');
  writer.promise('x');
  other.promise('*', 'glob');
  reader.demand('x', { deadline: 300 });
  pool.pass(100);
  reader.require('x');
  const { waits, promises, offered } = other.explain('x').value() as {
    waits: Row[];
    promises: Row[];
    offered: Value;
  };
  assert.equal(offered, null);
  const demanded = waits.find((row) => row['what'] === 'demand');
  assert.equal(demanded?.['member'], 'reader');
  assert.equal(demanded?.['sinceMs'], 100);
  assert.equal(demanded?.['deadlineMs'], 200);
  assert.deepEqual(demanded?.['promisedBy'], ['writer', 'other']);
  assert.match(String(demanded?.['because']), /writer, other promised it/);
  const required = waits.find((row) => row['what'] === 'require');
  assert.equal(required?.['deadlineMs'], null);
  assert.deepEqual(
    promises.map((row) => [row['member'], row['pattern'], row['state'], row['sinceMs']]),
    [
      ['writer', 'x', 'open', 100],
      ['other', '*', 'open', 100],
    ],
  );
});

test('explain: what is offered, its readers, and versions that are withdrawn and owed', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const one = writer.offer('x', writer.slice('one'));
  reader.declare('x').demand().delivered();
  reader.require('x');
  one.withdraw().ok();
  writer.offer('x', 'two', { keep: true });
  const { offered, readers, withdrawn, waits } = reader.explain('x').value() as {
    [key: string]: Row[];
  };
  assert.deepEqual(offered, {
    version: 2,
    by: 'writer',
    scope: 'pool',
    level: 'manager',
    bytes: 3,
  });
  assert.deepEqual(readers, ['reader']);
  assert.deepEqual(withdrawn, [{ version: 1, requires: 1, readers: 1, standing: 0, bytes: 3 }]);
  const because = 'version 1 is withdrawn, and kept for it: reader has only to demand it';
  assert.equal(waits?.[0]?.['because'], because);
  reader.require('y');
  writer.offer('y', 'two');
  const rows = (reader.explain('y').value() as { [key: string]: Row[] })['waits'];
  assert.equal(rows?.[0]?.['because'], 'it is offered: reader has only to demand it');
  reader.explain('nothing').fails('unknown-object');
});

test('explain: all waits, those of objects and those for memory, and who holds it', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  reader.demand('x');
  reader.demand('y');
  writer.lease(800 << 10).grant();
  const target = reader.declare('big');
  reader.lease(300 << 10, { for: target }).waits();
  const { waits, memory, holders } = writer.explainWaits().value() as { [key: string]: Row[] };
  assert.deepEqual(waits?.map((row) => row['object']).sort(), ['x', 'y']);
  assert.equal(memory?.length, 1);
  assert.equal(memory?.[0]?.['bytes'], 300 << 10);
  assert.equal(memory?.[0]?.['object'], 'big');
  assert.deepEqual(memory?.[0]?.['members'], ['reader']);
  assert.equal(holders?.[0]?.['bytes'], 800 << 10);
});

test('rings: members that wait for what the next has promised are found; others are none', () => {
  const pool = new Harness();
  const ring = ['a', 'b', 'c'].map((name) => pool.member(name));
  const line = ['d', 'e'].map((name) => pool.member(name));
  for (const member of [...ring, ...line]) member.promise(`from-${member.name}`);
  const rings = (): Row[][] => (ring[0] as Member).explainRings().value()['rings'] as Row[][];
  line[0]?.demand('from-e');
  line[0]?.demand('from-a');
  ring[0]?.demand('from-b');
  ring[1]?.demand('from-c');
  assert.deepEqual(rings(), []);
  const last = ring[2]?.demand('from-a', { deadline: 500 });
  const [found, ...more] = rings();
  assert.equal(more.length, 0);
  assert.deepEqual(found?.map((row) => row['member']).sort(), ['a', 'b', 'c']);
  const waitsFor = new Map(found?.map((row) => [row['member'], row['waitsFor']]));
  assert.equal(waitsFor.get('a'), 'from-b');
  assert.equal(waitsFor.get('b'), 'from-c');
  assert.equal(waitsFor.get('c'), 'from-a');
  pool.pass(500);
  last?.fails('deadline-passed');
  assert.deepEqual(rings(), [], 'a deadline has ended it');
});

test('rings: a member that waits for its own promise, two rings with a member in common', () => {
  const pool = new Harness();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => pool.member(name)) as [Member, Member, Member];
  for (const member of [a, b, c]) member.promise(`from-${member.name}`);
  a.demand('from-a');
  const rings = (): string[] =>
    (a.explainRings().value()['rings'] as Row[][]).map((ring) =>
      ring
        .map((row) => String(row['member']))
        .sort()
        .join(),
    );
  assert.deepEqual(rings(), ['a']);
  a.demand('from-b');
  b.demand('from-a');
  a.demand('from-c');
  c.demand('from-a');
  assert.deepEqual(rings().sort(), ['a', 'a,b', 'a,c']);
});

test('rings: a require that is not demanded does not block its member', () => {
  const pool = new Harness();
  const a = pool.member('a');
  const b = pool.member('b');
  a.promise('from-a');
  b.promise('from-b');
  a.require('from-b');
  b.demand('from-a');
  assert.deepEqual(a.explainRings().value()['rings'], []);
});

test('answers about very many waits, promises, members hold what an answer can', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  const long = (index: number): string => `${'海'.repeat(990)}${index}`;
  pool.batch(() => {
    for (let index = 0; index < 800; index++) {
      member.demand(long(index));
      if (index < 10) member.promise(`${'海'.repeat(980)}*${index}`, 'glob');
    }
    for (let index = 0; index < 800; index++) member.demand(long(0));
  });
  assert.ok((member.explainWaits().value()['waits'] as Row[]).length > 100);
  assert.ok((member.explain(long(0)).value()['waits'] as Row[]).length > 100);
  assert.ok((member.stop().value()['required'] as Row[]).length > 100);
  assert.ok(Array.isArray(member.explainRings().value()['rings']));
  const crowd = pool.client();
  pool.batch(() => {
    for (let index = 0; index < 60; index++) crowd.join(`m${index}`, { info: 'x'.repeat(65_000) });
  });
  assert.equal((member.members().value() as unknown as Row[]).length, 61);
  pool.batch(() => {
    for (let index = 0; index < 10; index++) crowd.join(`n${index}`, { info: 'x'.repeat(65_000) });
  });
  member.members().fails('too-large');
  crowd.join('o', { info: 'x'.repeat(66_000) }).joined.fails('too-large');
});

test('a process that says very much of itself is shown in short', () => {
  const pool = new Harness();
  const client = pool.client({ host: 'h'.repeat(3 << 20), pid: 1, command: 'c'.repeat(3 << 20) });
  client.join('a').joined.welcome();
  const other = pool.client();
  const { fields } = other.join('a').joined.fails('name-in-use');
  assert.equal(String(fields['host']).length, 1_000);
  other.join('b').members().value();
});

test('stop: says what is still required, and stops when that is nothing', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const handle = reader.require('x');
  const { required } = reader.stop().value();
  assert.deepEqual(required, [{ name: 'x', member: 'reader', state: 'required' }]);
  assert.equal(pool.effectsOf('stop').length, 0);
  reader.declare('more').offer('bytes').ok();
  handle.retract().ok();
  assert.deepEqual(reader.stop().value(), { required: [] });
  assert.equal(pool.effectsOf('stop').length, 1);
  reader.declare('late').offer('bytes').fails('pool-stopping');
  assert.throws(() => pool.client(), { code: 'pool-stopping' });
  assert.equal(reader.demand('more').text(), 'bytes', 'what is there is served');
});

test('stop: by force stops whatever is required, and says what', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  reader.demand('x');
  assert.equal((reader.stop(true).value()['required'] as Row[]).length, 1);
  assert.equal(pool.effectsOf('stop').length, 1);
});
