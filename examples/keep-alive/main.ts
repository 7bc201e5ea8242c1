/**
 * A simulation writes restart files into a pool and goes on; one program keeps the newest restart
 * until the next one is there. Run it with `node dist/examples/keep-alive/main.js`.
 */
import { join } from 'attacca';
import { keepAlive } from 'attacca/apps';
import { serve } from 'attacca/server';

const STEPS = 3;
const CELLS = 1_000;

/** Offers a restart for each step, and forgets it at once: it has no use for it itself. */
async function simulate(address: string): Promise<void> {
  await using pool = await join({ address, member: 'model' });
  await using _promise = await pool.promise('restart/*');
  for (let step = 0; step < STEPS; step++) {
    const shape = [CELLS];
    const restart = pool.object(`restart/${step}`, { space: { dtype: 'float64', shape } });
    restart.array.fill(step);
    await restart.offer();
    // Who has required it keeps it; it does not stay for the model's sake.
    await restart.withdraw();
  }
}

/** Keeps each restart until the next one is offered; ends when nobody will offer one any more. */
async function keepNewest(address: string): Promise<void> {
  await using pool = await join({ address, member: 'keeper' });
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  await Promise.all(
    steps.map(async (step) => {
      const until = `restart/${step + 1}`;
      await keepAlive(pool, `restart/${step}`, { until }).then(
        ({ held }) => console.log(`${held[0]?.name} is let go: ${until} is there`),
        (error: Error & { code?: string }) => console.log(`restart/${step}: ${error.code}`),
      );
    }),
  );
}

const server = await serve({ name: 'keep-alive', memoryBytes: 2 ** 26 });
try {
  await Promise.all([keepNewest(server.address), simulate(server.address)]);
} finally {
  await server.close();
}
