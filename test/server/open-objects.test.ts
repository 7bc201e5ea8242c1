import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf, joinApart, servePool } from '../client/support/pools.js';
import { Program } from '../client/support/process.js';
import { member } from './kept-members.js';
import { KeptPool } from './kept-pool.js';

const ROWS = 32;
const WIDTH = 700;
const SPACE = { dtype: 'int32', shape: [ROWS, WIDTH] } as const;

test('a lock ends with the process that holds it; who is stopped holds it on', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'a');
  const object = await pool.create('x', { space: { dtype: 'uint8', shape: [16] } });
  const child = new Program(t, 'locker', server.address);
  await child.line('locked');
  await (await object.lock('write', [[8, 16]])).release();
  child.kill('SIGSTOP');
  const late = await errorOf(object.lock('read', [[4, 5]], { timeoutMs: 50 }));
  assert.match(late.message, /locker holds some of the region for writing, for \d+ ms now$/u);
  const { locks } = (await pool.explain('x')) as { locks: { member: string }[] };
  assert.deepEqual(
    locks.map((each) => each.member),
    ['locker'],
  );
  const waiting = object.lock('read', [[4, 5]]);
  child.kill('SIGKILL');
  await (await waiting).release();
});

/** The last value that each row was acknowledged with. */
function acknowledged(writers: readonly Program[]): Map<number, number> {
  const values = new Map<number, number>();
  for (const { lines } of writers) {
    for (const line of lines) {
      const [row = 0, value = 0] = line.split(' ').map(Number);
      values.set(row, value);
    }
  }
  return values;
}

for (const consistency of ['posix', 'commit', 'eventual'] as const) {
  test(`${consistency}: what was acknowledged is there, whoever is killed, and whole`, async (t) => {
    const kept = await KeptPool.make(t);
    await kept.start();
    await using pool = await member(kept, 'owner');
    const object = await pool.create('x', { space: SPACE, consistency });
    for (let round = 0; round < 4; round++) {
      const writers = [0, 1].map(
        (index) => new Program(t, 'regions', kept.address, String(index), consistency),
      );
      await Promise.all(writers.map((writer) => writer.line('')));
      if (round % 2 === 1) {
        await kept.restart();
      }
      for (const writer of writers) writer.kill('SIGKILL');
      await Promise.all(writers.map((writer) => writer.exit()));
      const all = await object.read([null, null]);
      for (const [row, value] of acknowledged(writers)) {
        const cells = new Set(all.subarray(row * WIDTH, (row + 1) * WIDTH));
        assert.equal(cells.size, 1, `row ${row} is of one write`);
        const [cell = 0] = cells;
        // One more may have been written and not been told of.
        assert.ok(cell >= value && cell <= value + ROWS / 2, `row ${row}: ${cell}, not ${value}`);
      }
    }
    await object.seal();
    await object.withdraw();
    const { counts } = (await pool.info()) as { counts: { versions: number } };
    assert.equal(counts.versions, 0);
  });
}
