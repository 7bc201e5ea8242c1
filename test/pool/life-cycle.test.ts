import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashBytes } from '../../src/catalog/hash.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { LIMITS } from '../../src/core/limits.js';
import { encodeUtf8 } from '../../src/core/utf8.js';
import { writeStat } from '../../src/protocol/index.js';
import type { Call } from './call.js';
import { Harness, OPTIONS } from './harness.js';
import { withLimit } from './limits.js';
import type { Handle, Member } from './member.js';

type State =
  | 'declared'
  | 'sealed'
  | 'offered'
  | 'kept'
  | 'withdrawn'
  | 'required'
  | 'demanded'
  | 'reading'
  | 'retracted'
  | 'failed';

/** How a handle on `x` gets into each state. `reading`: demanded, and it holds a slice. */
const REACH: Record<State, (member: Member, other: Member) => Handle> = {
  declared: (member) => member.declare('x'),
  sealed: (member) => {
    const handle = member.declare('x');
    handle.seal().ok();
    return handle;
  },
  offered: (member) => member.offer('x', 'bytes'),
  kept: (member) => member.offer('x', 'bytes', { keep: true }),
  withdrawn: (member) => {
    const handle = member.offer('x', 'bytes');
    handle.withdraw().ok();
    return handle;
  },
  required: (member) => member.require('x'),
  demanded: (member, other) => {
    const offered = other.offer('x', 'bytes');
    const handle = member.declare('x');
    handle.demand().delivered();
    offered.withdraw().ok();
    return handle;
  },
  reading: (member, other) => {
    const offered = other.offer('x', other.slice('bytes'));
    const handle = member.declare('x');
    handle.demand().delivered();
    offered.withdraw().ok();
    return handle;
  },
  retracted: (member) => {
    const handle = member.require('x');
    handle.retract().ok();
    return handle;
  },
  failed: (member, other) => {
    const offered = other.offer('x', 'bytes');
    const handle = member.declare('x', { space: { dtype: 'float64' } });
    handle.require().fails('object-mismatch');
    offered.withdraw().ok();
    return handle;
  },
};

type Request = 'set' | 'seal' | 'offer' | 'withdraw' | 'require' | 'demand' | 'retract' | 'dispose';

const CALL: Record<Request, (handle: Handle) => Call> = {
  set: (handle) => handle.set({ attributes: { a: 1 } }),
  seal: (handle) => handle.seal(),
  offer: (handle) => handle.offer('more'),
  withdraw: (handle) => handle.withdraw(),
  require: (handle) => handle.require(),
  demand: (handle) => handle.demand(),
  retract: (handle) => handle.retract(),
  dispose: (handle) => handle.dispose(),
};

/** What each request gives in each state: `ok`, `waits`, or the code of its refusal. */
const EXPECTED: Record<State, Record<Request, 'ok' | 'waits' | ErrorCode>> = {
  declared: allowed({
    set: 'ok',
    seal: 'ok',
    offer: 'ok',
    require: 'ok',
    demand: 'waits',
    dispose: 'ok',
  }),
  sealed: allowed({ seal: 'ok', offer: 'ok', require: 'ok', demand: 'waits', dispose: 'ok' }),
  offered: allowed({ offer: 'already-offered', withdraw: 'ok' }),
  kept: allowed({ offer: 'already-offered', withdraw: 'ok', dispose: 'ok' }),
  withdrawn: allowed({ withdraw: 'ok', dispose: 'ok' }),
  required: allowed({ demand: 'waits', retract: 'ok' }),
  demanded: allowed({ dispose: 'ok' }),
  reading: allowed({ dispose: 'ok' }),
  retracted: allowed({ retract: 'ok', dispose: 'ok' }),
  failed: allowed({ demand: 'object-mismatch', dispose: 'ok' }),
};

function allowed(
  expected: Partial<Record<Request, 'ok' | 'waits' | ErrorCode>>,
): Record<Request, 'ok' | 'waits' | ErrorCode> {
  return {
    set: 'wrong-state',
    seal: 'wrong-state',
    offer: 'wrong-state',
    withdraw: 'wrong-state',
    require: 'wrong-state',
    demand: 'wrong-state',
    retract: 'wrong-state',
    dispose: 'wrong-state',
    ...expected,
  };
}

const names = <K extends string>(table: Record<K, unknown>): K[] => Object.keys(table) as K[];

test('every request in every state of a handle: allowed, or refused by name and state', () => {
  for (const state of names(REACH)) {
    for (const request of names(CALL)) {
      const pool = new Harness();
      const member = pool.member('a');
      const handle = REACH[state](member, pool.member('b'));
      const call = CALL[request](handle);
      const expected = EXPECTED[state][request];
      if (expected === 'ok') call.ok();
      else if (expected === 'waits') call.waits();
      else {
        const { fields, message } = call.fails(expected);
        assert.equal(fields['name'], 'x', `${request} when ${state}`);
        assert.match(message, /^Cannot [a-z]+ "x": /);
      }
    }
  }
});

