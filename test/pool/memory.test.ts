// Leases, slabs, adoption and the reserve in one file: what one means the others tell.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../../src/core/value.js';
import { mayRead, mayWrite } from '../../src/pool/memory.js';
import { SOURCE } from '../../src/protocol/index.js';
import type { Call, Slice } from './call.js';
import { Harness, type HarnessOptions } from './harness.js';
import type { Member } from './member.js';
import { random } from './random.js';

type Row = { [key: string]: Value };

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** A pool of which so much can be leased without the reserve. */
function poolOf(bytes: number, options: HarnessOptions = {}): Harness {
  return new Harness({ ...options, memoryBytesMax: bytes + bytes / 7 });
}

test('lease: bytes are contiguous, aligned, and nobody has any of them twice', () => {
  const pool = new Harness();
  const members = ['a', 'b', 'c'].map((name) => pool.member(name));
  const dice = random(7);
  const grants: Slice[] = [];
  for (let index = 0; index < 60; index++) {
    const grant = (members[index % 3] as Member).lease(1 + dice(9_000)).grant();
    assert.equal(grant.offset % 64, 0);
    for (const other of grants) {
      const apart =
        grant.offset >= other.offset + other.size || other.offset >= grant.offset + grant.size;
      assert.ok(grant.slab !== other.slab || apart, 'leases do not overlap');
    }
    grants.push(grant);
  }
});

test('lease: from `least` to `size`, whatever there is', () => {
  const pool = poolOf(700 * KiB);
  const member = pool.member('a');
  assert.equal(member.lease(500 * KiB, { least: 1 }).grant().size, 500 * KiB);
  assert.equal(member.lease(500 * KiB, { least: 1 }).grant().size, 200 * KiB);
  member.lease(500 * KiB, { least: 1 }).waits();
});

test('lease: of no bytes is one of a few; of more than the pool can ever have is refused', () => {
  const pool = new Harness();
  const member = pool.member('a');
  assert.equal(member.lease(0).grant().size, 64);
  const { fields } = member.lease(1 * MiB + 1).fails('too-large');
  assert.deepEqual(fields, { size: 1 * MiB + 1, limit: (7 / 8) * MiB });
  member.lease(2 ** 53 - 1).fails('too-large');
  member.lease((7 / 8) * MiB + 1).fails('too-large');
  // Whether somebody requires it does not matter: that may come later.
  const target = member.declare('x');
  member.lease((7 / 8) * MiB + 1, { for: target }).fails('too-large');
});

test('lease: a pool without slabs has none to lease', () => {
  const pool = new Harness({ memoryBytesMax: 0 });
  pool.member('a').lease(64).fails('memory-full');
  assert.equal(pool.effectsOf('slab-wanted').length, 0);
});

test('lease: of very much at most is what there is, in a pool of very much', () => {
  const pool = new Harness({ memoryBytesMax: 64 * GiB });
  const member = pool.member('a');
  const held = Array.from({ length: 20 }, () => member.lease(1 * GiB).grant());
  for (const slice of held) member.giveBack(slice).ok();
  assert.ok(pool.pool.extents.bytesFree > 16 * GiB);
  for (let index = 0; index < 10; index++) {
    const { size } = member.lease(2 ** 53 - 1, { least: 1 }).grant();
    assert.ok(size > 64 && size <= 2 * GiB, `${size}`);
  }
});

test('lease: what a session leased and did not offer is free with its end', () => {
  const pool = new Harness();
  const member = pool.member('a');
  for (let index = 0; index < 10; index++) member.lease(10_000).grant();
  member.offer('x', member.slice('bytes'), { keep: true });
  pool.crash(member.client);
  const { extents } = pool.pool;
  assert.equal(extents.bytesLeased, 0);
  assert.equal(extents.bytesFree, extents.bytesTotal - 64);
});

