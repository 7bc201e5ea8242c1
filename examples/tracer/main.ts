/**
 * Traces a small workflow: a model, a product of each of its fields, and who looks at that. Writes
 * trace.json, which ui.perfetto.dev opens. Run it with `node dist/examples/tracer/main.js [FILE]`.
 */
import { join, type Pool } from 'attacca';
import { tracer } from 'attacca/apps';
import { serve } from 'attacca/server';

const STEPS = 6;
const steps = Array.from({ length: STEPS }, (_, step) => step);

async function model(pool: Pool): Promise<void> {
  await using _promise = await pool.promise('t/*');
  for (const step of steps) {
    const space = { dtype: 'float64', shape: [200_000] } as const;
    const field = pool.object(`t/${step}`, { space, attributes: { param: 't', step } });
    for (let index = 0; index < field.array.length; index++) field.array[index] = Math.sin(index);
    // For who has required it, and nobody later.
    await field.handOver();
  }
}

async function product(pool: Pool, step: number): Promise<void> {
  const space = { dtype: 'float64' } as const;
  await using field = await pool.object(`t/${step}`, { space }).demand();
  const sum = field.array.reduce((total, value) => total + value, 0);
  await pool.put(`mean/${step}`, Float64Array.of(sum / field.array.length));
}

async function look(pool: Pool, step: number): Promise<void> {
  await using _mean = await pool.object(`mean/${step}`).demand();
}

const [to = 'trace.json'] = process.argv.slice(2);
const server = await serve({ name: 'tracer', memoryBytes: 2 ** 26 });
const { address } = server;
try {
  await using watcher = await join({ address, member: 'tracer' });
  await using models = await join({ address, member: 'model[0]' });
  await using products = await join({ address, member: 'product' });
  await using viewers = await join({ address, member: 'viewer' });
  const end = new AbortController();
  const tracing = tracer(watcher, { format: 'perfetto', to, from: 'start', signal: end.signal });
  const needs = steps.flatMap((step) => [product(products, step), look(viewers, step)]);
  await Promise.all([model(models), ...needs]);
  end.abort();
  const { missed } = await tracing;
  console.log(`wrote a trace; ${missed} events were missed`);
} finally {
  await server.close();
}
