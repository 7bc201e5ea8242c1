import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { codeOf, joinApart, ramp, servePool } from './support/pools.js';
import { Program } from './support/process.js';

const COUNT = 1 << 20;

/** The counts that the pool gives of itself. */
async function counts(pool: Awaited<ReturnType<typeof joinApart>>): Promise<Counts> {
  return (await pool.info())['counts'] as Counts;
}

interface Counts {
  readonly [name: string]: number;
}

describe('processes', () => {
  test('a field is handed to another process without a copy', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    const child = new Program(t, 'sum', server.address);
    const field = pool.object('x', { space: { dtype: 'float64', shape: [COUNT] } });
    await field.allocate();
    field.array.set(ramp(COUNT));
    await field.offer();
    assert.equal(
      await child.line('sum'),
      `sum ${(COUNT * (COUNT - 1)) / 2} true shared-memory true`,
    );
    assert.equal(await child.exit(), 0);
    const { readers, handles } = await counts(pool);
    assert.deepEqual({ readers, handles }, { readers: 0, handles: 1 });
    await field.withdraw();
  });

  test('a consumer killed while it reads holds nothing any more', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    const field = pool.object('x', { space: { dtype: 'uint8', shape: [COUNT] } });
    await field.allocate();
    field.array.fill(9);
    await field.offer();
    const child = new Program(t, 'hold', server.address);
    await child.line('holding');
    await field.withdraw();
    assert.equal((await counts(pool))['readers'], 1);
    // Whoever declares the name next waits for nothing of the dead one.
    const gone = waitForDeath(pool, 'hold');
    child.kill('SIGKILL');
    await gone;
    const after = await counts(pool);
    assert.deepEqual([after['readers'], after['versions']], [0, 0]);
  });

  test('a producer killed while it writes leaves its memory to others', async (t) => {
    const server = await servePool(t, { memoryBytes: 16 << 20 });
    await using pool = await joinApart(server, 'p');
    const child = new Program(t, 'writer', server.address);
    await child.line('wrote');
    const waiting = codeOf(pool.object('y').demand({ timeoutMs: 20 }));
    child.kill('SIGKILL');
    assert.equal(await waiting, 'deadline-passed');
    const large = pool.object('z', { space: { dtype: 'uint8', shape: [13 << 20] } });
    await large.allocate({ timeoutMs: 20_000 });
    await large.dispose();
  });

  test('one that is stopped for a while goes on unharmed', async (t) => {
    const server = await servePool(t, { sessionAwayMsMax: 50 });
    await using pool = await joinApart(server, 'p');
    const field = pool.object('x', { space: { dtype: 'uint8', shape: [COUNT] } });
    field.array.fill(9);
    await field.offer();
    const child = new Program(t, 'hold', server.address);
    await child.line('holding');
    child.kill('SIGSTOP');
    for (let round = 0; round < 5; round++) {
      const other = pool.object('never').demand({ timeoutMs: 40 });
      assert.equal(await codeOf(other), 'deadline-passed');
    }
    child.kill('SIGCONT');
    assert.equal((await counts(pool))['readers'], 1);
    child.tell('go on');
    assert.equal(await child.exit(), 0);
  });

  test('a stray write ends the writer, never the data', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    const field = pool.object('x', { space: { dtype: 'uint8', shape: [COUNT] } });
    await field.allocate();
    field.array.fill(9);
    await field.offer();
    const child = new Program(t, 'scribbler', server.address);
    await child.line('about to write');
    assert.equal(await child.exit(), 'SIGSEGV');
    await using view = await pool.object('x').demand();
    assert.equal(view.bytes[0], 9);
  });

  test('a script that forgets to leave ends, and what it kept stays', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    const child = new Program(t, 'forgetful', server.address);
    await child.line('done');
    assert.equal(await child.exit(), 0);
    await using kept = await pool.object('kept').demand();
    assert.deepEqual([...kept.bytes], [1, 2, 3]);
  });

  test('two joins of a process at once make one connection', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    const child = new Program(t, 'twice', server.address);
    await child.line('joined a b');
    assert.equal(await child.exit(), 0);
    assert.equal((await pool.members()).length, 1);
  });

  test('processes meet at a barrier', async (t) => {
    const server = await servePool(t);
    const programs = ['0', '1', '2'].map(
      (index) => new Program(t, 'meeter', server.address, index, '3', '20'),
    );
    for (const program of programs) assert.equal(await program.exit(), 0);
    await using pool = await joinApart(server, 'p');
    assert.equal((await counts(pool))['objects'], 0);
  });
});

/** Resolves when the pool has seen a member's death: its name is free again. */
async function waitForDeath(
  pool: Awaited<ReturnType<typeof joinApart>>,
  name: string,
): Promise<void> {
  for (;;) {
    const members = await pool.members();
    if (!members.some((member) => member['name'] === name)) return;
    // A wait that ends by its own deadline: the loop turns without spinning.
    await codeOf(pool.object('nothing').demand({ timeoutMs: 5 }));
  }
}
