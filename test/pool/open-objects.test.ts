import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restorePool, savePool } from '../../src/pool/save.js';
import { restored, saved } from '../core/states.js';
import { Harness } from './harness.js';
import { Taking } from './taking.js';

function twoMembers(consistency: 'posix' | 'commit' | 'session' | 'eventual' = 'posix'): {
  pool: Harness;
  one: Taking;
  two: Taking;
} {
  const pool = new Harness();
  const one = Taking.create(pool.member('a'), 'field', '--------', { consistency });
  one.made.ok();
  const two = Taking.open(pool.member('b'), 'field');
  two.made.opened();
  return { pool, one, two };
}

test('an object is created, opened, written to by regions, read, and sealed', () => {
  const { pool, one, two } = twoMembers();
  const { version, space } = two.made.opened();
  assert.deepEqual([version, space.dtype, space.shape], [1, 'uint8', [8]]);
  const stat = two.member.stat('field').value();
  assert.deepEqual([stat['state'], stat['consistency'], stat['bytes']], ['open', 'posix', 8]);
  one.write([[0, 3]], 'abc').ok();
  two.write([[6, 8]], 'yz', { slice: true }).ok();
  assert.equal(one.sees(), 'abc---yz');
  const wanted = pool.member('reader').declare('field');
  const call = wanted.demand().waits();
  const { waits } = one.member.explain('field').value() as { waits: { because: string }[] };
  assert.match(waits[0]?.because ?? '', /; a created it, and nobody has sealed it$/u);
  one.handle.seal().ok();
  assert.equal(call.text(), 'abc---yz');
  assert.equal(two.member.stat('field').value()['state'], 'offered');
  const { message } = two.write([[0, 1]], 'x').fails('wrong-state');
  assert.equal(message, 'Cannot write to "field": it is sealed');
});

test('who opens waits until it is created, and hears why it is not', () => {
  const pool = new Harness();
  const b = pool.member('b');
  const waits = Taking.open(b, 'field');
  const late = Taking.open(b, 'other', 500);
  const otherwise = Taking.open(b, 'field', 0, { dtype: 'float32' });
  waits.made.waits();
  late.handle.dispose().fails('wrong-state');
  for (const { waits: told } of [b.explain('field').value(), b.explainWaits().value()] as {
    waits: { what: string; because: string }[];
  }[]) {
    assert.equal(told[0]?.what, 'open');
    assert.match(told[0]?.because ?? '', /^it is not created; nobody has promised it/u);
  }
  const one = Taking.create(pool.member('a'), 'field', '--------');
  one.made.ok();
  waits.made.opened();
  assert.equal(otherwise.made.fails('object-mismatch').fields['field'], 'dtype');
  otherwise.handle.dispose().ok();
  pool.pass(500);
  assert.match(late.made.fails('deadline-passed').message, /it was not created within 500 ms; /u);
  late.handle.dispose().ok();
  const given = Taking.open(b, 'never');
  b.cancel(given.made).ok();
  given.made.fails('cancelled');
  b.offer('whole', 'abc');
  assert.match(Taking.open(b, 'whole').made.fails('wrong-state').message, /b has offered it/u);
  const { message } = b.declare('field').offer('x').fails('already-offered');
  assert.match(message, /version 1 is held open by a$/u);
});

test('what is out of bounds, of another size, or lossy is refused, and changes nothing', () => {
  const { one, two } = twoMembers();
  two.write([[6, 8]], 'xyz').fails('size-mismatch');
  const shape = [9];
  two.write([[6, 9]], 'xyz', { shape }).fails('bad-region');
  const as = { dtype: 'float32' } as const;
  const floats = new Uint8Array(new Float32Array([65, 66.5]).buffer);
  two.writeMany([[[0, 2]]], floats, { as }).fails('lossy-conversion');
  two.read([[[0, 2]]], { as: { dtype: 'int8' } }).call.fails('lossy-conversion');
  assert.equal(one.sees(), '--------');
  two.writeMany([[[0, 2]]], floats, { as, lossy: true }).ok();
  const wide = two.read([[[0, 2]]], { as: { dtype: 'uint16', byteOrder: 'big' } });
  assert.equal(wide.text(), '\0A\0B');
  two.member.declare('other').withdraw().fails('wrong-state');
});

