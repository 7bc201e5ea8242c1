import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sumOf } from '../../src/client/check.js';
import { Client } from '../../src/client/client.js';
import type { Connection } from '../../src/client/connection.js';
import type { DataPlane } from '../../src/client/data-plane.js';
import { Extent } from '../../src/client/extent.js';
import { Leases } from '../../src/client/leases.js';
import type { Waiter } from '../../src/client/pending.js';
import type { Slice } from '../../src/client/slice.js';
import { Writer } from '../../src/core/bytes.js';
import { AttaccaError } from '../../src/core/errors.js';
import { createSlab } from '../../src/levels/shm/slabs.js';
import { writeSlabGone } from '../../src/protocol/index.js';
import { fc } from '../fast-check.js';
import { FakePool } from './support/fake-pool.js';
import { codeOf, errorOf, joinApart, ramp, servePool } from './support/pools.js';

const MiB = 1 << 20;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('slices of an extent are aligned, lie within, and never meet', () => {
  const sizes = fc.array(
    fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: MiB - 100, max: MiB + 10_000 })),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(sizes, fc.integer({ min: 0, max: 100 }), (wanted, start) => {
      const whole = { slab: 3, offset: start * 64, size: 8 * MiB };
      const extent = new Extent(whole);
      const taken: Slice[] = [];
      for (const size of wanted) {
        const slice = extent.take(size);
        if (slice === null) continue;
        assert.equal(slice.offset % (size >= MiB ? 4_096 : 64), 0);
        assert.equal(slice.size, size);
        taken.push(slice);
      }
      const used = taken.map(({ offset, size }) => [offset, offset + Math.ceil(size / 64) * 64]);
      const rest = extent.rest().map(({ offset, size }) => [offset, offset + size]);
      const all = [...used, ...rest].sort((left, right) => Number(left[0]) - Number(right[0]));
      // Together they are the extent, without gap or overlap.
      let at = whole.offset;
      for (const [from, to] of all) {
        assert.equal(from, at);
        at = Number(to);
      }
      assert.equal(at, whole.offset + whole.size);
      assert.equal(extent.bytesFree, 0);
    }),
  );
});

test('a sum notices any changed, moved or missing byte', () => {
  const bytes = Uint8Array.from({ length: 1_001 }, (_, index) => index & 255);
  const sum = sumOf(bytes);
  assert.equal(sumOf(bytes.slice()), sum);
  assert.equal(sumOf(Uint8Array.of(0, ...bytes).subarray(1)), sum);
  for (const index of [0, 3, 4, 999, 1_000]) {
    const changed = bytes.slice();
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.notEqual(sumOf(changed), sum, `byte ${index}`);
  }
  assert.notEqual(sumOf(bytes.subarray(1)), sum);
  assert.notEqual(sumOf(new Uint8Array(8)), sumOf(new Uint8Array(12)));
});

test('only a lack of memory makes memory scarce', async () => {
  for (const { code, grown } of [
    { code: 'memory-full', grown: false },
    { code: 'internal', grown: true },
  ] as const) {
    const calls: Waiter[] = [];
    const sizes: number[] = [];
    const connection = {
      over: null,
      room: () => null,
      post(call: Waiter, _count: number, write: (w: Writer) => void): number {
        const w = new Writer();
        write(w);
        calls.push(call);
        sizes.push(new DataView(w.bytes.buffer, w.bytes.byteOffset).getUint32(8, true));
        return calls.length;
      },
    };
    const plane = { transport: 'shared-memory', openForWriting: async () => false };
    const leases = new Leases(connection as unknown as Connection, plane as unknown as DataPlane);
    leases.expect(1_000);
    await turn();
    calls[0]?.fail(0, new AttaccaError(code, 'no'));
    await turn();
    leases.expect(1_000);
    await turn();
    assert.equal(calls.length, 1, 'nothing more is leased ahead');
    const leasing = leases.lease(1_000, { handle: null, what: 'test' }, {});
    await turn();
    calls[1]?.fail(0, new AttaccaError('cancelled', 'over'));
    assert.equal(await codeOf(leasing), 'cancelled');
    assert.equal((sizes[1] ?? 0) > MiB, grown, `${code}: ${sizes}`);
  }
});

