import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { join } from '../../src/client/index.js';
import { joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';
import { cuttingProxy } from './support/proxy.js';

const ROUNDS = 120;
const WORKERS = 4;
/** Larger than what goes within a message: a frame must fit between two cuts. */
const LENGTH = 20_000;

/** What a session begins with: HELLO, ACCEPT, JOIN, WELCOME. */
const OPENING_BYTES = 3_000;

describe('connections that are cut again and again', () => {
  for (const transport of TRANSPORTS) {
    for (const seed of [1, 2, 3]) {
      test(`everything happens exactly once over ${transport}, seed ${seed}`, async (t) => {
        const server = await servePool(t);
        const proxy = await cuttingProxy(t, server.address, {
          seed,
          bytesMax: 8_000,
          spareFirst: OPENING_BYTES,
        });
        const pool = await join({ address: proxy.address, member: 'cut', transport });
        await using other = await joinApart(server, 'other', { transport });
        const work = async (index: number): Promise<void> => {
          const field = pool.object(`x/${index}`, {
            attributes: { index },
            space: { dtype: 'float32', shape: [LENGTH] },
          });
          field.array.set(ramp(LENGTH, index));
          const need = other.object(`x/${index}`, { space: { dtype: 'float32' } }).demand();
          const echo = pool.object(`y/${index}`).demand();
          await field.offer();
          const view = await need;
          assert.equal(view.version, 1);
          assert.equal(view.array[LENGTH - 1], index + LENGTH - 1);
          await view.dispose();
          await other.put(`y/${index}`, ramp(3, index));
          const back = await echo;
          assert.equal(back.array[0], index);
          await back.dispose();
          await field.withdraw();
        };
        // A few at a time: what is sent again must fit between two cuts.
        await Promise.all(
          Array.from({ length: WORKERS }, async (_, worker) => {
            for (let index = worker; index < ROUNDS; index += WORKERS) await work(index);
          }),
        );
        assert.ok(proxy.cuts > 2, `${proxy.cuts} cuts`);
        proxy.calm = true;
        await pool.leave();
        const { counts } = await other.info();
        const { objects, handles, waits, sessions } = counts as { [name: string]: number };
        assert.deepEqual(
          { objects, handles, waits, sessions },
          { objects: ROUNDS, handles: 0, waits: 0, sessions: 1 },
          'only what was put stays',
        );
      });
    }
  }
});
