/**
 * A model makes steps; another program holds each field before it is offered, looks at what it
 * says, and forbids the one that has no units. Run it with `node dist/examples/step/main.js`.
 */
import { AttaccaError, join } from 'attacca';
import { type StepAnswer, step } from 'attacca/apps';
import { serve } from 'attacca/server';

const FIELDS = [
  { name: 't/0', attributes: { units: 'K' } },
  { name: 't/1', attributes: {} },
  { name: 't/2', attributes: { units: 'K' } },
];

async function simulate(address: string): Promise<void> {
  await using pool = await join({ address, member: 'model' });
  for (const { name, attributes } of FIELDS) {
    try {
      await pool.put(name, new Float64Array(10), { attributes });
      console.log(`${name} is offered`);
    } catch (error) {
      const isVeto = error instanceof AttaccaError && error.code === 'vetoed';
      console.log(`${name} is ${isVeto ? `forbidden: ${error.fields['reason']}` : 'lost'}`);
    }
  }
}

const server = await serve({ name: 'step', memoryBytes: 2 ** 26 });
const { address } = server;
try {
  await using pool = await join({ address, member: 'inspector' });
  const end = new AbortController();
  let stepping: ReturnType<typeof step> | null = null;
  await new Promise<void>((onReady) => {
    stepping = step(pool, {
      ...{ kinds: 'offer', select: 'name ~ "t/*"', signal: end.signal, onReady },
      decide: async ({ attributes }): Promise<StepAnswer> =>
        attributes['units'] === undefined ? { veto: 'a field has units' } : 'go',
    });
  });
  await simulate(address);
  end.abort();
  await stepping;
} finally {
  await server.close();
}
