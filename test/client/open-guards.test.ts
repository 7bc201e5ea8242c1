import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { type Dtype, itemSizeOf } from '../../src/core/space.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

for (const transport of TRANSPORTS) {
  describe(`what open objects refuse, and give back, over ${transport}`, () => {
    const two = async (t: Parameters<typeof servePool>[0]): Promise<[Pool, Pool]> => {
      const server = await servePool(t);
      const [one, other] = await Promise.all([
        joinApart(server, 'a', { transport }),
        joinApart(server, 'b', { transport }),
      ]);
      t.after(() => Promise.all([one.close(), other.close()]));
      return [one, other];
    };

    test('a fill is the element that it says, or refused', async (t) => {
      const [a] = await two(t);
      const filled = async (dtype: Dtype, fill: number | bigint, byteOrder?: 'big') => {
        const space = { dtype, shape: [3], byteOrder: byteOrder ?? 'little' } as const;
        const object = await a.create(`filled/${dtype}/${byteOrder}`, { space, fill });
        const into = new Uint8Array(3 * itemSizeOf(dtype));
        await object.read([null], { into });
        await object.withdraw();
        return into;
      };
      assert.deepEqual(
        await filled('float16', 1),
        new Uint8Array(Uint16Array.of(0x3c00, 0x3c00, 0x3c00).buffer),
      );
      assert.deepEqual(
        await filled('complex64', 1),
        new Uint8Array(Float32Array.of(1, 0, 1, 0, 1, 0).buffer),
      );
      assert.deepEqual([...(await filled('int16', 258, 'big'))], [1, 2, 1, 2, 1, 2]);
      assert.deepEqual([...(await filled('string[4]', 0))], new Array(12).fill(0));
      for (const [dtype, fill] of [
        ['uint8', -1],
        ['int8', 300.7],
        ['int32', Number.NaN],
        ['bool', 2],
        ['string[4]', 65],
        ['int64', 1.5],
      ] as const) {
        assert.equal(await codeOf(filled(dtype, fill)), 'bad-argument', dtype);
      }
    });

    for (const consistency of ['posix', 'commit', 'session'] as const) {
      test(`${consistency}: what is mapped of a lock is published by seal and close`, async (t) => {
        const [a, b] = await two(t);
        const space = { dtype: 'int32', shape: [6] } as const;
        const mine = await a.create('sum', { space, consistency });
        const theirs = await b.open<'int32'>('sum');
        const reader = b.object<'int32'>('sum').demand();
        const [one, other] = [new Int32Array(2), new Int32Array(6)];
        theirs.map(one, [[4, 6]]);
        await theirs.lock('write', [[4, 6]]);
        one.set([5, 6]);
        await theirs.close();
        mine.map(other, [null]);
        const held = await mine.lock('write', [[0, 4]]);
        other.set([1, 2, 3, 4, 0, 0]);
        await mine.seal();
        await held.release();
        await using got = await reader;
        assert.deepEqual([...got.array], [1, 2, 3, 4, 5, 6]);
      });
    }

    test('what is mapped and cannot be published any more is told by the release', async (t) => {
      const [a] = await two(t);
      const mine = await a.create('sum', { space: { dtype: 'int32', shape: [6] } });
      const [buffer, gone] = [new Int32Array(4), new Int32Array(2)];
      mine.map(buffer, [[0, 4]]);
      const { unmap } = mine.map(gone, [[4, 6]]);
      const held = await mine.lock('write', [[2, 5]]);
      const beside = await mine.lock('write', [5]);
      unmap();
      await mine.withdraw();
      const error = await errorOf(held.release());
      assert.equal(error.code, 'wrong-state');
      assert.match(error.message, /it is closed: 2 elements of mapped buffers were not written/u);
      await beside.release();
    });

    test('what an array is of says what it is filled with', async (t) => {
      const [a] = await two(t);
      const space = { dtype: 'int16', shape: [3] } as const;
      const object = await a.create('whole', { space });
      await object.write([null], Int16Array.of(1, -2, 3));
      const transforms = [{ kind: 'scale', scale: 2 }] as const;
      const floats = new Float32Array(3);
      await object.read([null], { into: floats });
      assert.deepEqual(floats, Float32Array.of(1, -2, 3));
      assert.equal(
        await codeOf(object.read([null], { into: new Int8Array(3) })),
        'lossy-conversion',
      );
      const bytes = new Int8Array(3);
      await object.read([null], { into: bytes, lossy: true });
      assert.deepEqual(bytes, Int8Array.of(1, -2, 3));
      await object.read([null], { into: floats, transforms });
      assert.deepEqual(floats, Float32Array.of(2, -4, 6));
      const whole = new Int32Array(3);
      const lossy = await codeOf(object.read([null], { into: whole, transforms }));
      assert.equal(lossy, 'lossy-conversion');
      const transfer = object.transfer('read', [null], whole);
      transfer.start();
      await transfer.wait();
      assert.deepEqual(whole, Int32Array.of(1, -2, 3));
      const raw = Buffer.alloc(6);
      await object.read([null], { into: raw });
      assert.equal(raw.readInt16LE(2), -2);
      await object.withdraw();
    });

    test('words and sizes that are none are refused', async (t) => {
      const [a] = await two(t);
      const space = { dtype: 'int8', shape: [4] } as const;
      const object = await a.create('x', { space });
      await assert.rejects(object.lock('exclusive' as 'write', [null]), RangeError);
      const buffer = new Int8Array(4);
      assert.throws(() => object.transfer('post' as 'read', [null], buffer), RangeError);
      for (const wrong of [{ order: 'C' }, { byteOrder: 'native' }]) {
        await assert.rejects(object.read([null], wrong as object), RangeError);
      }
      for (const wrong of [
        { gatherBytes: Number.NaN },
        { gatherBytes: 0 },
        { sieveBytes: -5 },
        { sieveBytes: 0.5 },
        { consistency: 'toString' },
      ]) {
        await assert.rejects(a.create('y', { space, ...(wrong as object) }), RangeError);
      }
      await assert.rejects(a.open('x', { gatherBytes: -5 }), RangeError);
      for (const timeoutMs of [Number.NaN, -1]) {
        await assert.rejects(object.write([null], buffer, { timeoutMs }), RangeError);
        await assert.rejects(object.read([null], { timeoutMs }), RangeError);
        await assert.rejects(object.commit({ timeoutMs }), RangeError);
      }
      await object.withdraw();
    });

    test('who has created an object closes its handle, and others go on', async (t) => {
      const [a, b] = await two(t);
      const mine = await a.create('x', { space: { dtype: 'int8', shape: [4] } });
      const theirs = await b.open<'int8'>('x');
      const held = await mine.lock('write', [null]);
      await mine.write([null], Int8Array.of(1, 2, 3, 4));
      await Promise.all([mine.close(), mine.close()]);
      await mine.close();
      assert.equal(mine.state, 'closed');
      assert.equal(await codeOf(mine.read([null])), 'wrong-state');
      assert.equal(await codeOf(mine.seal()), 'wrong-state');
      await held.release();
      await (await theirs.lock('write', [null], { block: false })).release();
      assert.deepEqual(await theirs.read([null]), Int8Array.of(1, 2, 3, 4));
      await mine.withdraw();
      await mine.withdraw();
      assert.equal(await codeOf(theirs.read([null])), 'wrong-state');
    });
  });
}
