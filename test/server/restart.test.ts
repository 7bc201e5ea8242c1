import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { AttaccaError } from '../../src/core/errors.js';
import { HEADER_BYTES } from '../../src/journal/segment.js';
import { serve } from '../../src/server/index.js';
import { NodeDisk } from '../../src/server/node-disk.js';
import { codeOf, errorOf } from '../client/support/pools.js';
import { Child } from './child.js';
import { member, namesOf, offer, valueAt } from './kept-members.js';
import { KeptPool } from './kept-pool.js';
import { poolOf, scratch } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

test('killed and started again: who waited goes on waiting, and is served', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using producer = await member(kept, 'producer');
  await using consumer = await member(kept, 'consumer');
  await offer(producer, 'before', 1);
  const early = valueAt(consumer, 'after', 17);
  await consumer.object('other').require();
  await kept.restart();
  await offer(producer, 'after', 2);
  assert.equal(await early, 2);
  assert.equal(await valueAt(consumer, 'before', 99), 1, 'its slab was found again');
  await kept.restart();
  assert.equal(await valueAt(consumer, 'after', 3), 2);
});

test('structs outlive the manager, in what is offered, written to, and only expected', async (t) => {
  const dtype = '{x:float32@0,tag:string[3]@4,n:int16@8;10}';
  const kept = await KeptPool.make(t);
  await kept.start();
  await using pool = await member(kept, 'pool');
  const x = Float32Array.of(1, 2);
  const space = { dtype, shape: [2] } as const;
  await pool.object('offered', { space }).setFields({ x }).offer();
  const open = await pool.create('open', { space });
  await open.write([[0, 1]], new Uint8Array(10).fill(7));
  const expecting = pool.object('expected', { space });
  await expecting.require();
  await kept.restart();
  await kept.restart();
  await using offered = await pool.object('offered', { space }).demand();
  assert.deepEqual(offered.fields('x')['x'], x);
  assert.deepEqual([...(await open.read([[0, 1]]))], new Array(10).fill(7));
  await pool.put('expected', new Uint8Array(20), { space });
  await using expected = await expecting.demand();
  assert.equal(expected.space.dtype, dtype);
});

test('every request takes effect once, however often the pool is killed', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using pool = await member(kept, 'counter');
  for (let round = 0; round < 5; round++) {
    const offers = Array.from({ length: 200 }, (_, index) =>
      pool.put(`n/${round}/${index}`, Uint8Array.of(index)),
    );
    await kept.restart();
    // Offered twice would be refused, lost would never be answered.
    await Promise.all(offers);
  }
  assert.equal((await namesOf(pool, 'n/*')).length, 1_000);
});

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('bytes that go over sockets go on, wherever the next manager takes them', async (t) => {
  const listen = `tcp://127.0.0.1:${await freePort()}`;
  const kept = await KeptPool.make(t, { listen });
  await kept.start();
  const token = (await readFile(joinPath(kept.data, 'token'), 'utf8')).trim();
  for (const address of [kept.address, `${listen}?token=${token}`]) {
    const options = { transport: 'socket' } as const;
    await using writer = await member({ address }, 'writer', options);
    await using reader = await member({ address }, 'reader', options);
    const bytes = new Uint8Array(8 << 20).fill(7);
    const putting = writer.put('large', bytes);
    await kept.restart();
    await putting;
    const getting = reader.object('large').demand();
    await kept.restart();
    const got = await getting;
    assert.deepEqual(got.copy(), bytes);
    await got.dispose();
    // The control connection is there again before the data connection is missed.
    await kept.restart();
    await reader.info();
    await using again = await reader.object('large').demand();
    assert.equal(again.size, bytes.length);
    await again.dispose();
    await reader.unkeep('large');
  }
});

test('a pool that is kept says so, and is waited for as long as any answer', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const client = await RawClient.open(kept.address);
  assert.equal(client.accepted?.pool['kept'], true);
  const other = await poolOf(t);
  const { accepted } = await RawClient.open(other.address);
  assert.equal(accepted?.pool['kept'], false);
});

