import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Dtype } from '../../src/client/index.js';
import { codeOf, errorOf, joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';

const LARGE = 65_536;

for (const transport of TRANSPORTS) {
  describe(`objects over ${transport}`, () => {
    test('a field goes from producer to consumer with its space and attributes', async (t) => {
      const server = await servePool(t);
      await using producer = await joinApart(server, 'model[0]', { transport });
      await using consumer = await joinApart(server, 'plot', { transport });
      assert.equal(producer.transport, transport);
      const field = producer.object('t/850/step=6', {
        attributes: { param: 't', level: 850, weight: 0.5, members: [1, 2], big: 2n ** 60n },
        space: { dtype: 'float32', shape: [181, 360] },
      });
      field.array.set(ramp(181 * 360));
      const waiting = consumer
        .object('t/850/step=6', { space: { dtype: 'float32' } })
        .demand({ timeoutMs: 30_000 });
      assert.deepEqual(await field.offer(), { record: 'process', bytes: 'process' });
      const view = await waiting;
      assert.equal(view.version, 1);
      assert.deepEqual(view.space, {
        dtype: 'float32',
        shape: [181, 360],
        order: 'row',
        byteOrder: 'little',
      });
      assert.deepEqual(view.attributes, {
        param: 't',
        level: 850,
        weight: 0.5,
        members: [1, 2],
        big: 2n ** 60n,
      });
      assert.equal(view.array.length, 181 * 360);
      assert.equal(view.array[65_159], 65_159);
      const sum = view.array.reduce((total, value) => total + value, 0);
      assert.equal(sum, (65_159 * 65_160) / 2);
      const copy = view.copy();
      copy[0] = -1;
      assert.equal(view.array[0], 0);
      await view.dispose();
      await field.withdraw();
      assert.equal(field.state, 'ended');
    });

    test('payloads of every size and dtype come back byte for byte', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const sizes = [1, 8, 4_096, 4_097, LARGE, 65_537, 1 << 20, (1 << 20) + 1, 5_000_001];
      for (const size of sizes) {
        const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 31 + size) & 255);
        await pool.put(`bytes/${size}`, bytes);
      }
      for (const size of sizes) {
        await using got = await pool.object(`bytes/${size}`).demand();
        assert.equal(got.size, size);
        const bytes = got.unsafeBytes();
        const odd = bytes.findIndex((byte, index) => byte !== ((index * 31 + size) & 255));
        assert.equal(odd, -1, `size ${size}`);
      }
      const dtypes: readonly [Dtype, ArrayBufferView][] = [
        ['bool', Uint8Array.of(0, 1)],
        ['int8', Int8Array.of(-1, 2)],
        ['uint16', Uint16Array.of(1, 65_535)],
        ['int64', BigInt64Array.of(-1n, 2n ** 62n)],
        ['float16', Uint16Array.of(0x3c00)],
        ['float64', Float64Array.of(Math.PI)],
        ['complex64', Float32Array.of(1, -1, 2, -2)],
        ['complex128', Float64Array.of(1, -1)],
      ];
      for (const [dtype, data] of dtypes) {
        await pool.put(`dtype/${dtype}`, data, { space: { dtype } });
        const got = await pool.object(`dtype/${dtype}`).demand();
        assert.deepEqual(got.array, data, dtype);
        assert.equal(got.space.dtype, dtype);
        await got.dispose();
      }
    });

    test('own memory may be written, and leaves the object as it was', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await pool.put('x', ramp(LARGE));
      const owned = await pool.object('x', { space: { dtype: 'float32' } }).demand({ own: true });
      owned.array.fill(7);
      const again = await pool.object('x').demand();
      assert.equal(again.array[5], 5);
      await again.dispose();
      await owned.dispose();
      assert.throws(() => owned.array, { code: 'wrong-state' });
    });

    test('the last one to need a withdrawn object is given its memory', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using other = await joinApart(server, 'q', { transport });
      const field = pool.object('x', { space: { dtype: 'float32', shape: [LARGE] } });
      await field.allocate();
      field.array.set(ramp(LARGE));
      await field.offer();
      const need = other.object('x', { space: { dtype: 'float32' } });
      await need.require();
      await field.withdraw();
      const owned = await need.demand({ own: true });
      owned.array[0] = 41;
      assert.equal(owned.array[LARGE - 1], LARGE - 1);
      await owned.dispose();
      const info = await pool.info();
      assert.equal((info['memory'] as { offered: number }).offered, 0);
    });

    test('length 0, a scalar, and no space at all', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await pool.object('nothing').offer();
      await using nothing = await pool.object('nothing').demand();
      assert.deepEqual(nothing.space.shape, [0]);
      assert.equal(nothing.array.length, 0);
      const scalar = pool.object('scalar', { space: { dtype: 'float64', shape: [] } });
      scalar.array[0] = 1.5;
      await scalar.offer({ keep: true });
      await using one = await pool.object('scalar').demand();
      assert.deepEqual(one.space.shape, []);
      assert.equal(one.array[0], 1.5);
      const empty = pool.object('empty', { space: { dtype: 'int32', shape: [3, 0] } });
      assert.equal(empty.array.length, 0);
      await empty.offer();
      await using none = await pool.object('empty').demand();
      assert.deepEqual(none.space.shape, [3, 0]);
    });

    test('what was offered, disposed or never written cannot be used', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const field = pool.object('x', { space: { dtype: 'float32', shape: [4] } });
      assert.equal(await codeOf(field.offer()), 'wrong-state');
      field.array.set([1, 2, 3, 4]);
      await field.offer();
      assert.throws(() => field.array, { code: 'wrong-state' });
      assert.equal(await codeOf(field.offer()), 'wrong-state');
      assert.equal(await codeOf(field.dispose()), 'wrong-state');
      assert.equal(await codeOf(field.demand()), 'wrong-state');
      const view = await pool.object('x').demand();
      await view.dispose();
      await view.dispose();
      assert.throws(() => view.array, { code: 'wrong-state' });
      assert.throws(() => view.copy(), { code: 'wrong-state' });
      const shapeless = pool.object('y', { space: { dtype: 'float32' } });
      assert.throws(() => shapeless.array, { code: 'bad-space' });
      assert.throws(() => pool.object(''), { code: 'bad-name' });
    });

    test('a second offer, another size, another space are refused by name', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using other = await joinApart(server, 'q', { transport });
      await pool.put('x', ramp(10));
      assert.equal(await codeOf(other.put('x', ramp(10))), 'already-offered');
      assert.equal(await codeOf(other.put('x', ramp(LARGE))), 'already-offered');
      const wrong = other.put('y', ramp(10), { space: { dtype: 'float32', shape: [11] } });
      assert.equal(await codeOf(wrong), 'size-mismatch');
      const mismatch = await errorOf(other.object('x', { space: { dtype: 'float64' } }).demand());
      assert.equal(mismatch.code, 'object-mismatch');
      assert.match(mismatch.message, /dtype/);
      // The memory of what was refused is free again, and the handles too.
      const info = await pool.info();
      assert.equal((info['counts'] as { handles: number }).handles, 0);
    });

    test('a refused offer may be tried again with the same memory', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const first = pool.object('x', { space: { dtype: 'float32', shape: [LARGE] } });
      first.array.fill(1);
      await first.offer();
      const second = pool.object('x', { space: { dtype: 'float32', shape: [LARGE] } });
      await second.allocate();
      second.array.fill(2);
      assert.equal(await codeOf(second.offer()), 'already-offered');
      assert.equal(second.array[0], 2);
      await first.withdraw();
      await second.offer();
      await using view = await pool.object('x', { space: { dtype: 'float32' } }).demand();
      assert.equal(view.array[LARGE - 1], 2);
      assert.equal(view.version, 2);
    });

    test('a reader keeps its bytes while the provider withdraws and offers the next', async (t) => {
      const server = await servePool(t);
      await using producer = await joinApart(server, 'p', { transport });
      await using consumer = await joinApart(server, 'q', { transport });
      const views = [];
      for (let step = 0; step < 5; step++) {
        const field = producer.object('x', { space: { dtype: 'float32', shape: [LARGE] } });
        field.array.fill(step);
        await field.offer();
        views.push(await consumer.object('x', { space: { dtype: 'float32' } }).demand());
        await field.withdraw();
      }
      for (const [step, view] of views.entries()) {
        assert.ok(view.array.every((value) => value === step));
        await view.dispose();
      }
    });

    test('handed over: who required it by then is served, nobody else, and its memory is free', async (t) => {
      const server = await servePool(t);
      await using producer = await joinApart(server, 'p', { transport });
      await using consumer = await joinApart(server, 'q', { transport });
      for (const size of [0, 3, LARGE]) {
        const name = `x/${size}`;
        const need = consumer.object<'float32'>(name);
        await need.require();
        const space = { dtype: 'float32', shape: [size] } as const;
        const field = producer.object(name, { space });
        if (size > 0) field.array.fill(7);
        await field.handOver();
        assert.equal(field.state, 'ended');
        assert.equal(
          await codeOf(consumer.object(name).demand({ timeoutMs: 1 })),
          'deadline-passed',
        );
        const view = await need.demand();
        assert.equal(view.bytes.length, 4 * size);
        assert.ok(view.bytes.length === 0 || view.array[size - 1] === 7);
        await view.dispose();
        // Nobody has required the next one: it comes and goes.
        const lonely = producer.object(name, { space });
        if (size > 0) lonely.array.fill(8);
        await lonely.handOver();
      }
      const { versions } = (await producer.info())['counts'] as { [name: string]: number };
      assert.equal(versions, 0);
    });

    test('handing over that fails leaves the memory as it was', async (t) => {
      const server = await servePool(t);
      await using producer = await joinApart(server, 'p', { transport });
      await using consumer = await joinApart(server, 'q', { transport });
      const other = consumer.object('x');
      await other.offer();
      const field = producer.object('x', { space: { dtype: 'float32', shape: [LARGE] } });
      field.array.fill(7);
      assert.equal(await codeOf(field.handOver()), 'already-offered');
      assert.equal(field.array[LARGE - 1], 7);
      await other.withdraw();
      await field.handOver();
    });

    test('what a handle says later goes out with what is asked of it', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const field = pool.object('x', { attributes: { a: 1 }, space: { dtype: 'int16' } });
      const need = pool.object('x');
      await need.require();
      // The pool knows the handle from here on.
      field.set({ space: { shape: [LARGE] } });
      await field.allocate();
      field.array.fill(7);
      field.set({ attributes: { b: 2 } });
      field.set({ attributes: { a: 3 } });
      await field.offer();
      const view = await need.demand();
      assert.deepEqual({ ...view.attributes }, { a: 3, b: 2 });
      await view.dispose();
      await field.withdraw();
      const { handles } = (await pool.info())['counts'] as { [name: string]: number };
      assert.equal(handles, 0);
      // What is refused does not go out in part.
      const bad = pool.object('y', { space: { dtype: 'uint8', shape: [1] } });
      await bad.allocate();
      bad.array[0] = 1;
      bad.set({ attributes: { [' '.repeat(100_000)]: 1 } });
      assert.notEqual(await codeOf(bad.offer()), null);
      assert.equal(await codeOf(pool.stat('y')), 'unknown-object');
    });

    test('set, seal, require, retract, and what peek sees', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const field = pool.object('x', { attributes: { a: 1 }, space: { dtype: 'int16' } });
      field.set({ attributes: { b: 2 }, space: { shape: [3] } });
      field.array.set([1, 2, 3]);
      await field.seal();
      assert.throws(() => field.set({ attributes: { c: 3 } }), { code: 'wrong-state' });
      const need = pool.object('x');
      await need.require();
      assert.equal(need.state, 'required');
      const back = pool.object('x');
      await back.require();
      await back.retract();
      assert.equal(back.state, 'ended');
      await field.offer();
      const seen = await pool.wait('x');
      assert.deepEqual(seen, {
        name: 'x',
        version: 1,
        space: { dtype: 'int16', shape: [3], order: 'row', byteOrder: 'little' },
        attributes: { a: 1, b: 2 },
        size: 6,
      });
      await using view = await need.demand();
      assert.deepEqual([...view.array], [1, 2, 3]);
    });

    test('what a member held ends with it', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const other = await joinApart(server, 'q', { transport });
      await pool.put('x', ramp(LARGE));
      const view = await other.object('x', { space: { dtype: 'float32' } }).demand();
      const copy = view.copy();
      const unfinished = other.object('y', { space: { dtype: 'float32', shape: [LARGE] } });
      await unfinished.allocate();
      const need = other.object('z');
      await need.require();
      await other.leave();
      if (transport === 'shared-memory') assert.throws(() => view.array, { code: 'wrong-state' });
      assert.equal(copy[5], 5);
      await view.dispose();
      await unfinished.dispose();
      await need.dispose();
      assert.equal(await codeOf(unfinished.offer()), 'wrong-state');
      const { memory } = await pool.info();
      const { leased } = memory as { leased: number };
      assert.ok(leased < LARGE * 4 * 40, 'the other session has ended, its leases with it');
    });

    test('durability and lifetimes that cannot be had are refused', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const durable = pool.put('x', ramp(1), { durability: 'fsync' });
      assert.equal(await codeOf(durable), 'no-durable-level');
      const never = pool.put('x', ramp(1), { lifetimeMs: -1 });
      await assert.rejects(never, RangeError);
      await pool.put('x', ramp(1), { lifetimeMs: 5 });
      while ((await codeOf(pool.stat('x'))) === 'none') {
        await codeOf(pool.object('never').demand({ timeoutMs: 2 }));
      }
      assert.equal(await codeOf(pool.stat('x')), 'unknown-object');
    });

    test('big-endian and column-major bytes pass as declared', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const big = pool.object('big', {
        space: { dtype: 'float32', shape: [2], byteOrder: 'big' },
      });
      assert.throws(() => big.array, { code: 'bad-space' });
      new DataView(big.bytes.buffer, big.bytes.byteOffset).setFloat32(4, 2.5);
      await big.offer();
      await using view = await pool.object('big').demand();
      assert.throws(() => view.array, { code: 'bad-space' });
      const bytes = view.unsafeBytes();
      assert.equal(new DataView(bytes.buffer, bytes.byteOffset).getFloat32(4), 2.5);
      const column = pool.object('column', {
        space: { dtype: 'uint8', shape: [2, 2], order: 'column' },
      });
      column.array.set([1, 2, 3, 4]);
      await column.offer();
      await using got = await pool.object('column').demand();
      assert.equal(got.space.order, 'column');
      assert.deepEqual([...got.bytes], [1, 2, 3, 4]);
    });

    test('names of any script, tags, stat, list, delete, unkeep', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const long = '气'.repeat(1_000);
      await pool.put(long, Uint8Array.of(1));
      await using got = await pool.object(long).demand();
      assert.equal(got.name, long);
      await pool.tag(long, { good: true, note: 'ja' });
      await pool.untag(long, 'good', 'never');
      const { tags } = await pool.stat(long);
      assert.deepEqual(tags, { note: 'ja' });
      const names = Array.from({ length: 1_500 }, (_, index) => `n/${index}`);
      await pool.offerMany(
        names.map((name) => ({ name })),
        { keep: true },
      );
      const listed: string[] = [];
      for await (const name of pool.list('n/*')) listed.push(name);
      assert.deepEqual(listed.sort(), [...names].sort());
      const detailed: unknown[] = [];
      for await (const row of pool.list('n/12', { detail: true })) detailed.push(row['state']);
      assert.deepEqual(detailed, ['offered']);
      await pool.unkeep('n/1');
      assert.equal(await codeOf(pool.stat('n/1')), 'unknown-object');
      await pool.object('n/2').require();
      assert.equal(await codeOf(pool.delete('n/2')), 'object-required');
      await pool.delete('n/2', { force: true });
      assert.equal((await pool.members()).length, 1);
      assert.ok('waits' in (await pool.explain()));
      assert.ok('rings' in (await pool.rings()));
    });
  });
}
