/**
 * A program that knows nothing of pools writes files; each is an object as soon as it is whole, and
 * a consumer waits for it by its name. Run it with `node dist/examples/watch/main.js`.
 */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { join } from 'attacca';
import { watch } from 'attacca/apps';
import { serve } from 'attacca/server';

const STEPS = 3;

/** As codes do that care: written under another name, and moved into place when it is whole. */
async function simulate(directory: string): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    const values = new Float32Array(1_000).fill(step);
    const draft = joinPath(directory, `step${step}.tmp`);
    await writeFile(draft, values);
    await rename(draft, joinPath(directory, `step${step}`));
  }
}

async function consume(address: string): Promise<void> {
  await using pool = await join({ address, member: 'consumer' });
  for (let step = 0; step < STEPS; step++) {
    await using file = await pool.object(`run/step${step}`).demand();
    console.log(`${file.name}: ${file.size} bytes`);
  }
}

const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-example-'));
const server = await serve({ name: 'watch', memoryBytes: 2 ** 26 });
try {
  await using pool = await join({ address: server.address, member: 'watch' });
  const watching = watch(pool, directory, {
    ...{ name: 'run/{path}', from: 'start', count: STEPS, promise: ['run/*'] },
  });
  await Promise.all([simulate(directory), consume(server.address)]);
  const { offered } = await watching;
  console.log(`${offered} files were offered`);
} finally {
  await server.close();
  await rm(directory, { recursive: true });
}
