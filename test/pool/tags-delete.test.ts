import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../../src/core/value.js';
import { Harness } from './harness.js';
import type { Member } from './member.js';

const tagsOf = (member: Member, name: string): Value => member.stat(name).value()['tags'] as Value;

test('tags: any member may set, change, remove them, before and after the offer', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const other = pool.member('other');
  const handle = writer.declare('x', { attributes: { fixed: 1 } });
  other.tag('x', { quality: 'raw', level: 5 }).ok();
  handle.offer('bytes').ok();
  writer.tag('x', { quality: 'good', by: ['writer'] }).ok();
  assert.deepEqual(tagsOf(other, 'x'), { level: 5, quality: 'good', by: ['writer'] });
  other.tag('x', {}, ['level', 'never set']).ok();
  assert.deepEqual(tagsOf(writer, 'x'), { quality: 'good', by: ['writer'] });
  assert.deepEqual(writer.stat('x').value()['attributes'], { fixed: 1 });
  other.tag('x', { quality: 1 }, ['quality', 'by']).ok();
  assert.deepEqual(tagsOf(writer, 'x'), { quality: 1 }, 'what is set stays, removed or not');
  other.tag('x', {}, ['quality']).ok();
  assert.deepEqual(tagsOf(writer, 'x'), {});
});

test('tags: stay through versions, until the object is deleted', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const handle = writer.offer('x', '1');
  writer.tag('x', { seen: true }).ok();
  handle.withdraw().ok();
  writer.offer('x', '2');
  assert.deepEqual(tagsOf(writer, 'x'), { seen: true });
  writer.delete('x').ok();
  assert.deepEqual(tagsOf(writer, 'x'), {}, 'the handles keep the name');
});

test('tags: are no attributes: no expectation is met or missed by one', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  writer.offer('x', 'bytes', { attributes: { level: 1 } });
  writer.tag('x', { level: 2 }).ok();
  writer
    .declare('x', { attributes: { level: 2 } })
    .require()
    .fails('object-mismatch');
  writer
    .declare('x', { attributes: { level: 1 } })
    .require()
    .ok();
});

test('tags: of a name that is not there, too many, too large together are refused', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  writer.tag('x', { a: 1 }).fails('unknown-object');
  writer.offer('x', 'bytes');
  const large = (prefix: string): { [key: string]: string } =>
    Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`${prefix}${index}`, 'v'.repeat(4_000)]),
    );
  writer.tag('x', large('a')).ok();
  writer.tag('x', large('b')).fails('bad-attribute');
  writer.tag('x', large('b'), Object.keys(large('a'))).ok();
  assert.deepEqual(Object.keys(tagsOf(writer, 'x') ?? {}), Object.keys(large('b')));
});

test('delete: ends the offer and the bytes; the name goes with the last handle', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const handle = writer.offer('x', writer.slice('bytes'));
  writer.delete('x').ok();
  assert.equal(pool.effectsOf('freed').length, 1);
  handle.withdraw().ok();
  handle.dispose().ok();
  writer.stat('x').fails('unknown-object');
  writer.delete('x').fails('unknown-object');
});

test('delete: refused while a require is open, whatever it is bound to, naming whose', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const one = pool.member('one');
  const two = pool.member('two');
  const handle = writer.offer('x', 'bytes');
  const bound = one.require('x');
  const { fields, message } = writer.delete('x').fails('object-required');
  assert.deepEqual(fields, { name: 'x', members: ['one'] });
  assert.match(message, /one require/);
  handle.withdraw().ok();
  const unbound = two.demand('x');
  assert.deepEqual(writer.delete('x').fails('object-required').fields['members'], ['two', 'one']);
  two.cancel(unbound).ok();
  writer.delete('x').fails('object-required');
  assert.equal(bound.demand().text(), 'bytes');
  writer.delete('x').ok();
});

test('delete: forced, it fails the requires by name, and readers keep what they hold', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const first = writer.offer('x', writer.slice('one'));
  const bound = reader.require('x');
  first.withdraw().ok();
  writer.offer('x', writer.slice('two'));
  const reading = reader.declare('x');
  const view = reading.demand();
  const current = reader.require('x');
  writer.delete('x', true).ok();
  assert.equal(view.text(), 'two', 'its view does not change');
  assert.equal(pool.effectsOf('freed').length, 1, 'nobody needs version 1');
  for (const handle of [bound, current]) {
    handle.demand().fails('object-deleted');
    handle.dispose().ok();
  }
  reading.dispose().ok();
  assert.equal(pool.effectsOf('freed').length, 2);
});

test('delete: forced, demands that wait are answered; a later offer is a new one', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const writer = pool.member('writer');
  const explicit = reader.require('x');
  const calls = [explicit.demand(), reader.demand('x'), reader.demand('x', { dispose: true })];
  writer.delete('x', true).ok();
  for (const call of calls) {
    assert.deepEqual(call.fails('object-deleted').fields, { name: 'x' });
  }
  assert.equal(pool.pool.requiresOpen, 0);
  writer.offer('x', 'bytes');
  assert.equal(reader.demand('x').text(), 'bytes');
});

test('delete: forced, of an object that only disposing demands held, forgets it', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const calls = [1, 2, 3].map(() => reader.demand('x', { dispose: true }));
  reader.delete('x', true).ok();
  for (const call of calls) call.fails('object-deleted');
  reader.stat('x').fails('unknown-object');
  assert.equal(pool.pool.objects.used, 0);
});

test('delete: of what is kept, and has no handle, forgets it at once', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  writer.offer('x', writer.slice('bytes'), { keep: true, lifetime: 100 }).dispose().ok();
  writer.tag('x', { a: 1 }).ok();
  writer.delete('x').ok();
  writer.stat('x').fails('unknown-object');
  assert.equal(pool.pool.objects.used, 0);
  assert.equal(pool.pool.waits.used, 0);
});
