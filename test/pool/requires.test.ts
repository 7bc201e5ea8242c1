import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as valueTypes from '../../src/core/value.js';
import { Harness } from './harness.js';
import { withLimit } from './limits.js';

test('require before any offer: announced, bound by the offer, fulfilled by the demand', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const early = reader.require('x');
  assert.equal(reader.stat('x').value()['state'], 'required');
  const call = early.demand().waits();
  const writer = pool.member('writer');
  writer.offer('x', 'bytes');
  assert.equal(call.text(), 'bytes');
  assert.equal(writer.stat('x').value()['requires'], 0);
});

test('require binds to the offered version, else to the next', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const one = writer.offer('x', 'one');
  const bound = reader.require('x');
  one.withdraw().ok();
  const next = reader.require('x');
  const waiting = next.demand().waits();
  const two = writer.offer('x', 'two');
  assert.equal(waiting.text(), 'two');
  assert.equal(bound.demand().delivered().version, 1);
  assert.equal(reader.demand('x').delivered().version, 2);
  two.withdraw().ok();
});

test('an offer binds every require that waits, of every member, demanded or not', () => {
  const pool = new Harness();
  const members = ['a', 'b', 'c'].map((name) => pool.member(name));
  const handles = members.flatMap((member) => [member.require('x'), member.require('x')]);
  const calls = handles.filter((_, index) => index % 2 === 0).map((handle) => handle.demand());
  for (const call of calls) call.waits();
  const writer = pool.member('writer');
  const offered = writer.offer('x', 'bytes');
  for (const call of calls) assert.equal(call.text(), 'bytes');
  offered.withdraw().ok();
  for (const handle of handles.filter((_, index) => index % 2 === 1)) {
    assert.equal(handle.demand().text(), 'bytes', 'bound by the offer, served after its end');
  }
  assert.equal(pool.pool.versions.used, 0, 'and freed with the last');
});

test('a member may require what it offers itself', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const call = member.demand('x').waits();
  member.offer('x', 'bytes');
  assert.equal(call.text(), 'bytes');
});

test('demand requires first if that was not done; with the answer it may dispose', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('x', 'bytes', { keep: true });
  const handle = reader.declare('x');
  assert.equal(handle.demand({ dispose: true }).text(), 'bytes');
  handle.dispose().fails('unknown-handle');
  const later = reader.declare('y');
  const call = later.demand({ dispose: true }).waits();
  writer.offer('y', 'more', { keep: true });
  assert.equal(call.text(), 'more');
  later.dispose().fails('unknown-handle');
});

test('demand with dispose: the handle of a slice that is read stays until DISPOSE', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const offered = writer.offer('x', writer.slice('bytes'));
  const handle = reader.declare('x');
  const call = handle.demand({ dispose: true });
  offered.withdraw().ok();
  assert.equal(call.text(), 'bytes');
  assert.equal(pool.pool.readerLeases, 1);
  handle.dispose().ok();
  assert.equal(pool.pool.readerLeases, 0);
});

test('demand with dispose disposes whatever the answer: mismatch, deadline, cancel, retract', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('here', 'bytes');
  const mismatched = reader.declare('here', { space: { dtype: 'int8' } });
  mismatched.demand({ dispose: true }).fails('object-mismatch');
  const late = reader.declare('x', { space: { dtype: 'int8' } });
  const lateCall = late.demand({ dispose: true });
  const due = reader.require('y');
  const dueCall = due.demand({ dispose: true, deadline: 10 });
  const cancelled = reader.require('z');
  const cancelledCall = cancelled.demand({ dispose: true });
  const retracted = reader.require('z');
  const retractedCall = retracted.demand({ dispose: true });
  writer.offer('x', 'bytes');
  lateCall.fails('object-mismatch');
  pool.pass(10);
  dueCall.fails('deadline-passed');
  reader.cancel(cancelledCall).ok();
  cancelledCall.fails('cancelled');
  retracted.retract().ok();
  retractedCall.fails('cancelled');
  for (const handle of [mismatched, late, due, cancelled, retracted]) {
    handle.dispose().fails('unknown-handle');
  }
  assert.equal(pool.pool.requiresOpen, 0);
});

test('one demand at a time waits on a handle', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const handle = reader.require('x');
  const call = handle.demand();
  handle.demand().fails('wrong-state');
  call.waits();
  pool.member('writer').offer('x', 'bytes');
  assert.equal(call.text(), 'bytes');
});

