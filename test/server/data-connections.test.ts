import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../../src/core/bytes.js';
import { ENDLESS } from '../../src/core/limits.js';
import {
  Deliver,
  Grant,
  HANDLE_NONE,
  MESSAGE,
  MODE,
  POLICY,
  readDeliver,
  readGrant,
  SOURCE,
  writeDeclare,
  writeDemand,
  writeEnd,
  writeJoin,
  writeLease,
  writeOfferSlice,
  writeReturn,
} from '../../src/protocol/index.js';
import { poolOf } from './pool-fixture.js';
import { RawClient } from './raw-client.js';
import { RawDataClient } from './raw-data-client.js';

const MiB = 1024 * 1024;

async function lease(client: RawClient, size: number): Promise<Grant> {
  const request = client.send((w) => writeLease(w, size, size, HANDLE_NONE, 0));
  const answer = await client.answer(request);
  assert.equal(answer.code, MESSAGE.grant);
  const grant = new Grant();
  readGrant(new Reader(answer.body), grant);
  return grant;
}

async function join(client: RawClient, name: string): Promise<void> {
  const answer = await client.answer(client.send((w) => writeJoin(w, 1, name, {})));
  assert.equal(answer.code, MESSAGE.welcome);
}

/** Offers what a grant holds under a name; resolves when it is offered. */
async function offer(client: RawClient, name: string, grant: Grant, size: number): Promise<void> {
  client.send((w) => writeDeclare(w, 1, 1, name, null, []));
  const { slab, offset } = grant;
  await client.ok(client.send((w) => writeOfferSlice(w, 1, 1, 0, 0, slab, offset, size)));
}

async function demand(client: RawClient, name: string): Promise<Deliver> {
  client.send((w) => writeDeclare(w, 1, 1, name, null, []));
  const request = client.send((w) => writeDemand(w, 1, ENDLESS, MODE.view, POLICY.wait, 0));
  const answer = await client.answer(request);
  assert.equal(answer.code, MESSAGE.deliver);
  const deliver = new Deliver();
  readDeliver(new Reader(answer.body), deliver);
  return deliver;
}

function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = 0x9e3779b9;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

for (const shm of [true, false]) {
  const where = shm ? 'slab files' : 'memory of the agent';
  test(`bytes written over a data connection are read over another, in ${where}`, async (t) => {
    const server = await poolOf(t, { shm });
    const producer = await RawClient.open(server.address);
    const consumer = await RawClient.open(server.address);
    await join(producer, 'producer');
    await join(consumer, 'consumer');
    assert.equal(producer.accept.pool['slabs'] === '', !shm);

    const bytes = noise(5 * MiB + 123);
    const grant = await lease(producer, bytes.length);
    const writing = await RawDataClient.open(producer, server.token);
    assert.ok('moved' in (await writing.write(grant.slab, grant.offset, bytes)));
    await offer(producer, 'field', grant, bytes.length);

    const delivered = await demand(consumer, 'field');
    assert.equal(delivered.source, SOURCE.slice);
    const reading = await RawDataClient.open(consumer, server.token);
    const read = await reading.read(delivered.slab, delivered.offset, delivered.size);
    assert.ok(read instanceof Uint8Array);
    assert.deepEqual(Buffer.compare(read, bytes), 0);

    // Many at a time, each in the order of its offsets, none lost.
    const parts = Array.from({ length: 300 }, (_, index) => index * 16_384);
    const transfers = parts.map((at) =>
      reading.beginRead(delivered.slab, delivered.offset + at, 9),
    );
    for (const [index, { transfer, bytes: part }] of transfers.entries()) {
      assert.deepEqual(await reading.end(transfer), { moved: 9 });
      const at = parts[index] ?? 0;
      assert.equal(Buffer.compare(part, bytes.subarray(at, at + 9)), 0);
    }
  });
}

