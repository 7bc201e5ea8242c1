import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type OpenObject, type Pool, RegionTransfer } from '../../src/client/index.js';
import { codeOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

const MiB = 1 << 20;
const SPACE = { dtype: 'uint8', shape: [4 * MiB] } as const;
const ALL = [null] as const;

for (const transport of TRANSPORTS) {
  describe(`how long open objects wait, over ${transport}`, () => {
    const two = async (t: TestContext, memoryBytes = 64 * MiB): Promise<[Pool, Pool]> => {
      const server = await servePool(t, { memoryBytes });
      const [one, other] = await Promise.all([
        joinApart(server, 'a', { transport }),
        joinApart(server, 'b', { transport }),
      ]);
      t.after(() => Promise.all([one.close(), other.close()]));
      return [one, other];
    };

    /** An open object, in a pool that has no memory to write or read much of it. */
    const starved = async (t: TestContext) => {
      const [a, b] = await two(t, 16 * MiB);
      const mine = await a.create('field', { space: SPACE });
      const theirs = await b.open<'uint8'>('field');
      const space = { dtype: 'uint8', shape: [9 * MiB] } as const;
      const hog = a.object('hog', { space });
      hog.array.fill(1);
      await hog.offer();
      return { mine, theirs, feed: () => hog.withdraw() };
    };

    test('what waits for memory ends at its deadline, and others go on', async (t) => {
      const { mine, feed } = await starved(t);
      const bytes = new Uint8Array(4 * MiB).fill(3);
      const soon = { timeoutMs: 30 };
      const late = [mine.write(ALL, bytes, soon), mine.read(ALL, soon)];
      const small = mine.write([[0, 3]], Uint8Array.of(7, 8, 9));
      assert.deepEqual(await Promise.all(late.map(codeOf)), ['deadline-passed', 'deadline-passed']);
      await small;
      const aborts = new AbortController();
      const aborted = codeOf(mine.write(ALL, bytes, { signal: aborts.signal }));
      const next = mine.write([1], Uint8Array.of(1));
      aborts.abort();
      assert.equal(await aborted, 'aborted');
      await next;
      await feed();
      assert.deepEqual([...(await mine.read(ALL)).subarray(0, 4)], [7, 1, 9, 0]);
      await mine.withdraw();
    });

    test('what comes behind it ends at its own, and is not sent then', async (t) => {
      const { mine, theirs, feed } = await starved(t);
      const bytes = new Uint8Array(4 * MiB).fill(3);
      const held = await theirs.lock('write', [0]);
      const blocked = theirs.transfer('write', ALL, bytes);
      blocked.start();
      const soon = { timeoutMs: 30 };
      const late = [
        blocked.wait(soon),
        RegionTransfer.waitAll([blocked], soon),
        theirs.write([0], Uint8Array.of(9), soon),
        theirs.commit(soon),
        theirs.seal(soon),
        held.release(soon),
      ];
      assert.deepEqual(
        await Promise.all(late.map(codeOf)),
        late.map(() => 'deadline-passed'),
      );
      await feed();
      await blocked.wait();
      await held.release();
      assert.equal(theirs.state, 'open');
      assert.deepEqual([...(await mine.read([[0, 2]]))], [3, 3]);
      await theirs.close();
      await mine.withdraw();
    });

    test('a lock whose refresh is late, or given up, is given back', async (t) => {
      const { mine, theirs, feed } = await starved(t);
      theirs.map(new Uint8Array(4 * MiB), ALL);
      assert.equal(await codeOf(theirs.lock('read', ALL, { timeoutMs: 50 })), 'deadline-passed');
      await (await mine.lock('write', ALL, { timeoutMs: 10_000 })).release();
      const aborts = new AbortController();
      const given = codeOf(theirs.lock('read', ALL, { signal: aborts.signal }));
      await until(async () => (await codeOf(free(mine))) === 'lock-conflict');
      aborts.abort();
      assert.equal(await given, 'aborted');
      await (await mine.lock('write', ALL, { timeoutMs: 10_000 })).release();
      await feed();
      await mine.withdraw();
    });

    test('a lock that is granted when nobody waits any more goes back', async (t) => {
      const [a, b] = await two(t);
      const mine = await a.create('field', { space: SPACE });
      const theirs = await b.open('field');
      const aborts = new AbortController();
      const given = codeOf(theirs.lock('write', ALL, { signal: aborts.signal }));
      aborts.abort();
      assert.equal(await given, 'aborted');
      await (await mine.lock('write', ALL, { timeoutMs: 10_000 })).release();
      await mine.withdraw();
    });

    test('writes that are refused, or not sent after all, give their memory back', async (t) => {
      const [a, b] = await two(t);
      const mine = await a.create('field', { space: SPACE });
      const theirs = await b.open('field');
      const bytes = new Uint8Array(4 * MiB);
      const aborted = async (move: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
        const { signal, heard } = endingAfter(1);
        assert.equal(await codeOf(move(signal)), 'aborted');
        assert.equal(heard(), true, 'it was aborted once memory had come');
      };
      const before = await leased(a);
      await aborted((signal) => theirs.write(ALL, bytes, { signal }));
      await mine.withdraw();
      for (let each = 0; each < 6; each++) {
        assert.equal(await codeOf(theirs.write(ALL, bytes)), 'wrong-state');
        assert.equal(await codeOf(theirs.read(ALL)), 'wrong-state');
      }
      await until(async () => (await leased(a)) <= before + 8 * MiB);
    });
  });
}

/** A lock that is taken if it is free. */
async function free(object: OpenObject<'uint8'>): Promise<void> {
  await (await object.lock('write', ALL, { block: false })).release();
}

/** Each look asks the pool. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!(await holds())) {
    assert.ok(performance.now() < endMs, 'it came in time');
  }
}

async function leased(pool: Pool): Promise<number> {
  const { memory } = (await pool.info()) as { memory: { leased: number } };
  return memory.leased;
}

/** A signal that fires when one who listened to it has gone, the so-manieth. */
function endingAfter(count: number): { signal: AbortSignal; heard: () => boolean } {
  const aborts = new AbortController();
  const { signal } = aborts;
  const remove = signal.removeEventListener.bind(signal);
  let left = count;
  signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
    remove(...args);
    left--;
    if (left === 0) aborts.abort();
  };
  return { signal, heard: () => left <= 0 };
}