test('lease: outlives the member that asked, as it belongs to the session', () => {
  const pool = new Harness();
  const client = pool.client();
  const one = client.join('one');
  const two = client.join('two');
  const slice = one.slice('bytes');
  one.leave().bye();
  two.offer('x', slice);
  assert.equal(two.demand('x').text(), 'bytes');
});

test('slices: carved out of a lease as the client likes; each byte is offered once', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const other = pool.member('b');
  const { slab, offset } = member.lease(4_096).grant();
  const refused: Slice[] = [
    { slab, offset: offset + 1, size: 64 },
    { slab, offset: offset + 32, size: 64 },
    { slab, offset, size: 4_097 },
    { slab, offset: offset + 4_096, size: 64 },
    { slab: slab + 1, offset, size: 64 },
    { slab: 4_000_000_000, offset, size: 64 },
    { slab, offset: 2 ** 52, size: 64 },
    { slab, offset, size: 2 ** 53 - 1 },
    { slab, offset, size: 0 },
  ];
  const handle = member.declare('x');
  for (const slice of refused) {
    handle.offer(slice).fails('bad-lease');
    member.giveBack(slice).fails('bad-lease');
  }
  other.declare('x').offer({ slab, offset, size: 64 }).fails('bad-lease');
  handle.offer({ slab, offset: offset + 1_024, size: 100 }).ok();
  const rest: Slice[] = [
    { slab, offset: offset + 1_024, size: 64 },
    { slab, offset: offset + 1_088, size: 64 },
    { slab, offset: offset + 960, size: 128 },
  ];
  for (const slice of rest) member.declare('y').offer(slice).fails('bad-lease');
  member.offer('before', { slab, offset: offset + 960, size: 64 });
  member.offer('after', { slab, offset: offset + 1_152, size: 4_096 - 1_152 });
  assert.equal(pool.pool.extents.leasedBy(member.client.session), 960);
});

test('RETURN: gives back any part of a lease, once', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const { slab, offset } = member.lease(4_096).grant();
  member.giveBack({ slab, offset: offset + 64, size: 64 }).ok();
  member.giveBack({ slab, offset: offset + 64, size: 64 }).fails('bad-lease');
  member.giveBack({ slab, offset, size: 4_096 }).fails('bad-lease');
  member.giveBack({ slab, offset, size: 64 }).ok();
  member.giveBack({ slab, offset: offset + 128, size: 4_096 - 128 }).ok();
  assert.equal(pool.pool.extents.bytesFree, 1 * MiB);
});

test('an offered slice belongs to the pool: it is no lease until it is given', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const slice = member.slice('bytes');
  member.offer('x', slice);
  member.giveBack(slice).fails('bad-lease');
  const { session } = member.client;
  assert.equal(mayWrite(pool.pool, session, slice.slab, slice.offset, 5), false);
});

test('who may write and read a range', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const may = (who: Member, { slab, offset, size }: Slice): string => {
    const { session } = who.client;
    const write = mayWrite(pool.pool, session, slab, offset, size) ? 'w' : '-';
    return (mayRead(pool.pool, session, slab, offset, size) ? 'r' : '-') + write;
  };
  const slice = writer.slice('bytes');
  assert.equal(may(writer, slice), 'rw');
  assert.equal(may(reader, slice), '--');
  writer.offer('x', slice);
  assert.equal(may(reader, slice), '--');
  assert.equal(may(writer, slice), '--', 'it has offered it, and has no lease of it any more');
  const handle = reader.declare('x');
  handle.require().ok();
  assert.equal(may(reader, slice), '--', 'what is required may be gone tomorrow');
  handle.demand().delivered();
  assert.equal(may(reader, slice), 'r-');
  assert.equal(may(reader, { ...slice, size: 65 }), '--');
  assert.equal(may(reader, { ...slice, size: 0 }), '--');
  assert.equal(may(reader, { ...slice, slab: 9 }), '--');
  handle.dispose().ok();
  assert.equal(may(reader, slice), '--');
});

