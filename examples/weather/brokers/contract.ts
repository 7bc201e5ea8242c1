/**
 * A data contract: no field gets in without units, or with a value that is missing. Its selector is
 * what breaks the contract, so a good field waits for nobody here.
 */
import type { PoolEvent } from 'attacca';
import { runPart } from './part.js';

function whyNot({ attributes }: PoolEvent): string {
  if (attributes['units'] === undefined) return 'a field has units';
  return `no field with missing values gets in, and ${attributes['missing']} are`;
}

await runPart('contract', async ({ pool, count, meet }) => {
  const broken = await pool.subscribe({
    ...{ kinds: 'offer', when: 'before', acknowledge: true, silence: 'deny', until: 'complete' },
    select: 'has ecmwf.param and (not has units or missing > 0)',
  });
  await meet();
  let vetoed = 0;
  for await (const offer of broken) {
    await broken.veto(offer, whyNot(offer));
    vetoed++;
    count();
  }
  return { vetoed };
});
