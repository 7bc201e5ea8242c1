import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { type Dtype, itemSizeOf } from '../../src/core/space.js';
import { codeOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

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
  });
}