test('whatever state a handle is in, the end of its member leaves nothing behind', () => {
  for (const state of names(REACH)) {
    for (const how of ['leave', 'crash'] as const) {
      const pool = new Harness();
      const member = pool.member('a');
      const other = pool.member('b');
      REACH[state](member, other);
      if (how === 'leave') member.leave().bye();
      else pool.crash(member.client);
      if (state === 'kept') other.unkeep('x').ok();
      other.leave().bye();
      assert.equal(pool.pool.objects.used, 0, `${how} when ${state}`);
      // What is told of what is gone is all that is left of it.
      pool.pool.events.log.clear();
      assert.equal(pool.pool.arena.bytesUsed, 0, `${how} when ${state}`);
      assert.equal(pool.pool.extents.bytesFree + pool.pool.extents.bytesLeased, 1 << 20);
    }
  }
});

test('declare: any number of times, in one member and in many; a handle each', () => {
  const pool = new Harness();
  const one = pool.member('a');
  const two = pool.member('b');
  const handles = [one, one, two, two, two].map((member) => member.declare('x'));
  for (const handle of handles) handle.declared.ok();
  assert.equal(one.stat('x').value()['handles'], 5);
});

test('declare: a number that is in use is refused, and free again with the dispose', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const handle = member.declare('x');
  const again = (): Call =>
    member.client.call((w) => {
      const start = w.at;
      w.u32(0);
      w.u32(0x10);
      w.u32(handle.number);
      w.u32(member.number);
      w.text('y');
      w.u32(0xff00_0000);
      w.u16(0);
      w.patchU32(start, w.at - start);
    });
  again().fails('handle-in-use');
  pool.batch(() => {
    handle.dispose();
    again();
  });
  member.stat('y').value();
  member.stat('x').fails('unknown-object');
});

test('a handle that is not declared, or disposed, is refused by every request', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const handle = member.declare('x');
  handle.dispose().ok();
  for (const request of names(CALL)) CALL[request](handle).fails('unknown-handle');
  member.lease(64, { for: handle }).fails('unknown-handle');
});

test('handles belong to their session: another cannot use the number', () => {
  const pool = new Harness();
  const one = pool.member('a');
  const two = pool.member('b');
  const handle = one.declare('x');
  const stolen = two.client.call((w) => {
    w.u32(12);
    w.u32(0x12);
    w.u32(handle.number);
  });
  stolen.fails('unknown-handle');
});

test('names: 1,000 characters of any script are as good as one', () => {
  const pool = new Harness();
  const member = pool.member('a');
  for (const character of ['x', 'ß', '海', '🌊']) {
    const name = character.repeat(1_000);
    const handle = member.offer(name, character, { keep: true });
    const reader = pool.member(`reader-${character}`);
    assert.equal(reader.demand(name).text(), character);
    assert.equal(reader.stat(name).value()['name'], name);
    const page = reader.list(`${character}*`).value();
    assert.deepEqual(page['objects'], [name]);
    reader.leave().bye();
    handle.dispose().ok();
    member.delete(name).ok();
    member.stat(name).fails('unknown-object');
  }
  assert.equal(pool.pool.objects.used, 0);
});

test('names: none, one too long, not UTF-8, with NUL are refused; nothing is kept', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const bad = [
    new Uint8Array(0),
    encodeUtf8('x'.repeat(1_001)),
    encodeUtf8('海'.repeat(1_001)),
    Uint8Array.from([0x78, 0xff]),
    Uint8Array.from([0x78, 0]),
  ];
  for (const name of bad) {
    member.client
      .call((w) => {
        w.u32(8 + 4 + name.length);
        w.u32(0x40);
        w.u32(name.length);
        w.raw(name);
      })
      .fails('bad-name');
  }
  assert.equal(pool.pool.arena.bytesUsed, 0);
});

test('names whose hashes are equal are different objects', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const seen = new Map<number, string>();
  const pairs: [string, string][] = [];
  for (let index = 0; pairs.length < 3; index++) {
    const name = `field/${index}`;
    const bytes = encodeUtf8(name);
    const hash = hashBytes(bytes, 0, bytes.length, OPTIONS.hashSeed);
    const twin = seen.get(hash);
    if (twin !== undefined) pairs.push([twin, name]);
    seen.set(hash, name);
  }
  const handles = pairs.map((pair) => pair.map((name) => member.offer(name, name)));
  for (const name of pairs.flat()) assert.equal(member.demand(name).text(), name);
  handles[0]?.[0]?.withdraw().ok();
  handles[0]?.[0]?.dispose().ok();
  for (const name of pairs.flat().slice(1)) {
    assert.equal(member.demand(name).text(), name);
  }
});