test('who died while no manager ran is told to those who wait', async (t) => {
  const kept = await KeptPool.make(t, { promiseGraceMs: 1 });
  await kept.start();
  await using consumer = await member(kept, 'consumer');
  const child = new Child(t, './promising-child.js', [kept.address, 'promiser', 'late'], 'none');
  await child.line('promised');
  const object = consumer.object('late');
  await object.require();
  await kept.kill();
  child.process.kill('SIGKILL');
  assert.equal(await child.exit(), 'SIGKILL', 'it has lived until now');
  await kept.start();
  // Without the death it would wait until its deadline.
  const error = await errorOf(object.demand({ timeoutMs: 20_000 }));
  assert.equal(error.code, 'nobody-will-offer');
  assert.deepEqual(
    (await consumer.members()).map(({ name }) => name),
    ['consumer'],
  );
});

test('who lives while no manager ran is still waited for', async (t) => {
  const kept = await KeptPool.make(t, { promiseGraceMs: 1 });
  await kept.start();
  await using consumer = await member(kept, 'consumer');
  await using promiser = await member(kept, 'promiser');
  await using _promise = await promiser.promise({ name: 'late' });
  const got = valueAt(consumer, 'late', 3);
  await consumer.object('late').require();
  await kept.restart();
  await offer(promiser, 'late', 4);
  assert.equal(await got, 4);
});

test('stopped in order and started again: what is kept is there, nobody else is', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const writer = await member(kept, 'writer');
  const kept7 = await writer.put('kept', new Float64Array(4_096).fill(7));
  assert.deepEqual(kept7, { record: 'fsync', bytes: 'memory' });
  await offer(writer, 'scratch', 1);
  await writer.close();
  assert.equal(await kept.stop(), 0);
  assert.deepEqual(
    (await readdir(kept.data)).filter((name) => name.startsWith('snapshot-')).length,
    1,
  );
  await kept.start();
  await using reader = await member(kept, 'writer');
  assert.equal(await valueAt(reader, 'kept', 5), 7);
  assert.deepEqual(await namesOf(reader, '*'), ['kept']);
});

/** Damages the oldest segment. */
async function damage(data: string): Promise<string> {
  const name = (await readdir(data)).sort().find((each) => each.startsWith('journal-')) ?? '';
  const file = await open(joinPath(data, name), 'r+');
  await file.write(new Uint8Array(16).fill(0x55), 0, 16, HEADER_BYTES + 5_000);
  await file.close();
  return name;
}

test('a segment is damaged while the pool is served: its stop leaves all that is kept', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const writer = await member(kept, 'writer');
  for (let index = 0; index < 100; index++) {
    await writer.put(`n/${index}`, new Uint8Array(200).fill(index));
  }
  await damage(kept.data);
  await writer.close();
  assert.equal(await kept.stop(), 0);
  await kept.start();
  await using reader = await member(kept, 'reader');
  assert.equal((await namesOf(reader, 'n/*')).length, 100);
});

test('a closed segment is damaged: the manager makes a snapshot itself, and is killed', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using pool = await member(kept, 'writer');
  const attributes = { k: 'x'.repeat(60_000) };
  await pool.put('first', new Uint8Array(1), { attributes });
  const name = await damage(kept.data);
  // More than a segment holds.
  for (let index = 0; index < 300; index++) {
    await pool.put(`n/${index}`, Uint8Array.of(index), { attributes });
  }
  const isThere = async (): Promise<boolean> =>
    (await readdir(kept.data)).some((each) => each.startsWith('snapshot-'));
  while (!(await isThere())) await pool.info();
  await kept.restart();
  assert.equal((await namesOf(pool, 'n/*')).length, 300, name);
});

test('a kept pool that is stopped tells those who are in that it is stopping', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using waiter = await member(kept, 'waiter');
  await using idle = await member(kept, 'idle');
  const waits = codeOf(waiter.object('never').demand());
  await waiter.stat('never').catch(() => {});
  await idle.stop({ force: true });
  assert.equal(await waits, 'pool-stopping');
  assert.equal(await codeOf(idle.stat('never')), 'pool-stopping');
});

test('memory that is gone when the pool is started again: who waits hears it by name', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using producer = await member(kept, 'producer');
  await using consumer = await member(kept, 'consumer');
  await offer(producer, 'x', 1);
  const object = consumer.object('x');
  await object.require();
  await kept.kill();
  for (const name of await readdir(kept.shmDirectory)) {
    await rm(joinPath(kept.shmDirectory, name), { recursive: true });
  }
  await kept.start();
  const error = await errorOf(object.demand());
  assert.equal(error.code, 'object-lost');
  assert.match(error.message, /producer/u);
});