test('a slab that the pool has let go is no longer mapped', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-slabs-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'owner.json'), JSON.stringify({ poolId: 'fake' }));
  const file = await createSlab(directory, 1, MiB);
  await file.close();
  const pool = await FakePool.start(t);
  const client = new Client({
    address: pool.address,
    poolId: '',
    transport: 'shared-memory',
    reconnectMs: 100,
    checks: false,
  });
  t.after(() => client.connection.close(new AttaccaError('cancelled', 'the test is over')));
  client.connection.start();
  const connection = await pool.connection(0);
  await connection.untilHello();
  connection.accept(false, {}, directory);
  await client.ready();
  const slice = { slab: 1, offset: 64, size: 64 };
  await client.plane.load(slice);
  await client.plane.openForWriting(1);
  assert.notEqual(client.plane.view(slice), null);
  connection.send(1, (w) => writeSlabGone(w, 2));
  connection.send(1, (w) => writeSlabGone(w, 1));
  await pool.bell.until(() => (connection.acked === 2 ? true : null));
  assert.equal(client.plane.view(slice), null);
  assert.equal(client.plane.writable(slice), null);
});

describe('leased memory', () => {
  test('after the first object of a kind, array is shared memory at once', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    const space = { dtype: 'float32', shape: [65_536] } as const;
    const first = pool.object('x/0', { space });
    await first.allocate();
    await first.dispose();
    // Shared memory is a view of a slab, private memory a buffer of its own size.
    for (let step = 1; step <= 40; step++) {
      const field = pool.object(`x/${step}`, { space });
      assert.ok(field.array.buffer.byteLength > 65_536 * 4, `step ${step}`);
      field.array.fill(step);
      await field.offer();
      await using view = await pool.object(`x/${step}`, { space }).demand();
      assert.equal(view.array[65_535], step);
      await field.withdraw();
    }
  });

  test('what is allocated keeps what was written before', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    const field = pool.object('x', { space: { dtype: 'float32', shape: [65_536] } });
    const before = field.array;
    before.set(ramp(65_536));
    await field.allocate();
    assert.notEqual(field.array, before);
    assert.equal(field.array[65_535], 65_535);
    await field.offer();
  });

  test('memory goes back to whoever needs it', async (t) => {
    const server = await servePool(t, { memoryBytes: 16 * MiB });
    await using hoarder = await joinApart(server, 'hoarder');
    await using pool = await joinApart(server, 'p');
    const kept = hoarder.object('kept', { space: { dtype: 'uint8', shape: [MiB] } });
    await kept.allocate();
    // All but the reserve and what is kept: the hoarder must return what it leased ahead.
    for (let index = 0; index < 12; index++) {
      const field = pool.object(`x/${index}`, { space: { dtype: 'uint8', shape: [MiB] } });
      field.array.fill(1);
      await field.offer({ timeoutMs: 20_000 });
    }
    await kept.dispose();
    const small = hoarder.object('small', { space: { dtype: 'uint8', shape: [MiB] } });
    await small.allocate();
    await small.dispose();
  });

  test('the reserve is open to what somebody waits for', async (t) => {
    const server = await servePool(t, { memoryBytes: 16 * MiB });
    await using pool = await joinApart(server, 'p');
    const fill = pool.object('fill', { space: { dtype: 'uint8', shape: [13 * MiB] } });
    fill.array.fill(1);
    await fill.offer();
    const field = pool.object('x', { space: { dtype: 'uint8', shape: [2 * MiB] } });
    field.array.fill(2);
    const error = await errorOf(field.offer({ timeoutMs: 20 }));
    assert.equal(error.code, 'memory-full');
    await using other = await joinApart(server, 'q');
    const demanding = other.object('x').demand();
    await field.offer({ timeoutMs: 20_000 });
    const view = await demanding;
    assert.equal(view.bytes[0], 2);
    await view.dispose();
  });

  test('with checks, a write after offer is told at withdraw', async (t) => {
    const server = await servePool(t);
    const former = process.env['ATTACCA_CHECK'];
    process.env['ATTACCA_CHECK'] = '1';
    t.after(() => {
      if (former === undefined) delete process.env['ATTACCA_CHECK'];
      else process.env['ATTACCA_CHECK'] = former;
    });
    const pool = await joinApart(server, 'p');
    const field = pool.object('x', { space: { dtype: 'float32', shape: [65_536] } });
    await field.allocate();
    const { array } = field;
    array.fill(1);
    await field.offer();
    const view = await pool.object('x', { space: { dtype: 'float32' } }).demand();
    array[3] = 2;
    const reader = await errorOf(view.dispose());
    assert.equal(reader.code, 'checksum-mismatch');
    assert.match(reader.message, /changed since it was demanded/);
    const error = await errorOf(field.withdraw());
    assert.equal(error.code, 'checksum-mismatch');
    await pool.close();
  });
});