test('many regions go in one request, the later over the earlier, and come in one', () => {
  const { one, two } = twoMembers();
  two.writeMany([[[0, 4]], [{ indices: [1, 7] }], [[5, 5]]], 'abcdBZ', { slice: true }).ok();
  assert.equal(one.sees(), 'aBcd---Z');
  assert.equal(one.read([[[6, 8]], [[0, 8, 2]]]).text(), '-Zac--');
});

test('POSIX: a write is answered when all see it', () => {
  const pool = new Harness({ agent: 'manual' });
  const a = pool.member('a');
  pool.answerAll();
  const one = Taking.create(a, 'field', '--------');
  const write = one.write([[0, 2]], 'ab');
  const held = one.write([[1, 3]], 'bc', { slice: true });
  const read = one.read([[null]]);
  write.waits();
  held.waits();
  read.call.waits();
  pool.answerAll();
  write.ok();
  held.ok();
  assert.equal(read.text(), 'abc-----');
});

test('COMMIT: a write is seen by its member at once, by others when it is committed', () => {
  const { one, two } = twoMembers('commit');
  one.write([[0, 3]], 'abc', { slice: true }).ok();
  one.write([[2, 4]], 'XY').ok();
  assert.equal(one.sees(), 'abXY----');
  assert.equal(two.sees(), '--------');
  two.write([[0, 1]], 'z').ok();
  one.commit().ok();
  assert.equal(two.sees(), 'zbXY----', 'its own is over what others have committed');
  two.commit(true).ok();
  assert.equal(one.sees(), 'zbXY----');
  two.write([[0, 1]], 'x').fails('unknown-handle');
});

test('SESSION: a write is seen by others when its member has closed the object', () => {
  const { pool, one, two } = twoMembers('session');
  two.write([[0, 3]], 'abc').ok();
  assert.match(two.commit().fails('wrong-state').message, /its consistency is session: close it/u);
  assert.equal(one.sees(), '--------');
  two.commit(true).ok();
  const third = Taking.open(pool.member('c'), 'field');
  assert.equal(third.sees(), 'abc-----');
});

test('EVENTUAL: a write is answered before others see it, and they do when the agent has been', () => {
  const pool = new Harness({ agent: 'manual' });
  const a = pool.member('a');
  pool.answerAll();
  const one = Taking.create(a, 'field', '--------', { consistency: 'eventual' });
  one.write([[0, 2]], 'ab').ok();
  const read = one.read([[null]]);
  read.call.waits();
  pool.answerAll();
  assert.equal(read.text(), 'ab------');
});

test('who dies takes with it what it has not committed, and nothing that was visible', () => {
  for (const consistency of ['commit', 'session', 'posix', 'eventual'] as const) {
    const { pool, one, two } = twoMembers(consistency);
    two.write([[0, 2]], 'ab', { slice: true }).ok();
    pool.crash(two.member.client);
    const isKept = consistency === 'posix' || consistency === 'eventual';
    assert.equal(one.sees(), isKept ? 'ab------' : '--------', consistency);
    assert.equal(pool.pool.open.moving.size, 0);
  }
});

test('who leaves, or disposes its handle, without a commit has not written', () => {
  const { one, two } = twoMembers('commit');
  const other = Taking.open(two.member, 'field');
  two.write([[0, 2]], 'ab').ok();
  two.handle.dispose().ok();
  assert.equal(other.sees(), 'ab------', 'its member has another handle on it');
  other.commit().ok();
  other.write([[4, 6]], 'cd').ok();
  two.member.leave();
  assert.equal(one.sees(), 'ab------');
});

