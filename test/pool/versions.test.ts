import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';

test('versions: numbered from 1, one more with each first offer after a withdraw', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const keep = reader.declare('x');
  for (let version = 1; version <= 5; version++) {
    const handle = writer.offer('x', `bytes ${version}`);
    const stat = reader.stat('x').value();
    assert.equal(stat['version'], version);
    assert.equal(stat['versions'], version);
    const call = reader.demand('x');
    assert.equal(call.delivered().version, version);
    assert.equal(call.text(), `bytes ${version}`);
    handle.withdraw().ok();
    assert.equal(reader.stat('x').value()['version'], null);
  }
  keep.dispose().ok();
});

test('offer twice: already-offered, naming the provider and the version', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const other = pool.member('other[2]');
  const handle = writer.offer('x', '1');
  const expected = { name: 'x', version: 1, member: 'writer' };
  assert.deepEqual(handle.offer('2').fails('already-offered').fields, expected);
  const rival = other.declare('x');
  const { fields, message } = rival.offer('2').fails('already-offered');
  assert.deepEqual(fields, expected);
  assert.match(message, /writer/);
  handle.withdraw().ok();
  rival.offer('2').ok();
  assert.deepEqual(writer.declare('x').offer('3').fails('already-offered').fields, {
    name: 'x',
    version: 2,
    member: 'other[2]',
  });
  assert.equal(writer.demand('x').text(), '2');
});

test('offer twice: a provider that has left is named yet', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  writer.offer('x', '1', { keep: true });
  assert.deepEqual(writer.leave().bye(), []);
  const other = pool.member('other').declare('x');
  assert.equal(other.offer('2').fails('already-offered').fields['member'], 'writer');
});

test('what one offer was refused for, the same handle may offer later', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const handle = writer.declare('x', { space: { dtype: 'float64', shape: [2] } });
  const { fields } = handle.offer('too short').fails('size-mismatch');
  assert.deepEqual(fields, { name: 'x', spaceBytes: 16, payloadBytes: 9 });
  handle.offer({ slab: 0, offset: 0, size: 16 }).fails('bad-lease');
  handle.offer(new Uint8Array(16), { durability: 2 }).fails('no-durable-level');
  handle.offer(new Uint8Array(16), { durability: 1 }).fails('no-durable-level');
  handle.offer(new Uint8Array(16)).ok();
  assert.equal(writer.stat('x').value()['version'], 1, 'a refused offer takes no number');
});

test('offer: a space is completed by the payload, or does not fit it', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  writer.offer('bytes', 'abc');
  assert.deepEqual(writer.stat('bytes').value()['shape'], [3]);
  assert.equal(writer.stat('bytes').value()['dtype'], 'uint8');
  writer.offer('open', new Uint8Array(48), { space: { dtype: 'float64', shape: [null, 3] } });
  assert.deepEqual(writer.stat('open').value()['shape'], [2, 3]);
  writer.offer('scalar', new Uint8Array(4), { space: { dtype: 'float32', shape: [] } });
  assert.deepEqual(writer.stat('scalar').value()['shape'], []);
  writer.offer('signal');
  assert.deepEqual(writer.stat('signal').value()['shape'], [0]);
  assert.equal(writer.stat('signal').value()['level'], 'none');
  const twice = writer.declare('two', { space: { shape: [null, null] } });
  twice.offer('abc').fails('bad-space');
  const odd = writer.declare('odd', { space: { dtype: 'float64' } });
  odd.offer('abc').fails('size-mismatch');
  const huge = writer.declare('huge', { space: { dtype: 'float64', shape: [2 ** 50, 2 ** 50] } });
  huge.offer('abc').fails('bad-space');
});

test('offer: zero length is an object like others, in each way to offer it', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('nothing', null, { space: { dtype: 'float32', shape: [0, 5] } });
  writer.offer('inline', '');
  const nothing = reader.demand('nothing');
  assert.equal(nothing.bytes(), null);
  assert.deepEqual(nothing.delivered().space.shape, [0, 5]);
  const inline = reader.demand('inline', { mode: 'own' });
  assert.equal(inline.bytes()?.length, 0);
  const { slab, offset } = writer.slice('x');
  writer.declare('slice').offer({ slab, offset, size: 0 }).fails('bad-lease');
  writer
    .declare('full', { space: { dtype: 'int8', shape: [1] } })
    .offer(null)
    .fails('size-mismatch');
});

test('offer: a payload within a message has a limit, and all of them together', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  writer.offer('just', new Uint8Array(65_536));
  const { fields } = writer.declare('over').offer(new Uint8Array(65_537)).fails('inline-too-large');
  assert.deepEqual(fields, { limit: 65_536 });
  assert.equal(pool.pool.bytesInline, 65_536);
});

test('offer: many payloads within messages fill their own limit, and leave it again', () => {
  const pool = new Harness({ checked: false });
  const writer = pool.member('writer');
  const bytes = new Uint8Array(65_536);
  const handles = Array.from({ length: 4_096 }, (_, index) => writer.offer(`x${index}`, bytes));
  const one = writer.declare('one more');
  const { fields } = one.offer('x').fails('memory-full');
  assert.deepEqual(fields, { limit: 256 << 20 });
  handles[0]?.withdraw().ok();
  one.offer('x').ok();
});

test('scope pool: a lifetime withdraws the offer when it ends; scope member has none', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('kept', 'bytes', { keep: true, lifetime: 50 });
  writer.offer('own', 'bytes', { lifetime: 50 });
  const bound = reader.require('kept');
  pool.pass(49);
  assert.equal(reader.stat('kept').value()['version'], 1);
  pool.pass(1);
  assert.equal(reader.stat('kept').value()['version'], null);
  assert.equal(reader.stat('own').value()['version'], 1);
  assert.equal(bound.demand().text(), 'bytes', 'who required it before is served');
  writer.offer('kept', 'next', { keep: true, lifetime: 50 });
  reader.unkeep('kept').ok();
  pool.pass(50);
  reader.unkeep('kept').fails('wrong-state');
});

test('scope pool: outlives its handle and member, and ends by UNKEEP of anyone', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('x', 'bytes', { keep: true }).dispose().ok();
  writer.offer('y', 'bytes', { keep: true });
  writer.offer('z', 'bytes');
  assert.deepEqual(writer.leave().bye(), ['z']);
  assert.equal(reader.demand('x').text(), 'bytes');
  assert.equal(reader.demand('y').text(), 'bytes');
  assert.equal(reader.stat('x').value()['provider'], 'writer');
  reader.unkeep('x').ok();
  reader.unkeep('y').ok();
  reader.unkeep('z').fails('unknown-object');
  reader.leave().bye();
  assert.equal(pool.pool.objects.used, 0);
});

test('unkeep: what is not offered, or belongs to its member, is refused', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const handle = writer.declare('x');
  writer.unkeep('x').fails('wrong-state');
  handle.offer('bytes').ok();
  const { message } = writer.unkeep('x').fails('wrong-state');
  assert.match(message, /member that offers it/);
  writer.unkeep('nothing').fails('unknown-object');
});