test('a name is forgotten when nothing hangs on it, and begins anew', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const handle = member.offer('x', '1');
  member.tag('x', { seen: true }).ok();
  const reader = pool.member('b').declare('x');
  assert.equal(reader.demand().delivered().version, 1);
  handle.withdraw().ok();
  handle.dispose().ok();
  assert.equal(member.stat('x').value()['versions'], 1, 'the reader has its handle yet');
  reader.dispose().ok();
  member.stat('x').fails('unknown-object');
  member.offer('x', '2');
  assert.equal(member.demand('x').delivered().version, 1);
  assert.deepEqual(member.stat('x').value()['tags'], {}, 'tags end with the object');
});

test('set: before seal it adds and replaces; what a handle says is fixed by seal', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const handle = member.declare('x', {
    space: { dtype: 'float32', shape: [null, 3] },
    attributes: { a: 1, b: 'two' },
  });
  handle.set({ space: { shape: [2, null], order: 'column' }, attributes: { b: 2, c: [3] } }).ok();
  handle.set({}).ok();
  handle.seal().ok();
  handle.seal().ok();
  handle.set({ attributes: { d: 4 } }).fails('wrong-state');
  handle.offer(new Uint8Array(24)).ok();
  const stat = member.stat('x').value();
  assert.deepEqual(stat['shape'], [2, 3]);
  assert.deepEqual(stat['dtype'], 'float32');
  assert.deepEqual(stat['order'], 'column');
  assert.deepEqual(stat['byteOrder'], 'little');
  assert.deepEqual(stat['attributes'], { a: 1, b: 2, c: [3] });
});

test('set: too many attributes, or too large together, change nothing', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const large = (prefix: string): { [key: string]: string } =>
    Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`${prefix}${index}`, 'v'.repeat(4_000)]),
    );
  const handle = member.declare('x', { attributes: large('a') });
  handle.set({ attributes: large('b') }).fails('bad-attribute');
  handle.set({ attributes: large('a') }).ok();
  handle.offer(null).ok();
  assert.equal(Object.keys(member.stat('x').value()['attributes'] ?? {}).length, 12);
});

test('attributes: a key without KEY, and one named twice, are refused; nothing is kept', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const declare = (keys: number[]): Call =>
    member.client.call((w) => {
      const start = w.at;
      w.u32(0);
      w.u32(0x10);
      w.u32(77);
      w.u32(member.number);
      w.text('x');
      w.u32(0xff00_0000);
      w.u16(keys.length);
      for (const key of keys) {
        w.u16(key);
        w.u8(1);
        w.u8(1);
      }
      w.patchU32(start, w.at - start);
    });
  declare([5]).fails('bad-attribute');
  assert.equal(member.client.key('one'), 0);
  declare([0, 0]).fails('bad-attribute');
  member.stat('x').fails('unknown-object');
});

test('attributes: two numbers of a session for one key cannot make a key appear twice', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const key = (number: number, name: string): Call =>
    member.client.call((w) => {
      const start = w.at;
      w.u32(0);
      w.u32(0x01);
      w.u16(number);
      w.text(name);
      w.patchU32(start, w.at - start);
    });
  key(200, 'same').ok();
  key(200, 'same').ok();
  key(200, 'other').fails('bad-attribute');
  key(201, 'same').ok();
  const handle = member.client.nextHandle();
  const declare = (keys: number[]): Call =>
    member.client.call((w) => {
      const start = w.at;
      w.u32(0);
      w.u32(0x10);
      w.u32(handle);
      w.u32(member.number);
      w.text('x');
      w.u32(0xff00_0000);
      w.u16(keys.length);
      for (const each of keys) {
        w.u16(each);
        w.u8(1);
        w.u8(1);
      }
      w.patchU32(start, w.at - start);
    });
  declare([200, 201]).fails('bad-attribute');
  declare([201]).ok();
});

test('numbers of handles that are used once do not cost memory for good', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const { handles } = member.joined.client.harness.pool.sessions.get(member.client.session) ?? {};
  assert.ok(handles !== undefined);
  pool.batch(() => {
    for (let index = 0; index < 20_000; index++) member.declare('x').dispose();
  });
  assert.ok(handles.bytesUsed <= 4 * 4_096, `${handles.bytesUsed} bytes for no handle`);
});

test('limits of handles are refusals', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.declare('x').declared.ok();
  withLimit('sessionHandlesMax', 1, () => member.declare('y').declared.fails('handle-limit'));
  withLimit('objectsMax', 1, () => member.declare('y').declared.fails('handle-limit'));
  member.declare('y').declared.ok();
});

test('stat of a name that nobody has declared is refused', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const { fields } = member.client.call((w) => writeStat(w, 'x')).fails('unknown-object');
  assert.deepEqual(fields, { name: 'x' });
  assert.ok(LIMITS.nameCharactersMax === 1_000);
});