test('memory that is read into is foreign to all until the agent has been', () => {
  const pool = new Harness({ agent: 'manual' });
  const a = pool.member('a');
  pool.answerAll();
  const one = Taking.create(a, 'field', 'abcdefgh', { keep: true });
  const b = pool.member('b');
  const two = Taking.open(b, 'field');
  const read = two.read([[null]]);
  b.giveBack(read.slice).fails('bad-lease');
  pool.crash(b.client);
  const { slab, offset } = read.slice;
  const block = pool.pool.extents.blockAt(slab, offset);
  assert.notEqual(pool.pool.extents.ownerOf(block), 0, 'it is not free');
  const before = pool.pool.extents.bytesFree;
  pool.answerAll();
  assert.ok(pool.pool.extents.bytesFree > before);
  assert.equal(one.handle.name, 'field');
});

test('what a read has over the rest is kept until it is done, though its member has gone', () => {
  const pool = new Harness({ agent: 'manual' });
  const a = pool.member('a');
  pool.answerAll();
  Taking.create(a, 'field', 'abcdefgh', { consistency: 'commit', keep: true });
  const b = pool.member('b');
  const two = Taking.open(b, 'field');
  const free = pool.pool.extents.bytesFree;
  two.write([[0, 2]], 'xy', { slice: true }).ok();
  const read = two.read([[null]]);
  two.handle.dispose().ok();
  const again = Taking.open(b, 'field');
  const later = again.read([[null]]);
  again.write([[2, 4]], 'zz', { slice: true }).ok();
  again.handle.dispose().ok();
  pool.unanswered.length = 0;
  pool.loop.input({ kind: 'restart', options: pool.pool.options, slabsLost: [] });
  pool.settle();
  pool.answerAll();
  assert.equal(read.text(), 'xycdefgh');
  assert.equal(later.text(), 'abcdefgh', 'what was dropped before it is not read');
  b.giveBack(read.slice).ok();
  b.giveBack(later.slice).ok();
  assert.equal(pool.pool.extents.bytesFree, free, 'and then it is free');
});

test('sealing waits for what is under way, and is refused for what is not committed', () => {
  const { pool, one, two } = twoMembers('commit');
  two.write([[0, 2]], 'ab').ok();
  const { fields } = one.handle.seal().fails('wrong-state');
  assert.equal(fields['name'], 'field');
  two.commit().ok();
  one.write([[4, 5]], 'c').ok();
  one.handle.seal().ok();
  assert.equal(pool.member('reader').demand('field').text(), 'ab--c---');
  one.handle.withdraw().ok();
  two.handle.dispose().ok();

  const manual = new Harness({ agent: 'manual' });
  const a = manual.member('a');
  manual.answerAll();
  const slow = Taking.create(a, 'x', '--------');
  const write = slow.write([[0, 1]], 'x');
  const sealed = slow.handle.seal().waits();
  slow.write([[0, 1]], 'y').fails('wrong-state');
  manual.answerAll();
  write.ok();
  sealed.ok();
  assert.equal(a.demand('x').text(), 'x-------');
});

test('an open object that is withdrawn, deleted or left is over; what is under way is done', () => {
  for (const how of ['withdraw', 'delete', 'leave', 'crash'] as const) {
    const pool = new Harness({ agent: 'manual' });
    const a = pool.member('a');
    const b = pool.member('b');
    pool.answerAll();
    const one = Taking.create(a, 'field', '--------');
    const two = Taking.open(b, 'field');
    const write = two.write([[0, 1]], 'x', { slice: true });
    const lock = two.lock('write', [[0, 2]]);
    const waiting = one.lock('read', [[0, 2]]);
    waiting.call.waits();
    if (how === 'withdraw') one.handle.withdraw().ok();
    else if (how === 'delete') b.delete('field').ok();
    else if (how === 'leave') a.leave();
    else pool.crash(a.client);
    if (how !== 'crash') {
      const code = how === 'leave' ? 'cancelled' : 'wrong-state';
      assert.ok(waiting.call.fails(code));
    }
    lock.unlock().fails('wrong-state');
    assert.match(two.write([[0, 1]], 'y').fails('wrong-state').message, /its version has ended$/u);
    assert.equal(pool.pool.versions.used, 1, 'its bytes stay while the agent writes to them');
    pool.answerAll();
    write.ok();
    assert.equal(pool.pool.versions.used, 0);
    two.handle.dispose().ok();
    Taking.create(b, 'field', '........').made.ok();
  }
});