test('in an empty pool whatever is not too large is granted at once', () => {
  for (let limit = 40; limit <= 300; limit += 13) {
    for (let size = 1; size <= limit; size += 3) {
      const pool = new Harness({ memoryBytesMax: limit * MiB });
      const member = pool.member('a');
      // The first slab is there before anybody asks.
      member.giveBack(member.lease(64).grant()).ok();
      const call = member.lease(size * MiB, { for: member.declare('x') });
      if (size <= (limit * 7) / 8) assert.equal(call.grant().size, size * MiB);
      else call.fails('too-large');
    }
  }
});

test('the reserve is open only to objects that somebody requires', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.lease((7 / 8) * MiB).grant();
  const plain = writer.lease(64);
  const target = writer.declare('x');
  const needed = writer.lease(64, { for: target });
  plain.waits();
  needed.waits();
  const handle = reader.require('x');
  assert.equal(needed.grant().size, 64);
  writer.lease(64, { for: target }).grant();
  handle.retract().ok();
  writer.lease(64, { for: target }).waits();
  plain.waits();
});

test('the reserve: a lease for an object that is forgotten is not one for the next', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.lease((7 / 8) * MiB).grant();
  const handle = writer.declare('x');
  const call = writer.lease(64, { for: handle }).waits();
  handle.dispose().ok();
  reader.require('y');
  call.waits();
  const again = writer.declare('x');
  reader.require('x');
  call.waits();
  again.dispose().ok();
});

test('memory full: who asked first is served first, however small the others are', () => {
  const pool = poolOf(700 * KiB);
  const holder = pool.member('holder');
  const waiting = ['a', 'b', 'c'].map((name) => pool.member(name));
  const held = holder.lease(600 * KiB).grant();
  const calls = [
    (waiting[0] as Member).lease(500 * KiB),
    (waiting[1] as Member).lease(50 * KiB),
    (waiting[2] as Member).lease(64),
  ];
  for (const call of calls) call.waits();
  const half = { ...held, size: 200 * KiB };
  holder.giveBack(half).ok();
  for (const call of calls) call.waits();
  const late = holder.lease(64).waits();
  holder.giveBack({ ...held, offset: held.offset + half.size, size: 400 * KiB }).ok();
  for (const call of [...calls, late]) call.grant();
});

test('memory full: only what somebody requires passes by, in its own order', () => {
  const pool = new Harness();
  const holder = pool.member('holder');
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  holder.lease((7 / 8) * MiB).grant();
  const first = writer.declare('first');
  const second = writer.declare('second');
  const plain = holder.lease(64);
  const unneeded = writer.lease(64, { for: writer.declare('nobody') });
  reader.require('first');
  reader.require('second');
  const large = writer.lease(300 * KiB, { for: first });
  const small = writer.lease(64, { for: second });
  for (const call of [plain, unneeded, large, small]) call.waits();
  writer.cancel(large).ok();
  small.grant();
  plain.waits();
  unneeded.waits();
});

test('memory full: a stream of small leases does not keep a large one waiting for ever', () => {
  const pool = poolOf(700 * KiB);
  const streams = ['a', 'b'].map((name) => pool.member(name));
  const large = pool.member('large');
  const held = Array.from({ length: 10 }, (_, index) =>
    (streams[index % 2] as Member).lease(70 * KiB).grant(),
  );
  const call = large.lease(350 * KiB).waits();
  const next: Call[] = [];
  for (const [index, slice] of held.entries()) {
    const stream = streams[index % 2] as Member;
    stream.giveBack(slice).ok();
    next.push(stream.lease(70 * KiB));
  }
  call.grant();
  assert.equal(next.filter((each) => each.answer !== null).length, 5, 'the rest has room again');
});

