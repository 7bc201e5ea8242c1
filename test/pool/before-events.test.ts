// What those are told who are told before, and of what they are asked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDLESS } from '../../src/core/limits.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { EVENT_FLAG, MEMBER_NONE, writeTag } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import type { Call } from './call.js';
import { Harness } from './harness.js';
import { withLimit } from './limits.js';
import type { Member } from './member.js';
import type { SubscribeOptions, Subscriber } from './subscriber.js';

function before(member: Member, asked: SubscribeOptions): Subscriber {
  const one = member.subscribe({ before: true, acknowledge: true, ...asked });
  one.made.value();
  return one;
}

test('before tags are set the object is selected as it is, and by what is to be set', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const guard = pool.member('guard');
  const ofIts = before(guard, { kinds: ['tag'], select: 'param = "t" and .version = 1' });
  const ofOld = before(guard, { kinds: ['tag'], select: 'kept = true' });
  const ofNew = before(guard, { kinds: ['tag'], select: 'quality = "bad"' });
  producer
    .declare('x', { attributes: { param: 't' } })
    .offer('x')
    .ok();
  producer.offer('y', 'y');
  const call = producer.tag('x', { kept: true }).waits();
  assert.deepEqual({ ...ofIts.last.attributes }, { param: 't', kept: true });
  assert.deepEqual([ofIts.told, ofOld.told, ofNew.told], [['tag x'], ['tag x'], []]);
  ofIts.acknowledge();
  ofOld.acknowledge();
  call.ok();
  const other = producer.tag('y', { quality: 'bad' }).waits();
  ofNew.veto('it is good');
  other.fails('vetoed');
  // Who forbids that a tag is removed sees that it is there.
  const gone = producer.tag('x', {}, ['kept']).waits();
  assert.deepEqual({ ...ofOld.last.attributes }, { param: 't', kept: true });
  ofIts.acknowledge();
  ofOld.veto('it stays');
  gone.fails('vetoed');
  assert.deepEqual({ ...(producer.stat('x').value()['tags'] as object) }, { kept: true });
});

test('before a tag that takes the place of others all together may be too large', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  producer.offer('x', 'x');
  const large = (key: string): { [key: string]: string } =>
    Object.fromEntries([1, 2, 3].map((index) => [`${key}${index}`, 'v'.repeat(20_000)]));
  producer.tag('x', large('a')).ok();
  const guard = before(pool.member('guard'), { kinds: ['tag'], select: 'has b1' });
  const call = producer.tag('x', large('b'), Object.keys(large('a'))).waits();
  guard.acknowledge();
  call.ok();
  producer.tag('x', large('c')).fails('bad-attribute');
  producer.tag('x', { '.container': 'c' }).fails('bad-attribute');
});

test('before a declare the object is selected by its tags, too', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  producer.declare('x').declared.ok();
  producer.tag('x', { kept: true }).ok();
  const guard = before(pool.member('guard'), { kinds: ['declare'], select: 'kept = true' });
  producer.declare('y').declared.ok();
  const { declared } = pool.member('other').declare('x');
  declared.waits();
  guard.acknowledge();
  declared.ok();
});

test('who does not acknowledge is told once, also of what is stored or waits for its step', () => {
  const stores = new Harness({ durability: 2, slabDurability: 1, hasStore: true });
  const producer = stores.member('producer');
  producer.queue('q', { maxAhead: 1 }).ok();
  const reader = stores.member('reader').subscribe({ kinds: ['offer'], requires: true });
  reader.made.value();
  const looker = before(stores.member('looker'), { kinds: ['offer'], acknowledge: false });
  const broker = before(stores.member('broker'), { kinds: ['offer'], select: 'step = 2' });
  const offers = [1, 2].map((step) => {
    const handle = producer.declare(`x${step}`, { attributes: { step } });
    return handle.offer(producer.slice('bytes'), { durability: 2 }).waits();
  });
  broker.acknowledge();
  for (const { ask } of stores.effectsOf('store')) {
    stores.loop.input({ kind: 'stored', ask, failure: null });
    stores.settle();
  }
  // The second one waits for its step now, as the first is there.
  offers[0]?.ok();
  offers[1]?.waits();
  reader.acknowledge(1);
  offers[1]?.ok();
  assert.deepEqual(looker.told, ['offer x1', 'offer x2']);
  assert.deepEqual(broker.told, ['offer x2']);
});

