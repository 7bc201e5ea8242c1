// What one request does to all that a selector selects, and who is asked of it before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ValueMap } from '../../src/core/value.js';
import { fc } from '../fast-check.js';
import type { Call } from './call.js';
import { Harness } from './harness.js';
import { withLimit } from './limits.js';
import type { Member } from './member.js';
import type { SubscribeOptions, Subscriber } from './subscriber.js';

const KEPT = { keep: true } as const;

function before(member: Member, asked: SubscribeOptions): Subscriber {
  const one = member.subscribe({ before: true, acknowledge: true, ...asked });
  one.made.value();
  return one;
}

class Story {
  readonly pool = new Harness();
  readonly producer = this.pool.member('producer');
  readonly guard = this.pool.member('guard');

  keep(name: string, attributes: ValueMap = {}): void {
    this.producer.declare(name, { attributes }).offer(name, KEPT).ok();
  }

  /** Those that are offered. */
  get offered(): readonly string[] {
    const { objects } = this.producer.query('.state = "offered"').value();
    return (objects as string[]).sort();
  }

  explained(): unknown[] {
    const { waits } = this.producer.explainWaits().value() as { waits: ValueMap[] };
    return waits.map((row) => [row['object'], row['member'], row['because']]);
  }
}

function accountOf(call: Call): unknown[] {
  const { selected, changed, refused, next } = call.value();
  return [selected, changed, (refused as unknown[]).length, next];
}

test('what ends all that is selected waits for who is asked of one of them, and a veto ends it', () => {
  for (const how of ['unkeep', 'delete', 'deleteForced'] as const) {
    const story = new Story();
    for (const name of ['a', 'b', 'c', 'd']) story.keep(name, { k: name < 'd' ? 1 : 2 });
    const kind = how === 'unkeep' ? 'withdraw' : 'delete';
    const guard = before(story.guard, { kinds: [kind], select: 'name in ["b", "c", "d"]' });
    const looker = before(story.guard, { kinds: [kind], acknowledge: false, select: 'name = "a"' });
    const { producer, pool } = story;
    const call = producer.endSelected('k = 1', how).waits();
    assert.deepEqual(guard.told, [`${kind} b`, `${kind} c`]);
    assert.deepEqual(looker.told, [`${kind} a`]);
    assert.deepEqual({ ...guard.last.attributes }, { k: 1 });
    assert.deepEqual(
      story.explained(),
      ['b', 'c'].map((name) => [name, 'producer', 'its endSelected waits for guard']),
    );
    guard.acknowledge(1).ok();
    call.waits();
    guard.veto('c stays', 2).ok();
    assert.match(call.fails('vetoed').message, /c stays/u);
    assert.deepEqual(story.offered, ['a', 'b', 'c', 'd']);
    // Nobody is asked of what others select, nor of what is only looked at.
    assert.deepEqual(accountOf(producer.endSelected('k = 1', how, true)), [3, 3, 0, null]);
    assert.deepEqual(accountOf(producer.endSelected('name = "a"', how)), [1, 1, 0, null]);
    const again = producer.endSelected('k = 1', how).waits();
    guard.acknowledge(3, 2).ok();
    assert.deepEqual(accountOf(again), [2, 2, 0, null]);
    assert.deepEqual(story.offered, ['d']);
    assert.equal(pool.pool.events.operationsHeld, 0);
    assert.equal(pool.pool.events.bytesHeld, 0);
  }
});

test('what came while it was held, or is another version by now, is left as it is', () => {
  for (const how of ['unkeep', 'delete'] as const) {
    const story = new Story();
    const other = story.pool.member('other');
    for (const name of ['a', 'b', 'c', 'd']) story.keep(name, { k: 1 });
    const guard = before(story.guard, { kinds: ['withdraw', 'delete'], select: 'name = "a"' });
    const call = story.producer.endSelected('k = 1', how).waits();
    // Another version, one that is gone, one that is selected no more, and one that has come.
    other.unkeep('b').ok();
    story.keep('b', { k: 1 });
    other.unkeep('c').ok();
    other.tag('d', { k: 2 }).ok();
    story.keep('e', { k: 1 });
    guard.acknowledge().ok();
    assert.deepEqual(accountOf(call), [1, 1, 0, null]);
    assert.deepEqual(story.offered, ['b', 'd', 'e']);
    assert.equal(guard.events.length, 1);
  }
});