test('memory full: sessions that lease are asked once to give back what they do not use', () => {
  const pool = poolOf(700 * KiB);
  const holder = pool.member('holder');
  const idle = pool.member('idle');
  const held = holder.lease(700 * KiB).grant();
  const call = pool
    .member('asks')
    .lease(100 * KiB)
    .waits();
  pool.member('asks too').lease(64).waits();
  assert.deepEqual(holder.client.notices, [{ kind: 'reclaim', bytes: 100 * KiB }]);
  assert.deepEqual(idle.client.notices, []);
  holder.giveBack(held).ok();
  call.grant();
});

test('memory full: the error lists the largest holders, and what each waits for', () => {
  const pool = poolOf(700 * KiB);
  const kept = pool.member('kept');
  const offers = pool.member('offers');
  const withdrew = pool.member('withdrew');
  const leases = pool.member('leases');
  const reader = pool.member('reader');
  kept.offer('kept', kept.slice(new Uint8Array(100 * KiB)), { keep: true });
  kept.leave().bye();
  offers.offer('offered', offers.slice(new Uint8Array(200 * KiB)));
  const gone = withdrew.offer('gone', withdrew.slice(new Uint8Array(300 * KiB)));
  reader.declare('gone').demand().delivered();
  reader.require('gone');
  gone.withdraw().ok();
  leases.lease(50 * KiB).grant();
  const call = reader.lease(100 * KiB, { deadline: 10 });
  pool.pass(10);
  const { fields, message } = call.fails('memory-full');
  const rows = fields['holders'] as Row[];
  assert.deepEqual(
    rows.map((row) => [row['members'], row['what'], row['bytes']]),
    [
      [['withdrew'], 'withdrawn, but not delivered to all, or read yet', 300 * KiB],
      [['offers'], 'offered', 200 * KiB],
      [['kept'], 'offered', 100 * KiB],
      [['leases'], 'leased, not offered yet', 50 * KiB],
    ],
  );
  assert.deepEqual(rows[0]?.['waitsFor'], ['reader']);
  assert.deepEqual(
    rows.map((row) => [row['objects'], row['largest']]),
    [
      [1, 'gone'],
      [1, 'offered'],
      [1, 'kept'],
      [undefined, undefined],
    ],
  );
  assert.match(
    message,
    /; most is held by withdrew \(300\.0 KiB withdrawn, .*, by reader, the largest "gone"\), offers \(200/u,
  );
});

test('slabs: asked for as memory runs short, each as large as all before, up to the limit', () => {
  const pool = new Harness({ memoryBytesMax: 300 * MiB });
  const member = pool.member('a');
  const slabs = (): number[] => pool.effectsOf('slab-wanted').map((each) => each.size / MiB);
  assert.deepEqual(slabs(), [64], 'for the first session');
  member.lease(40 * MiB).grant();
  assert.deepEqual(slabs(), [64]);
  member.lease(10 * MiB).grant();
  assert.deepEqual(slabs(), [64, 64], 'less than a quarter is free');
  member.lease(60 * MiB).grant();
  assert.deepEqual(slabs(), [64, 64, 128]);
  for (let index = 0; index < 6; index++) member.lease(20 * MiB).grant();
  assert.deepEqual(slabs(), [64, 64, 128, 44], 'what the limit leaves');
  assert.equal(pool.pool.extents.bytesTotal, 300 * MiB);
});

test('slabs: one is on its way at a time; leases wait for it, and for the next', () => {
  const pool = new Harness({ memoryBytesMax: 300 * MiB, agent: 'manual' });
  const member = pool.member('a');
  const calls = [1, 2, 3].map(() => member.lease(50 * MiB));
  for (const call of calls) call.waits();
  assert.equal(pool.unanswered.length, 1);
  pool.answerAll();
  calls[0]?.grant();
  calls[1]?.waits();
  pool.answerAll();
  calls[1]?.grant();
  pool.answerAll();
  calls[2]?.grant();
});

test('slabs: when the agent cannot make one, leases wait for what others free', () => {
  const pool = new Harness({ memoryBytesMax: 128 * MiB, agent: 'manual' });
  const member = pool.member('a');
  pool.answerAll();
  const held = member.lease(50 * MiB).grant();
  const call = member.lease(50 * MiB).waits();
  const [wanted] = pool.unanswered.splice(0);
  assert.ok(wanted?.kind === 'slab-wanted');
  pool.loop.input({
    kind: 'slab-failed',
    slab: wanted.slab,
    size: wanted.size,
    why: 'no space left',
  });
  pool.settle();
  call.waits();
  member.giveBack(held).ok();
  call.grant();
});

test('slabs: those that are wholly free make room for a lease that needs a larger one', () => {
  const pool = new Harness({ memoryBytesMax: 256 * MiB });
  const member = pool.member('a');
  const held = Array.from({ length: 4 }, () => member.lease(40 * MiB).grant());
  assert.ok(pool.pool.extents.slabs.size >= 3);
  for (const slice of held) member.giveBack(slice).ok();
  assert.equal(member.lease(200 * MiB).grant().size, 200 * MiB);
  assert.ok(pool.effectsOf('slab-gone').length > 0);
  assert.ok(pool.pool.extents.bytesTotal <= 256 * MiB);
  assert.ok(member.client.notices.some((notice) => notice.kind === 'slabGone'));
});

test('adopt: a file becomes a slab of its own, and is gone when its bytes are freed', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const total = pool.pool.extents.bytesTotal;
  assert.equal(total, 1 * MiB);
  writer.lease(64).grant();
  writer.lease(1).grant();
  writer.adopt('adopt-1', 1).fails('memory-full');
  const roomy = new Harness({ memoryBytesMax: 65 * MiB });
  const member = roomy.member('a');
  const slice = member.adopt('adopt-1', 1_000).grant();
  assert.deepEqual(roomy.effectsOf('adopt')[0], {
    kind: 'adopt',
    slab: 1,
    file: 'adopt-1',
    size: 1_000,
    session: member.client.session,
    request: 2,
  });
  assert.equal(slice.size, 1_024);
  const handle = member.offer('x', slice);
  const view = roomy.member('b').declare('x');
  view.demand().delivered();
  handle.withdraw().ok();
  assert.equal(roomy.effectsOf('slab-gone').length, 0);
  view.dispose().ok();
  assert.deepEqual(roomy.effectsOf('slab-gone'), [{ kind: 'slab-gone', slab: 1 }]);
  assert.deepEqual(member.client.notices, [{ kind: 'slabGone', slab: 1 }]);
  assert.equal(roomy.pool.extents.bytesTotal, 64 * MiB);
  reader.ping().ok();
});