test('who asks before for what is never held is refused, whatever else it asks for', () => {
  const pool = new Harness();
  const member = pool.member('m');
  const asked = { before: true, acknowledge: true } as const;
  for (const kind of ['crash', 'dispose', 'lost', 'moved', 'ready'] as const) {
    for (const kinds of [[kind], [kind, 'withdraw']] as const) {
      const { message } = member.subscribe({ ...asked, kinds }).made.fails('bad-argument');
      assert.equal(message, `Cannot subscribe: ${kind} is told after it happens, only`);
    }
  }
  const { message } = member
    .subscribe({ ...asked, kinds: ['lost', 'offer', 'crash'] })
    .made.fails('bad-argument');
  assert.equal(message, 'Cannot subscribe: crash, lost are told after it happens, only');
  // Who names no kind is asked of what can be held.
  member.subscribe(asked).made.value();
});

test('while tags of a name are held what is asked of other names goes on', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  for (const name of ['x', 'y', 'z']) producer.offer(name, name);
  const guard = before(pool.member('guard'), { kinds: ['tag'], select: 'name = "x"' });
  const held = producer.tag('x', { k: 1 }).waits();
  const same = producer.delete('x').waits();
  producer.tag('y', { k: 1 }).ok();
  producer.delete('y').ok();
  // What is about all names comes behind those of all, and before what comes behind it.
  const all = producer.tagSelected('has k', { seen: true }).waits();
  const listed = producer.gather('name = "z"', 'in', 'a list').waits();
  const behind = producer.tag('z', { k: 2 }, ['in']).waits();
  producer.ping().ok();
  guard.acknowledge();
  held.ok();
  same.ok();
  assert.equal(all.value()['changed'], 0);
  assert.equal(listed.value()['changed'], 1);
  behind.ok();
  assert.deepEqual({ ...(producer.stat('z').value()['tags'] as object) }, { k: 2 });
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('of what is about names a member waits behind its own, not behind others of its process', () => {
  const pool = new Harness();
  const one = pool.member('one');
  const two = pool.member('two', one.client);
  for (const name of ['x', 'y']) one.declare(name).offer('v', { keep: true }).ok();
  // Who holds is of the same process, and is not asked of what it does itself.
  const own = before(two, { kinds: ['tag'], select: 'k = 1' });
  const held = one.tag('x', { k: 1 }).waits();
  two.tag('x', { k: 3 }).ok();
  two.tagSelected('name = "x"', { k: 4 }).value();
  two.gather('name = "x"', 'in', 'a list').value();
  two.unkeep('x').ok();
  const behind = one.tag('x', { k: 5 }).waits();
  const all = one.tagSelected('name = "y"', { seen: 1 }).waits();
  const last = one.tag('y', { k: 6 }).waits();
  two.tag('y', { k: 7 }).ok();
  // A program that is no member has one lane.
  const { client } = one;
  const key = client.key('k');
  const other = before(two, { kinds: ['tag'], select: 'k = 2' });
  const nobody = ['x', 'x'].map((name) =>
    client.call((w) => writeTag(w, name, MEMBER_NONE, [[key, 2]], [])).waits(),
  );
  own.acknowledge(1).ok();
  for (const call of [held, behind, last]) call.ok();
  all.value();
  nobody[1]?.waits();
  other.acknowledge(1).ok();
  nobody[0]?.ok();
  other.acknowledge(2).ok();
  nobody[1]?.ok();
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('explain says what is held, and what waits behind it', () => {
  const pool = new Harness();
  const producer = pool.member('p');
  const guard = before(pool.member('guard'), { kinds: ['tag'], select: 'name = "x"' });
  for (const name of ['x', 'y']) producer.offer(name, name);
  producer.tag('x', { k: 1 }).waits();
  pool.pass(5);
  const deleted = producer.delete('x').waits();
  const selected = producer.tagSelected('name = "y"', { k: 2 }).waits();
  const left = producer.leave().waits();
  const client = pool.member('looks[0]');
  const { waits } = client.explainWaits().value() as { waits: { [key: string]: unknown }[] };
  const behind = 'waits behind the tag of "x" that is held';
  assert.deepEqual(
    waits.map((row) => [row['object'], row['member'], row['what'], row['because']]),
    [
      ['x', 'p', 'held', 'its tag waits for guard'],
      ['x', 'p', 'held', `its delete ${behind}`],
      ['', 'p', 'held', `its tagSelected ${behind}`],
      ['', 'p', 'held', `its leave ${behind}`],
    ],
  );
  assert.deepEqual([waits[1]?.['sinceMs'], waits[1]?.['deadlineMs']], [0, null]);
  const rows = client.explain('x').value()['waits'] as { [key: string]: unknown }[];
  assert.deepEqual(
    rows.map((row) => row['endsWith']),
    ['an acknowledgement, a veto, its deadline', 'the answer to what it waits behind'],
  );
  guard.acknowledge().ok();
  deleted.ok();
  selected.value();
  left.bye();
});

test('what a guard that is behind cannot be asked any more is decided by its silence', () => {
  for (const silence of ['allow', 'deny'] as const) {
    const pool = new Harness({ eventBytesMax: 1 << 20, checked: false });
    const guard = pool.member('guard').subscribe({
      ...{ kinds: ['offer'], before: true, acknowledge: true, window: 1 },
      ...{ silence, deadline: ENDLESS },
    });
    guard.made.value();
    const producer = pool.member('producer');
    const handles = Array.from({ length: 10 }, (_, at) => producer.declare(`x${at}`));
    const offers = handles.map((handle) => handle.offer('x').waits());
    const other = pool.member('other');
    pool.batch(() => {
      for (let index = 0; index < 40_000; index++) other.emit('tick', { index });
    });
    assert.ok(pool.pool.events.log.first > 20, 'what it was to be told of is forgotten');
    guard.acknowledge();
    offers[0]?.ok();
    assert.equal(pool.pool.events.operationsHeld, 0);
    for (const offer of offers.slice(1)) {
      if (silence === 'allow') offer.ok();
      else assert.match(offer.fails('subscriber-silent').message, /too far behind to be asked/u);
    }
    assert.deepEqual(guard.told, ['offer x0', 'gap']);
  }
});

test('who is behind is told of what it asked for, before or after, as if it were not', () => {
  const pool = new Harness();
  const guard = before(pool.member('guard'), { kinds: ['offer', 'tag'], window: 1 });
  const watcher = pool.member('watcher').subscribe({ kinds: ['offer', 'tag'], window: 1 });
  const producer = pool.member('producer');
  const offers = ['x', 'y', 'z'].map((name) => producer.declare(name).offer(name).waits());
  // What is done between what it is asked of is told to others.
  for (const offer of offers) {
    guard.acknowledge().ok();
    offer.ok();
  }
  const tag = producer.tag('x', { seen: true }).waits();
  guard.acknowledge().ok();
  tag.ok();
  const told = ['offer x', 'offer y', 'offer z', 'tag x'];
  assert.deepEqual(guard.told, told);
  for (const name of told) {
    assert.equal(watcher.told.at(-1), name);
    watcher.acknowledge().ok();
  }
  assert.deepEqual(watcher.told, told);
  const { before: bit } = EVENT_FLAG;
  assert.ok(guard.events.every(({ flags }) => (flags & bit) !== 0));
  assert.ok(watcher.events.every(({ flags }) => (flags & bit) === 0));
});

test('what waits for room says for whom, and ends with its deadline', () => {
  const pool = new Harness({ eventBytesMax: 1 << 20, checked: false });
  const slow = { kinds: ['emit'], window: 4_096, slow: 'block', name: 'archive' } as const;
  const all = pool.member('w').subscribe(slow);
  all.made.value();
  const producer = pool.member('p');
  const handle = producer.declare('x');
  const isTold = pool.member('d').subscribe({ kinds: ['declare'] });
  isTold.made.value();
  const calls: Call[] = [];
  pool.batch(() => {
    for (let index = 0; index < 40_000; index++) calls.push(producer.emit('tick', { index }));
  });
  const [first] = calls.filter((call) => call.answer === null);
  assert.ok(first !== undefined, 'one waits for room');
  const offer = handle.offer('x').waits();
  const declare = producer.declare('y').declared.waits();
  const tag = producer.tag('x', { seen: true }).waits();
  const promise = producer.promise('z').made.waits();
  // Nobody is told of what is declared any more: it brings no event.
  isTold.end();
  producer.declare('w').declared.ok();
  const { waits } = producer.explainWaits().value() as { waits: { [key: string]: unknown }[] };
  const who = 'the subscription "archive"';
  const because = `there is no room for its event, as ${who} must miss none and is behind`;
  assert.deepEqual(
    waits.slice(0, 5).map((row) => {
      return [row['object'], row['member'], row['because'], row['deadlineMs']];
    }),
    [
      ['', 'p', because, 1_000],
      ['x', 'p', because, 1_000],
      ['y', 'p', because, 1_000],
      ['x', 'p', because, 1_000],
      ['z', 'p', because, 1_000],
    ],
  );
  // Of those behind the first there are thousands.
  assert.equal(waits.length, 5 + 10);
  assert.equal(waits[5]?.['because'], 'its emit waits behind the emit that is held');
  const [row] = producer.explain('x').value()['waits'] as { [key: string]: unknown }[];
  assert.equal(row?.['endsWith'], 'an acknowledgement, the end of who is behind, its deadline');
  pool.pass(999);
  offer.waits();
  pool.pass(1);
  const { message, fields } = offer.fails('deadline-passed');
  assert.equal(message, `Cannot offer "x": ${because}`);
  assert.deepEqual(fields, { name: 'x', waitedMs: 1_000 });
  assert.match(first.fails('deadline-passed').message, /^Cannot emit: there is no room/u);
  assert.match(declare.fails('deadline-passed').message, /^Cannot declare "y": there is no room/u);
  assert.match(tag.fails('deadline-passed').message, /^Cannot tag "x": there is no room/u);
  assert.match(promise.fails('deadline-passed').message, /^Cannot promise "z": there is no room/u);
  // Those behind the first one have waited as long.
  assert.equal(calls.filter((call) => call.answer === null).length, 0);
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('what was let go by a slow subscriber has its time for what it waits for behind that', () => {
  const pool = new Harness();
  const producer = pool.member('producer[0]');
  const client = producer.client;
  const other = pool.member('producer[1]', client);
  producer.queue('q', { maxAhead: 1 }).ok();
  const reader = pool.member('reader').subscribe({ kinds: ['offer'], requires: true });
  reader.made.value();
  const asked = { kinds: ['offer'], select: 'step = 2', deadline: 60_000 } as const;
  const broker = before(pool.member('broker'), asked);
  producer
    .declare('a', { attributes: { step: 1 } })
    .offer('a')
    .ok();
  reader.acknowledge(1).ok();
  const offer = other
    .declare('b', { attributes: { step: 2 } })
    .offer('b')
    .waits();
  pool.pass(30_000);
  producer
    .declare('c', { attributes: { step: 1 } })
    .offer('c')
    .ok();
  broker.acknowledge().ok();
  offer.waits();
  // The member whose handle it is, not the first one of its session.
  const [row] = producer.explain('b').value()['waits'] as { [key: string]: unknown }[];
  assert.deepEqual([row?.['member'], row?.['deadlineMs']], ['producer[1]', 1_000]);
  pool.pass(1_000);
  offer.fails('deadline-passed');
});

test('at its limit what would be held is refused with who holds, and nobody is told of it', () => {
  withLimit('operationsHeldMax', 3, () => {
    const pool = new Harness();
    const asked = { kinds: ['emit'], before: true } as const;
    const guard = pool.member('guard').subscribe({ ...asked, acknowledge: true });
    const looker = pool.member('looker').subscribe(asked);
    const producers = ['p', 'q', 'r', 's'].map((name) => pool.member(name));
    const calls = producers.map((each) => each.emit('tick'));
    const { message, fields } = (calls[3] as Call).fails('hold-limit');
    assert.equal(message, 'Cannot go on: too many operations are held by guard');
    assert.deepEqual(fields, { held: 3, limit: 3, by: ['guard'] });
    assert.equal(guard.events.length, 3, 'of what is refused nobody is told');
    assert.equal(looker.events.length, 3);
    // What nobody has to let go is not held.
    producers[3]?.offer('x', 'x');
    guard.acknowledge(1).ok();
    producers[3]?.emit('tick').waits();
  });
});

test('a group is let go when each of its objects is, and cancelled as a whole', () => {
  const pool = new Harness();
  const asked = { kinds: ['offer'], before: true, acknowledge: true, window: 4_096 } as const;
  const guards = ['v', 'w'].map((name) => pool.member(name).subscribe(asked));
  const producer = pool.member('p');
  const count = 1_000;
  const members = Array.from(
    { length: count },
    (_, at) => [producer.declare(`x${at}`), 'x'] as const,
  );
  const offered = producer.declare('group').offerGroup(members).waits();
  const state = saved((w) => savePool(pool.pool, w));
  const { held } = restored(state, (r) => restorePool(r)).events;
  const [first] = held.values();
  assert.deepEqual([...(first?.owed.values() ?? [])], [count + 1, count + 1]);
  for (const guard of guards) {
    offered.waits();
    guard.acknowledge(1, count).ok();
    offered.waits();
    guard.acknowledge(count + 1).ok();
  }
  offered.ok();
  const others = Array.from({ length: 5 }, (_, at) => [producer.declare(`y${at}`), 'y'] as const);
  producer.declare('other').offerGroup(others).waits();
  guards[0]?.acknowledge(count + 2).ok();
  pool.crash(producer.client);
  const cancelled = guards.map(({ told }) => told.filter((each) => each.startsWith('cancelled')));
  assert.deepEqual(
    cancelled.map(({ length }) => length),
    [5, 6],
  );
});

test('a guard with a name that is away forbids by its silence, until it is back', () => {
  const pool = new Harness();
  const asked = { kinds: ['offer'], silence: 'deny', name: 'units', deadline: 50 } as const;
  const guard = pool.member('guard');
  before(guard, asked);
  guard.leave().bye();
  const producer = pool.member('p');
  const offer = producer.declare('x').offer('x').waits();
  pool.pass(49);
  offer.waits();
  pool.pass(1);
  offer.fails('subscriber-silent');
  const back = before(pool.member('guard'), asked);
  const another = producer.declare('x').offer('x').waits();
  back.acknowledge();
  another.ok();
});
