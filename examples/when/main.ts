/**
 * A model offers a field for each step; a trigger works out the mean of each, two at a time, and
 * tries again what fails. Run it with `node dist/examples/when/main.js`.
 */
import { join, type PoolEvent } from 'attacca';
import { type Run, when } from 'attacca/apps';
import { serve } from 'attacca/server';

const STEPS = 4;

async function simulate(address: string): Promise<void> {
  await using pool = await join({ address, member: 'model' });
  await using _promise = await pool.promise('t/*');
  for (let step = 0; step < STEPS; step++) {
    const field = new Float64Array(1_000).fill(270 + step);
    await pool.put(`t/${step}`, field, { attributes: { param: 't', step } });
  }
}

async function means(address: string): Promise<void> {
  await using pool = await join({ address, member: 'means' });
  const mean = async ({ name, attributes }: PoolEvent, { attempt, id }: Run): Promise<void> => {
    // The first attempt at step 2 fails, as a full disk would let it.
    if (attributes['step'] === 2 && attempt === 1) throw new Error('no space left');
    await using field = await pool.object(name, { space: { dtype: 'float64' } }).demand();
    const sum = field.array.reduce((total, value) => total + value, 0);
    // Whoever reads this can tell by `id` that it has it already.
    await pool.emit('mean', { object: name, mean: sum / field.array.length, id });
  };
  const { done, failed } = await when(pool, {
    ...{ name: 'means', select: 'param = "t"', jobs: 2, retries: 3, backoffMs: 1 },
    ...{ run: mean, until: 'complete' },
    onEnd: ({ event, outcome, attempts }) =>
      console.log(`${event.name}: ${outcome}, attempts: ${attempts}`),
  });
  console.log(`${done} done, ${failed} failed`);
}

const server = await serve({ name: 'when', memoryBytes: 2 ** 26 });
try {
  await Promise.all([means(server.address), simulate(server.address)]);
} finally {
  await server.close();
}