test('adopt: what the agent refuses is refused; a file of no or too many bytes at once', () => {
  const pool = new Harness({ memoryBytesMax: 65 * MiB, agent: 'manual' });
  const member = pool.member('a');
  member.adopt('adopt-0', 0).fails('too-large');
  member.adopt('adopt-0', 66 * MiB).fails('too-large');
  const call = member.adopt('adopt-1', 64).waits();
  const effect = pool.unanswered.find((each) => each.kind === 'adopt');
  assert.ok(effect?.kind === 'adopt');
  const failure = { code: 'file-error' as const, message: 'Cannot adopt "adopt-1": it is no file' };
  const { slab, size, session, request } = effect;
  pool.loop.input({ kind: 'adopted', slab, size, session, request, failure });
  pool.settle();
  call.fails('file-error');
  assert.equal(pool.pool.extents.slabs.size, 0);
});

test('adopt: files that are on their way count against the limit, as slabs do', () => {
  const pool = new Harness({ memoryBytesMax: 66 * MiB, agent: 'manual' });
  const member = pool.member('a');
  pool.answerAll();
  member.lease(64).grant();
  const first = member.adopt('adopt-1', 1 * MiB).waits();
  const second = member.adopt('adopt-2', 1 * MiB).waits();
  member.adopt('adopt-3', 1 * MiB).fails('memory-full');
  pool.answerAll();
  first.grant();
  second.grant();
  assert.equal(pool.pool.extents.bytesTotal, 66 * MiB);
  member.adopt('adopt-4', 64).fails('memory-full');
});