test('bytes that the session holds no lease on are neither written nor read', async (t) => {
  const server = await poolOf(t);
  const owner = await RawClient.open(server.address);
  const other = await RawClient.open(server.address);
  await join(owner, 'owner');
  const grant = await lease(owner, MiB);
  const writing = await RawDataClient.open(owner, server.token);
  assert.ok('moved' in (await writing.write(grant.slab, grant.offset, noise(MiB))));

  const thief = await RawDataClient.open(other, server.token);
  assert.deepEqual(await thief.write(grant.slab, grant.offset, noise(64)), { code: 'bad-lease' });
  assert.deepEqual(await thief.read(grant.slab, grant.offset, 64), { code: 'bad-lease' });
  assert.deepEqual(await thief.read(grant.slab + 7, 0, 64), { code: 'bad-lease' });
  assert.deepEqual(await thief.read(grant.slab, 2 ** 52, 64), { code: 'bad-lease' });
  // A WRITE that reaches over the end of the lease, and the connection goes on after it.
  const over = await writing.write(grant.slab, grant.offset + grant.size - 32, noise(64));
  assert.deepEqual(over, { code: 'bad-lease' });
  const back = await writing.read(grant.slab, grant.offset, MiB);
  assert.ok(back instanceof Uint8Array);
  assert.equal(Buffer.compare(back, noise(MiB)), 0);
});

test('a lease that is returned while a WRITE is under way takes no more of its bytes', async (t) => {
  const server = await poolOf(t, { check: false });
  const owner = await RawClient.open(server.address);
  await join(owner, 'owner');
  const grant = await lease(owner, MiB);
  const data = await RawDataClient.open(owner, server.token);
  assert.ok('moved' in (await data.write(grant.slab, grant.offset, new Uint8Array(MiB))));

  const transfer = data.beginWrite(grant.slab, grant.offset, MiB);
  data.link.write(new Uint8Array(1_000).fill(1));
  await owner.ok(owner.send((w) => writeReturn(w, grant.slab, grant.offset, grant.size)));
  data.link.write(new Uint8Array(MiB - 1_000).fill(2));
  assert.deepEqual(await data.end(transfer), { code: 'bad-lease' });

  // Whoever gets the bytes next finds none that came after the return.
  const next = await RawClient.open(server.address);
  await join(next, 'next');
  const again = await lease(next, MiB);
  const reading = await RawDataClient.open(next, server.token);
  const read = await reading.read(again.slab, again.offset, MiB);
  assert.ok(read instanceof Uint8Array);
  assert.equal(read.includes(2), false);
});

test('freed bytes are poisoned before anybody gets them again, when checks are on', async (t) => {
  const server = await poolOf(t, { check: true });
  const first = await RawClient.open(server.address);
  await join(first, 'first');
  const grant = await lease(first, MiB);
  const data = await RawDataClient.open(first, server.token);
  assert.ok('moved' in (await data.write(grant.slab, grant.offset, noise(MiB))));
  await first.ok(first.send((w) => writeReturn(w, grant.slab, grant.offset, grant.size)));

  const again = await lease(first, MiB);
  assert.deepEqual([again.slab, again.offset], [grant.slab, grant.offset]);
  const read = await data.read(again.slab, again.offset, MiB);
  assert.ok(read instanceof Uint8Array);
  assert.equal(Buffer.compare(read, new Uint8Array(MiB).fill(0xdb)), 0);
});

test('a data connection needs the token and the secret of its session', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  const { secret } = client.accept;
  await assert.rejects(RawDataClient.open(client, 'wrong'), /wrong-token/);
  const wrong = secret.map((byte) => byte ^ 1);
  await assert.rejects(
    RawDataClient.open(client, server.token, { secret: wrong }),
    /session-unknown/,
  );
  await assert.rejects(
    RawDataClient.open(client, server.token, { session: client.accept.session + 1 }),
    /session-unknown/,
  );
});

test('data connections end with their session', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  const data = await RawDataClient.open(client, server.token);
  client.send(writeEnd);
  await client.untilClosed();
  await data.untilClosed();
  await assert.rejects(RawDataClient.open(client, server.token), /session-unknown/);
});

test('garbage ends a data connection, with its reason', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  const data = await RawDataClient.open(client, server.token);
  data.link.write(new Uint8Array(64).fill(0xff));
  await data.untilClosed();
  assert.equal(data.refusal, 'frame-too-large');
});
