/**
 * A pool ends, and what it had is in a store; in the next pool a librarian offers out of the store
 * what is required and nobody offers. Run it with `node dist/examples/librarian/main.js`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { join } from 'attacca';
import { archiver, librarian } from 'attacca/apps';
import { serve } from 'attacca/server';

const STEPS = 3;
const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-example-'));
const store = joinPath(directory, 'archive');

async function yesterday(address: string): Promise<void> {
  await using pool = await join({ address, member: 'model' });
  for (let step = 0; step < STEPS; step++) {
    await pool.put(`t/${step}`, new Float64Array(1_000).fill(step), { attributes: { step } });
  }
  await using other = await join({ address, member: 'archiver' });
  await archiver(other, { to: store, select: 'has step', count: STEPS });
}

async function today(address: string): Promise<void> {
  await using pool = await join({ address, member: 'plots' });
  await using other = await join({ address, member: 'librarian' });
  const over = new AbortController();
  const lending = librarian(other, { from: store, keepMs: 0, signal: over.signal });
  // A hint of what comes next; it is read while the program is busy with something else.
  await pool.emit('prefetch', { select: 'step = 2' });
  for (let step = 0; step < STEPS; step++) {
    await using field = await pool.object(`t/${step}`).demand();
    console.log(`${field.name}: ${field.array[0]}, step ${field.attributes['step']}`);
  }
  over.abort();
  const { failed } = await lending;
  console.log(`${failed} failed`);
}

try {
  for (const [name, run] of [
    ['yesterday', yesterday],
    ['today', today],
  ] as const) {
    const server = await serve({ name, memoryBytes: 2 ** 26 });
    await run(server.address).finally(() => server.close());
  }
} finally {
  await rm(directory, { recursive: true });
}