test('a row that another object has got is not what was selected', () => {
  const story = new Story();
  const other = story.pool.member('other');
  const handles = ['a', 'b'].map((name) => other.declare(name, { attributes: { k: 1 } }));
  story.keep('z', { k: 1 });
  const guard = before(story.guard, { kinds: ['tag'], select: 'name = "z"' });
  const call = story.producer.tagSelected('name in ["a", "b", "c", "z"]', { seen: 1 }).waits();
  handles[1]?.dispose().ok();
  other.declare('c').declared.ok();
  guard.acknowledge().ok();
  assert.deepEqual(accountOf(call), [2, 2, 0, null]);
  assert.deepEqual(story.producer.query('seen = 1').value()['objects'], ['a', 'z']);
});

test('before tags of all that is selected each is told with what is to be set', () => {
  const story = new Story();
  const { producer } = story;
  for (const name of ['a', 'b', 'c']) story.keep(name, { p: name });
  producer.tag('a', { quality: 'bad', old: 1 }).ok();
  const large = (key: string): ValueMap =>
    Object.fromEntries([1, 2, 3].map((at) => [`${key}${at}`, 'v'.repeat(20_000)]));
  story.keep('d', { q: 1, quality: 'bad' });
  producer.tag('d', large('k')).ok();
  const bad = before(story.guard, { kinds: ['tag'], select: 'quality = "bad"' });
  const old = before(story.guard, { kinds: ['tag'], select: 'old = 1 or any l = "x"' });
  // What has it already is not changed, and nobody is told of that.
  const call = producer.tagSelected('has p', { quality: 'bad' }).waits();
  assert.deepEqual(bad.told, ['tag b', 'tag c']);
  assert.deepEqual({ ...bad.last.attributes }, { p: 'c', quality: 'bad' });
  bad.acknowledge(1, 2).ok();
  assert.deepEqual(accountOf(call), [3, 2, 0, null]);
  // Who forbids that one is removed sees that it is there.
  const gone = producer.tagSelected('has p', {}, { removed: ['old'] }).waits();
  assert.deepEqual({ ...old.last.attributes }, { p: 'a', quality: 'bad', old: 1 });
  bad.acknowledge(3).ok();
  old.veto('it stays').ok();
  gone.fails('vetoed');
  // Lists: with the value that is to be in it, and before it is out of it.
  const listed = producer.gather('name = "b"', 'l', 'x').waits();
  assert.deepEqual({ ...old.last.attributes }, { p: 'b', quality: 'bad', l: ['x'] });
  bad.acknowledge().ok();
  old.acknowledge().ok();
  assert.deepEqual(accountOf(listed), [1, 1, 0, null]);
  const taken = producer.gather('name = "b"', 'l', 'x', { removes: true }).waits();
  assert.deepEqual({ ...old.last.attributes }, { p: 'b', quality: 'bad', l: ['x'] });
  bad.acknowledge().ok();
  old.veto('it stays in').ok();
  taken.fails('vetoed');
  assert.deepEqual(producer.stat('b').value()['tags'], { quality: 'bad', l: ['x'] });
  // What is refused anyhow nobody is asked of.
  const told = bad.events.length;
  assert.deepEqual(accountOf(producer.tagSelected('has q', large('l'))), [1, 0, 1, null]);
  producer.tagSelected('has (', {}).fails('bad-selector');
  producer.gather('has p', 'p', 1).value();
  assert.equal(bad.events.length, told);
});

test('of a group that is kept what is in it is told before, once, and all wait as one', () => {
  const story = new Story();
  const { producer } = story;
  const members = ['a', 'b'].map((name) => [producer.declare(name), name] as const);
  producer.declare('g').offerGroup(members, KEPT).ok();
  story.keep('x');
  const guard = before(story.guard, { kinds: ['withdraw'] });
  const call = producer.endSelected('', 'unkeep').waits();
  assert.deepEqual(
    [...guard.told].sort(),
    ['a', 'b', 'g', 'x'].map((name) => `withdraw ${name}`),
  );
  guard.acknowledge(1, 3).ok();
  call.waits();
  guard.acknowledge(4).ok();
  call.value();
  assert.deepEqual(story.offered, []);
});