test('mismatch at require: names field and both members; the handle has failed', () => {
  const pool = new Harness();
  pool.member('model[1]').offer('x', new Uint8Array(24), {
    space: { dtype: 'float64', shape: [3], byteOrder: 'big' },
    attributes: { level: 850, unit: 'K' },
  });
  const reader = pool.member('plot');
  const cases = [
    [{ space: { dtype: 'float32' } }, 'dtype', 'float32', 'float64'],
    [{ space: { shape: [null, null] } }, 'ndim', '[?, ?]', '[3]'],
    [{ space: { shape: [4] } }, 'shape[0]', '[4]', '[3]'],
    [{ space: { order: 'column' } }, 'order', 'column', 'row'],
    [{ space: { byteOrder: 'little' } }, 'byteOrder', 'little', 'big'],
    [{ attributes: { unit: 'C' } }, 'unit', 'C', 'K'],
    [{ attributes: { level: 500 } }, 'level', 500, 850],
    [{ attributes: { number: 1 } }, 'number', 1, null],
  ] as const;
  for (const [said, field, expected, offered] of cases) {
    const handle = reader.declare('x', said);
    const { fields, message } = handle.require().fails('object-mismatch');
    const parties = { name: 'x', consumer: 'plot', provider: 'model[1]' };
    assert.deepEqual(fields, { ...parties, field, expected, offered });
    assert.match(message, /plot expects another than model\[1\] offers/);
    // What is offered, and what was expected, as a reader may see it.
    const text = (value: unknown): string =>
      value === null ? 'not said' : field === 'unit' ? `"${String(value)}"` : String(value);
    assert.ok(message.includes(`${field} is ${text(offered)}, not ${text(expected)}: `), message);
    assert.deepEqual(handle.demand().fails('object-mismatch').fields, fields);
    handle.dispose().ok();
  }
  const agreed = { space: { shape: [null] }, attributes: { level: 850.0 } };
  reader.declare('x', agreed).demand().delivered();
});

test('mismatch at offer: fails the requires that expect another, the others are served', () => {
  const pool = new Harness();
  const picky = pool.member('picky');
  const easy = pool.member('easy');
  const silent = picky.require('x', { space: { dtype: 'float32' } });
  const wrong = picky.demand('x', { attributes: { level: 500 } });
  const right = easy.demand('x', { attributes: { level: 850 } });
  const any = easy.demand('x');
  const later = easy.require('x');
  pool.member('model').offer('x', 'bytes', { attributes: { level: 850 } });
  const { fields } = wrong.fails('object-mismatch');
  assert.equal(fields['field'], 'level');
  assert.equal(fields['consumer'], 'picky');
  assert.equal(fields['provider'], 'model');
  assert.equal(right.text(), 'bytes');
  assert.equal(any.text(), 'bytes');
  assert.equal(later.demand().text(), 'bytes');
  assert.equal(silent.demand().fails('object-mismatch').fields['field'], 'dtype');
  silent.dispose().ok();
});

test('expectations: numbers are equal across their types, other values are not', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const attributes = {
    whole: 5,
    half: 2.5,
    text: '5',
    list: [1, 'two'],
    big: 2n ** 63n,
    yes: true,
  };
  writer.offer('x', 'bytes', { attributes });
  const { Float } = valueTypes;
  reader.demand('x', { attributes: { whole: new Float(5), half: 2.5 } as never }).delivered();
  const matching = { big: 2n ** 63n, list: [1, 'two'], yes: true };
  reader.declare('x', { attributes: matching }).demand().delivered();
  for (const other of [{ whole: '5' }, { text: 5 }, { list: [1] }, { yes: 1 }, { half: 3 }]) {
    reader.declare('x', { attributes: other }).require().fails('object-mismatch');
  }
});

test('attributes are delivered when they are wanted', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('x', 'bytes', { attributes: { level: 850, unit: 'K' } });
  assert.deepEqual({ ...reader.demand('x').delivered().attributes }, {});
  const call = reader.declare('x').demand({ want: true });
  assert.deepEqual({ ...call.delivered().attributes }, { level: 850, unit: 'K' });
});

test('retract: takes a require back; a demand that waits on it is answered with cancelled', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const silent = reader.require('x');
  silent.retract().ok();
  const handle = reader.require('x');
  const call = handle.demand();
  handle.retract().ok();
  call.fails('cancelled');
  handle.retract().ok();
  assert.equal(pool.pool.requiresOpen, 0);
  pool.member('writer').offer('x', 'bytes');
  handle.demand().fails('wrong-state');
  handle.dispose().ok();
});