test('another manager asks its agent again for all that was not done, in order', () => {
  const pool = new Harness({ agent: 'manual' });
  const a = pool.member('a');
  pool.answerAll();
  const one = Taking.create(a, 'field', '--------');
  const writes = [one.write([[0, 2]], 'ab'), one.write([[1, 3]], 'cd')];
  const read = one.read([[null]]);
  // The first was done, and nobody heard of it.
  const [first] = pool.unanswered;
  assert.ok(first !== undefined);
  pool.unanswered.length = 0;
  pool.loop.input({ kind: 'restart', options: pool.pool.options, slabsLost: [] });
  pool.settle();
  assert.equal(pool.unanswered.length, 3);
  pool.answerAll();
  for (const write of writes) write.ok();
  assert.equal(read.text(), 'acd-----');
});

/** Another manager goes on, whose agent has heard of nothing. */
function restart(pool: Harness): void {
  pool.unanswered.length = 0;
  pool.loop.input({ kind: 'restart', options: pool.pool.options, slabsLost: [] });
  pool.settle();
}

test('a read that is done again has what its member had written, and committed since', () => {
  const pool = new Harness({ agent: 'manual' });
  const a = pool.member('a');
  pool.answerAll();
  const one = Taking.create(a, 'field', '--------', { consistency: 'commit' });
  one.write([[0, 2]], 'ab', { slice: true }).ok();
  one.write([[1, 3]], 'cd').ok();
  const read = one.read([[null]]);
  const committed = one.commit();
  restart(pool);
  pool.answerAll();
  committed.ok();
  assert.equal(read.text(), 'acd-----');
});

test('a read of what has ended has what was written before, also when it is done again', () => {
  const pool = new Harness({ agent: 'manual' });
  const a = pool.member('a');
  pool.answerAll();
  const one = Taking.create(a, 'field', '--------');
  const write = one.write([[0, 2]], 'ab', { slice: true });
  const read = one.read([[null]]);
  one.handle.withdraw().ok();
  restart(pool);
  pool.answerAll();
  write.ok();
  assert.equal(read.text(), 'ab------');
});

test('what was open is lost with its memory, and who used it hears so', () => {
  const pool = new Harness({ agent: 'manual' });
  const a = pool.member('a');
  pool.answerAll();
  const one = Taking.create(a, 'field', '--------', { consistency: 'commit', keep: true });
  one.write([[0, 1]], 'x').ok();
  const committed = one.commit().waits();
  const read = one.read([[null]]);
  one.write([[1, 2]], 'y', { slice: true }).ok();
  pool.unanswered.length = 0;
  pool.slabs.clear();
  pool.loop.input({ kind: 'restart', options: pool.pool.options, slabsLost: [0] });
  pool.settle();
  committed.fails('object-lost');
  read.call.fails('object-lost');
  assert.match(one.write([[0, 1]], 'z').fails('wrong-state').message, /the handle is withdrawn$/u);
  assert.equal(pool.pool.open.moving.size, 0);
});

test('what is open is part of the state', () => {
  const pool = new Harness({ agent: 'manual', twin: false });
  const a = pool.member('a');
  const b = pool.member('b');
  pool.answerAll();
  const one = Taking.create(a, 'field', '--------', { consistency: 'commit' });
  const two = Taking.open(b, 'field');
  one.write([[0, 1]], 'x').ok();
  two.write([[4, 5]], 'y', { slice: true }).ok();
  two.commit();
  one.read([[null]]);
  one.lock('write', [[0, 4]]).call.ok();
  two.lock('read', [[2, 6]]).call.waits();
  const bytes = saved((w) => savePool(pool.pool, w));
  const again = restored(bytes, restorePool);
  assert.deepEqual(
    saved((w) => savePool(again, w)),
    bytes,
  );
  assert.deepEqual(again.open.moving, pool.pool.open.moving);
  assert.equal(again.open.locks, 2);
});