test('adopt: a slab of which nothing is used gives way to a file', () => {
  const pool = new Harness({ memoryBytesMax: 64 * MiB });
  const member = pool.member('a');
  assert.equal(pool.pool.extents.bytesTotal, 64 * MiB);
  member.adopt('adopt-1', 1 * MiB).grant();
  assert.equal(pool.pool.extents.bytesTotal, 1 * MiB);
});

test('explain: a name that is only promised names who promised it', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.promise('t/*', 'glob').made.ok();
  const promises = member.explain('t/850').value()['promises'] as { member: string }[];
  assert.equal(promises[0]?.member, 'a');
  member.explain('u/850').fails('unknown-object');
});

test('adopt: a session that ends before the agent has answered leaves nothing', () => {
  for (const failure of [null, { code: 'file-error' as const, message: 'Cannot adopt' }]) {
    const pool = new Harness({ memoryBytesMax: 65 * MiB, agent: 'manual' });
    const member = pool.member('a');
    pool.answerAll();
    member.adopt('adopt-1', 64).waits();
    const [effect] = pool.unanswered.splice(0);
    assert.ok(effect?.kind === 'adopt');
    pool.crash(member.client);
    const { slab, size, session, request } = effect;
    pool.loop.input({ kind: 'adopted', slab, size, session, request, failure });
    pool.settle();
    assert.equal(pool.effectsOf('slab-gone').length, failure === null ? 1 : 0);
    assert.equal(pool.pool.extents.bytesTotal, 64 * MiB);
    const other = pool.member('b');
    other.adopt('adopt-2', 1 * MiB).waits();
    pool.answerAll();
    assert.equal(pool.pool.extents.bytesTotal, 65 * MiB);
  }
});

test('adopt: parts of an adopted slab may be offered and returned apart', () => {
  const pool = new Harness({ memoryBytesMax: 65 * MiB });
  const member = pool.member('a');
  const slice = member.adopt('adopt-1', 4_096).grant();
  const handle = member.offer('x', { ...slice, size: 64 });
  member.giveBack({ ...slice, offset: 64, size: 4_032 }).ok();
  assert.equal(pool.effectsOf('slab-gone').length, 0);
  handle.withdraw().ok();
  assert.equal(pool.effectsOf('slab-gone').length, 1);
});

test('I4, I5: random leases of one size, waits, returns, ends: a queue served in order', () => {
  for (let seed = 1; seed <= 40; seed++) fairQueue(seed);
});

/** Ordinary leases of one size against a queue: who asks while others wait is behind them. */
function fairQueue(seed: number): void {
  const size = 4 * KiB;
  const pages = 56;
  const pool = poolOf(pages * size);
  const members = ['a', 'b', 'c', 'd'].map((name) => pool.member(name));
  const dice = random(seed);
  const held: { member: Member; slice: Slice }[] = [];
  let queue: { member: Member; call: Call }[] = [];
  const serve = (): void => {
    while (queue.length > 0 && held.length < pages) {
      const { member, call } = queue.shift() as { member: Member; call: Call };
      held.push({ member, slice: call.grant() });
    }
    for (const { call } of queue) call.waits();
  };
  for (let step = 0; step < 400; step++) {
    const member = members[dice(members.length)] as Member;
    const what = dice(10);
    if (what < 6) queue.push({ member, call: member.lease(size) });
    else if (what < 9 && held.length > 0) {
      const [gone] = held.splice(dice(held.length), 1);
      gone?.member.giveBack(gone.slice).ok();
    } else if (queue.length > 0) {
      const [gone] = queue.splice(dice(queue.length), 1);
      if (gone !== undefined) gone.member.cancel(gone.call).ok();
      gone?.call.fails('cancelled');
    }
    serve();
    assert.ok(queue.length === 0 || held.length === pages, `seed ${seed}: nobody waits in vain`);
  }
  queue = [];
}

