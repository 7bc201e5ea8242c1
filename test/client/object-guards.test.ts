import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { codeOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

const SPACE = { dtype: 'int32', shape: [4] } as const;

for (const transport of TRANSPORTS) {
  describe(`what objects refuse, and give back, over ${transport}`, () => {
    const joined = async (t: TestContext): Promise<Pool> => {
      const pool = await joinApart(await servePool(t), 'a', { transport });
      t.after(() => pool.close());
      return pool;
    };

    test('what is made in parts is not made whole beside them', async (t) => {
      const pool = await joined(t);
      const object = pool.object<'int32'>('x', { space: SPACE });
      object.region([[0, 2]]).write(Int32Array.of(1, 2));
      const why = { code: 'wrong-state', message: /it is made in parts/u };
      assert.throws(() => object.array, why);
      assert.throws(() => object.bytes, why);
      assert.throws(() => object.setFields({}), why);
      await assert.rejects(object.allocate(), why);
      await assert.rejects(object.adopt('adopt-x', 16), why);
      object.region([[2, 4]]).write(Int32Array.of(3, 4));
      await object.offer();
      assert.equal(await codeOf(object.offer()), 'wrong-state');
      await using got = await pool.object<'int32'>('x').demand();
      assert.deepEqual([...got.array], [1, 2, 3, 4]);
    });

    test('an array that is demanded into has values of its own type, or it is refused', async (t) => {
      const pool = await joined(t);
      await pool.put('x', Int32Array.of(1, -2, 3, 1 << 30));
      const demand = (into: ArrayBufferView, more: object = {}) =>
        pool.object('x').demand({ into, ...more });
      assert.equal(await codeOf(demand(new Float32Array(4))), 'lossy-conversion');
      const floats = new Float32Array(4);
      await using _lossy = await demand(floats, { lossy: true });
      assert.deepEqual(floats, Float32Array.of(1, -2, 3, 1 << 30));
      const doubles = new Float64Array(2);
      const transforms = [{ kind: 'scale', scale: 0.5 }];
      await using _some = await demand(doubles, { region: [[0, 2]], transforms });
      assert.deepEqual(doubles, Float64Array.of(0.5, -1));
      const bytes = Buffer.alloc(16);
      await using _raw = await demand(bytes);
      assert.equal(bytes.readInt32LE(4), -2);
      const big = pool.object('big', { space: { ...SPACE, byteOrder: 'big' } });
      new DataView(big.bytes.buffer, big.bytes.byteOffset).setInt32(0, 7);
      await big.offer();
      await using _big = await pool.object('big').demand({ into: doubles, region: [[0, 2]] });
      assert.deepEqual(doubles, Float64Array.of(7, 0));
    });

    test('a cube that is demanded into an array has values of its type', async (t) => {
      const pool = await joined(t);
      for (const step of [0, 1]) {
        const space = { dtype: 'int16', shape: [2] } as const;
        const object = pool.object<'int16'>(`c/${step}`, { attributes: { step }, space });
        object.array.set([step, -step]);
        await object.offer();
      }
      const cube = await pool.cube('c', 'step >= 0', ['step']);
      const floats = new Float32Array(4);
      await using _all = await cube.demand({}, { into: floats });
      assert.deepEqual(floats, Float32Array.of(0, 0, 1, -1));
      const one = new Float32Array(2);
      await using _one = await cube.demand({ step: 1 }, { into: one, order: 'column' });
      assert.deepEqual(one, Float32Array.of(1, -1));
      assert.equal(await codeOf(cube.demand({}, { into: new Int8Array(4) })), 'lossy-conversion');
    });

    test('a region that is required is demanded however it is written', async (t) => {
      const pool = await joined(t);
      await pool.put('x', Int32Array.of(1, 2, 3, 4));
      for (const space of [SPACE, {}]) {
        const object = pool.object<'int32'>('x', { space });
        await object.require({ region: [[0, 2]] });
        const other = { region: [[1, 3]] } as const;
        assert.equal(await codeOf(object.demand(other)), 'wrong-state');
        await using got = await object.demand({ region: [{ indices: [0, 1] }] });
        assert.deepEqual([...got.array], [1, 2]);
      }
      const whole = pool.object('x');
      await whole.require();
      assert.equal(await codeOf(whole.demand({ region: [[0, 2]] })), 'wrong-state');
      await whole.retract();
    });

    test('a view that nobody waits for any more is given back', async (t) => {
      const pool = await joined(t);
      await pool.put('x', new Int32Array(1 << 18).fill(7));
      await using _warm = await pool.object('x').demand({ region: [[0, 9]] });
      // First the request is answered, then the memory is in reach.
      for (const ends of [1, 2]) {
        const signal = endingAfter(ends);
        const demand = pool.object('x').demand({ region: [[0, 1 << 17]], signal });
        assert.equal(await codeOf(demand), 'aborted');
      }
      await _warm.dispose();
      await until(async () => {
        const { counts } = (await pool.info()) as { counts: { readers: number } };
        return counts.readers === 0;
      });
    });
  });
}

/** Each look asks the pool. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!(await holds())) {
    assert.ok(performance.now() < endMs, 'it came in time');
  }
}

/** A signal that fires when one who listened to it has gone, the so-manieth. */
function endingAfter(count: number): AbortSignal {
  const aborts = new AbortController();
  const { signal } = aborts;
  const remove = signal.removeEventListener.bind(signal);
  let left = count;
  signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
    remove(...args);
    left--;
    if (left === 0) aborts.abort();
  };
  return signal;
}