test('more objects than may wait as one are refused where somebody is asked, and nobody is told', () => {
  withLimit('selectedHeldMax', 3, () => {
    const story = new Story();
    const { producer, pool } = story;
    for (const name of ['a', 'b', 'c', 'd']) story.keep(name, { k: 1 });
    const looker = before(story.guard, { kinds: ['tag', 'delete'], acknowledge: false });
    producer.tagSelected('k = 1', { n: 0 }).value();
    assert.equal(looker.events.length, 4);
    const guard = before(story.guard, { kinds: ['tag', 'delete'], select: 'name = "d"' });
    const { message, fields } = producer.endSelected('k = 1', 'delete').fails('too-large');
    const why = 'subscribers are asked of it, and at most 3 objects wait for them as one';
    assert.equal(message, `Cannot change all that is selected: ${why}: use a narrower selector`);
    assert.deepEqual(fields, { limit: 3 });
    producer.tagSelected('k = 1', { n: 1 }).fails('too-large');
    assert.deepEqual([guard.told, looker.events.length], [[], 4]);
    assert.equal(pool.pool.events.operationsHeld, 0);
    const call = producer.endSelected('k = 1 and name != "a"', 'delete').waits();
    guard.acknowledge().ok();
    call.value();
    assert.deepEqual(story.offered, ['a']);
    producer.endSelected('k = 1', 'delete').value();
  });
});

test('the names of what is held count as what is held', () => {
  withLimit('operationsHeldBytesMax', 2_000, () => {
    const story = new Story();
    for (const at of [1, 2, 3, 4]) story.keep(`${at}`.repeat(400), { k: at });
    before(story.guard, { kinds: ['delete'] });
    const { producer, pool } = story;
    producer.endSelected('k < 4', 'delete').waits();
    assert.ok(pool.pool.events.bytesHeld > 1_500, `${pool.pool.events.bytesHeld} bytes are held`);
    pool.member('other').endSelected('k > 2', 'delete').fails('hold-limit');
    pool.crash(producer.client);
    assert.equal(pool.pool.events.bytesHeld, 0);
  });
});

test('who asks is told when his guard is silent, is gone, or gives up', () => {
  const story = new Story();
  const { producer, pool } = story;
  story.keep('a');
  const asked = { kinds: ['delete'], silence: 'deny', deadline: 50 } as const;
  const guard = before(story.guard, asked);
  const silent = producer.endSelected('', 'delete').waits();
  pool.pass(50);
  silent.fails('subscriber-silent');
  const given = producer.endSelected('', 'delete').waits();
  producer.cancel(given).ok();
  given.fails('cancelled');
  const gone = producer.endSelected('', 'delete').waits();
  guard.end().ok();
  gone.fails('subscriber-silent');
  // Behind something else it selects when its turn comes.
  const tags = before(story.guard, { kinds: ['tag', 'delete'], select: 'name = "a"' });
  const held = producer.tag('a', { k: 1 }).waits();
  const behind = producer.endSelected('k = 1', 'delete').waits();
  story.keep('b', { k: 1 });
  tags.acknowledge().ok();
  held.ok();
  behind.waits();
  tags.acknowledge().ok();
  assert.deepEqual(accountOf(behind), [2, 2, 0, null]);
});

/** What others do while a request is held. */
const CHANGES = ['nothing', 'anew', 'gone', 'tagged', 'come'] as const;

test('nothing is done that nobody was asked of, and all of the rest, whatever others do', () => {
  const numbers = fc.array(fc.constantFrom(...CHANGES), { minLength: 1, maxLength: 8 });
  const property = fc.property(numbers, fc.nat(7), fc.boolean(), (changes, asked, vetoes) => {
    const story = new Story();
    const other = story.pool.member('other');
    const names = changes.map((_, at) => `x${at}`);
    const guarded = asked % names.length;
    changes.forEach((change, at) => {
      if (change !== 'come' || at === guarded) story.keep(`x${at}`, { k: 1 });
    });
    const guard = before(story.guard, { kinds: ['delete'], select: `name = "x${guarded}"` });
    const call = story.producer.endSelected('k = 1', 'delete').waits();
    const left: string[] = [];
    changes.forEach((change, at) => {
      const name = `x${at}`;
      if (change === 'anew' || change === 'gone') other.unkeep(name).ok();
      if (change === 'anew' || (change === 'come' && at !== guarded)) story.keep(name, { k: 1 });
      if (change === 'tagged') other.tag(name, { k: 2 }).ok();
      const isHit = change === 'nothing' || (change === 'come' && at === guarded);
      if (change !== 'gone' && (vetoes || !isHit)) left.push(name);
    });
    if (vetoes) guard.veto('no').ok();
    else guard.acknowledge().ok();
    if (vetoes) call.fails('vetoed');
    else call.value();
    assert.deepEqual(story.offered, left);
  });
  fc.assert(property, { numRuns: 60 });
});