test('adopt: nobody may write to a file that was adopted, nor be given it for his own', () => {
  const pool = poolOf(64 * MiB);
  const member = pool.member('a');
  const reader = pool.member('b');
  const slice = member.adopt('adopt-1', 8_192).grant();
  const { session } = member.client;
  assert.ok(!mayWrite(pool.pool, session, slice.slab, 0, 64));
  assert.ok(mayRead(pool.pool, session, slice.slab, 0, 64));
  member.offer('x', { ...slice, offset: 4_096, size: 4_096 }, { keep: true });
  const taken = reader.declare('x').demand({ mode: 'own' }).delivered();
  assert.equal(taken.source, SOURCE.slice, 'it makes a copy');
});

test('adopt: what is freed of an adopted slab is leased to nobody, and counted by itself', () => {
  const pool = new Harness({ memoryBytesMax: 512 * MiB });
  const member = pool.member('a');
  const slices = [1, 2, 3].map((n) => member.adopt(`adopt-${n}`, 64 * MiB).grant());
  for (const slice of slices) {
    member.giveBack({ ...slice, size: 32 * MiB }).ok();
    member.offer(`x/${slice.slab}`, { ...slice, offset: 32 * MiB, size: 32 * MiB });
  }
  const { extents } = pool.pool;
  assert.equal(extents.bytesDead, 96 * MiB);
  assert.equal(pool.pool.bytesReserved, 40 * MiB, 'of what can be leased, now or later');
  for (let index = 0; index < 20; index++) {
    const { slab } = member.lease(4 * MiB).grant();
    assert.ok(!slices.some((slice) => slice.slab === slab));
  }
});

test('adopt: files leave room for what somebody requires', () => {
  const pool = new Harness({ memoryBytesMax: 512 * MiB });
  const member = pool.member('a');
  for (let n = 0; n < 7; n++) member.adopt(`adopt-${n}`, 64 * MiB).grant();
  member.lease(1 * MiB).grant();
  member.adopt('adopt-7', 64 * MiB).fails('memory-full');
});

test('memory full: who waits gets what it needs, and who holds more is asked again', () => {
  const pool = poolOf(14 * MiB);
  const [holder, first, second, third] = ['h', 'a', 'b', 'c'].map((name) => pool.member(name));
  assert.ok(holder && first && second && third);
  const held = holder.lease(14 * MiB).grant();
  const calls = [
    first.lease(12 * MiB, { least: 1 * MiB }),
    second.lease(12 * MiB, { least: 4 * MiB }),
  ];
  holder.giveBack({ ...held, size: 8 * MiB }).ok();
  assert.deepEqual(
    calls.map((call) => call.grant().size / MiB),
    [1, 7],
    'more than it needs only for the last',
  );
  assert.equal(second.client.notices.length, 0);
  third.lease(2 * MiB).waits();
  const asked = [holder, first, second].map(({ client }) => client.notices.length);
  assert.deepEqual(asked, [2, 1, 1], 'whoever was granted since, too');
});

test('memory full: a name is forgotten at the same cost however many wait', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  member.lease((7 / 8) * MiB).grant();
  const waits = 2_000;
  for (let n = 0; n < waits; n++) {
    const target = member.declare(`wait/${n}`);
    member.lease(64 * KiB, { for: target }).waits();
    if (n % 2 === 0) target.dispose().ok();
  }
  const { leaseWaits, leaseWaitsByObject } = pool.pool;
  assert.equal(leaseWaits.length, waits);
  assert.equal(leaseWaitsByObject.size, waits / 2, 'those of forgotten names are for none');
  assert.ok(leaseWaits.every((each, n) => (each.objectRow === 0) === (n % 2 === 0)));
});