test('retract of a bound require: the version is not kept for it', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const offered = writer.offer('x', writer.slice('bytes'));
  const handle = reader.require('x');
  offered.withdraw().ok();
  assert.equal(pool.effectsOf('freed').length, 0);
  handle.retract().ok();
  assert.equal(pool.effectsOf('freed').length, 1);
});

test('peek: says what is there, delivers no bytes, and holds nothing', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const handles = [writer.offer('x', writer.slice('bytes')), writer.offer('y', 'bytes')];
  for (const name of ['x', 'y']) {
    const call = reader.declare(name).demand({ mode: 'peek', want: true });
    assert.equal(call.delivered().payload, null);
    assert.equal(call.delivered().version, 1);
    assert.deepEqual(call.delivered().space.shape, [5]);
  }
  assert.equal(pool.pool.readerLeases, 0);
  for (const handle of handles) handle.withdraw().ok();
  assert.equal(pool.pool.versions.used, 0);
});

test('own: a view of the slice while others hold it, the slice itself when nobody does', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const one = pool.member('one');
  const two = pool.member('two');
  const offered = writer.offer('x', writer.slice('bytes'));
  const early = one.declare('x').demand({ mode: 'own' });
  assert.equal(early.delivered().source, 2, 'it is offered: others may come');
  const first = one.require('x');
  const second = two.require('x');
  offered.withdraw().ok();
  const shared = first.demand({ mode: 'own' });
  assert.equal(shared.delivered().source, 2, 'another require is bound to it');
  const reading = second.demand({ mode: 'own' });
  assert.equal(reading.delivered().source, 2, 'another reads it');
  assert.equal(shared.text(), 'bytes');
});

test('own: a slice that is given is a lease of the session, to be offered or returned', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const offered = writer.offer('x', writer.slice('bytes'));
  const handle = reader.require('x');
  offered.withdraw().ok();
  const call = handle.demand({ mode: 'own', dispose: true });
  const { source, payload } = call.delivered();
  assert.equal(source, 3);
  assert.ok(payload !== null && !(payload instanceof Uint8Array));
  assert.equal(pool.pool.readerLeases, 0);
  assert.equal(pool.pool.extents.leasedBy(reader.client.session), 64);
  handle.dispose().fails('unknown-handle');
  call.bytes()?.set(Buffer.from('other'));
  reader.offer('y', payload);
  assert.equal(writer.demand('y').text(), 'other');
  writer.giveBack(payload).fails('bad-lease');
});

test('own of an inline payload or of nothing needs no memory', () => {
  const pool = new Harness({ memoryBytesMax: 0 });
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('x', 'bytes');
  assert.equal(reader.demand('x', { mode: 'own' }).delivered().source, 1);
  writer.offer('y');
  assert.equal(reader.demand('y', { mode: 'own' }).delivered().source, 0);
});

test('a demand that may not wait is refused whole: as if nothing had been asked', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const handle = reader.declare('x');
  const asked = reader.require('x');
  const gone = reader.declare('x');
  withLimit('waitsMax', 0, () => {
    handle.demand().fails('wait-limit');
    asked.demand().fails('wait-limit');
    gone.demand({ dispose: true }).fails('wait-limit');
  });
  assert.equal(pool.pool.requiresOpen, 1, 'what was announced by itself stays');
  gone.dispose().fails('unknown-handle');
  handle.dispose().ok();
  asked.demand().waits();
});

test('records: when names and attributes fill their memory, more are refused and less goes on', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const kept = member.declare('x');
  withLimit('recordBytesMax', 1, () => {
    member.declare('y').declared.fails('memory-full');
    kept.dispose().ok();
  });
  member.declare('y').declared.ok();
});

test('a require that fails before it is demanded tells the demand why', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const writer = pool.member('writer');
  const promise = writer.promise('never/*', 'glob');
  const never = reader.require('never/1');
  const deleted = reader.require('deleted');
  promise.close().ok();
  reader.delete('deleted', true).ok();
  const { fields } = never.demand().fails('nobody-will-offer');
  assert.deepEqual(fields['members'], ['writer']);
  deleted.demand().fails('object-deleted');
  // Asked again, it says so again; with dispose the handle goes with the answer.
  never.demand().fails('nobody-will-offer');
  never.demand({ dispose: true }).fails('nobody-will-offer');
  never.dispose().fails('unknown-handle');
  deleted.dispose().ok();
  assert.equal(pool.pool.failures.size, 0);
});
