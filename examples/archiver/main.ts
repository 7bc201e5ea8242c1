/**
 * A simulation offers fields and withdraws each at once; an archiver stores them all the same, as
 * the pool requires them for it at the moment of their offer. Run it with
 * `node dist/examples/archiver/main.js`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { join, type Pool } from 'attacca';
import { type ArchiverSummary, archiver } from 'attacca/apps';
import { serve } from 'attacca/server';

const STEPS = 4;

async function simulate(pool: Pool): Promise<void> {
  await using promise = await pool.promise('t/*');
  for (let step = 0; step < STEPS; step++) {
    const field = pool.object(`t/${step}`, {
      ...{ attributes: { param: 't', step }, space: { dtype: 'float64', shape: [1_000] } },
    });
    (field.array as Float64Array).fill(step);
    await field.offer();
    await field.withdraw();
  }
  await promise.close();
}

const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-example-'));
const server = await serve({ name: 'archiver', memoryBytes: 2 ** 26 });
try {
  await using model = await join({ address: server.address, member: 'model' });
  await using pool = await join({ address: server.address, member: 'archiver' });
  const { objects, failed } = await new Promise<ArchiverSummary>((resolve, reject) => {
    const archiving = archiver(pool, {
      ...{ to: joinPath(directory, 'archive'), select: 'param = "t"', until: 'complete' },
      onReady: () => void simulate(model).catch(reject),
      onStored: ({ name, bytes }) => console.log(`${name}: ${bytes} bytes`),
    });
    archiving.then(resolve, reject);
  });
  console.log(`${objects} objects are stored, ${failed} failed`);
} finally {
  await server.close();
  await rm(directory, { recursive: true });
}