async function states(pool: Pool, glob: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const object of pool.list(glob, { detail: true })) found.push(object['state']);
  return found;
}

test('after the host has booted, files of slabs that are still there hold nothing', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const producer = await member(kept, 'producer');
  await producer.put('inline', Uint8Array.of(1, 2, 3));
  await producer.put('slab', new Float64Array(65_536).fill(3));
  await kept.kill();
  await kept.pretendBoot();
  await kept.start();
  await using pool = await member(kept, 'consumer');
  const [inline] = await states(pool, 'inline');
  assert.equal(inline, 'offered');
  // Its name may be there as long as its producer has a handle.
  assert.ok((await states(pool, 'slab')).every((state) => state !== 'offered'));
  await producer.close();
});

test('a directory is served by one pool at a time, and by its own name', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await assert.rejects(kept.start({ address: `${kept.address}-2` }), /name-in-use/u);
});

test('a session that was only acknowledged to goes on, also when its process opens another', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using first = await member(kept, 'first');
  await offer(first, 'x', 5);
  await kept.restart();
  await using second = await member(kept, 'second');
  assert.equal(await valueAt(second, 'x', 1), 5);
  await first.put('y', Uint8Array.of(1));
});

test('memory in which objects lie is not given up by another option', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const writer = await member(kept, 'writer');
  await writer.put('x', new Float64Array(65_536).fill(3));
  await writer.close();
  await kept.stop();
  const elsewhere = joinPath(kept.shmDirectory, 'elsewhere');
  await mkdir(elsewhere, { mode: 0o700 });
  await assert.rejects(kept.start({ shmDirectory: elsewhere }), /bad-argument.*shm-dir/u);
  await assert.rejects(kept.start({ shm: false }), /bad-argument.*shm-dir/u);
  await kept.start();
  await using reader = await member(kept, 'reader');
  assert.equal(await valueAt(reader, 'x', 9), 3);
});

test('a disk that fails while the pool ends: the end is a crash, reported once', async (t) => {
  const directory = await scratch(t);
  const server = await serve({
    address: `unix:${directory}/place/socket`,
    data: joinPath(directory, 'kept'),
    memoryBytes: 16 << 20,
  });
  const pool = await member(server, 'm', { reconnectMs: 1 });
  await pool.put('x', Uint8Array.of(1));
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  t.mock.method(NodeDisk.prototype, 'write', () =>
    Promise.reject(new AttaccaError('file-error', 'a planted failure of the disk')),
  );
  await server.close();
  const end = await server.closed;
  t.mock.restoreAll();
  assert.equal(end.kind, 'crashed');
  assert.equal(said.filter((text) => text.includes('a planted failure')).length, 1);
  // Quiet when it had heard that the pool stops; the failure may have come before that was said.
  assert.match(await codeOf(pool.close()), /^(?:none|connection-lost)$/u);
});

test('a client hears that its session is there when it is durable, and not before', async (t) => {
  const directory = await scratch(t);
  await using server = await serve({
    address: `unix:${directory}/place/socket`,
    data: joinPath(directory, 'kept'),
    memoryBytes: 16 << 20,
  });
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { write } = NodeDisk.prototype;
  const writing = new Promise<void>((resolve) => {
    t.mock.method(
      NodeDisk.prototype,
      'write',
      async function (this: NodeDisk, ...words: Parameters<typeof write>) {
        resolve();
        await released;
        await write.apply(this, words);
      },
    );
  });
  const client = await RawClient.connect(server.address);
  const opening = client.hello({ token: server.token });
  await writing;
  try {
    // What is not written down is answered meanwhile: so would be what waits for nothing.
    for (let round = 0; round < 10; round++) {
      const other = await RawClient.connect(server.address);
      await assert.rejects(other.hello({ token: 'wrong' }), /refused/u);
    }
    assert.deepEqual(client.frames, []);
  } finally {
    release();
  }
  await opening;
  assert.equal(client.accept.resumed, false);
});
