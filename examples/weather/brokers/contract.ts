/**
 * A data contract: no field gets in without units, with a value that is none, or with nothing but
 * zeros. The pool measures each before it is offered, also in a group or encoded. The selector is
 * what breaks the contract, so a good field waits for nobody here; a field whose numbers cannot be
 * measured is refused by the pool, as it may be one that breaks it.
 */
import type { PoolEvent } from 'attacca';
import { runPart } from './part.js';

function whyNot({ attributes }: PoolEvent): string {
  if (attributes['units'] === undefined) return 'a field has units';
  const count = Number(attributes['stats.nan']);
  if (count > 0) return `no field with NaN gets in, and ${count} ${count === 1 ? 'is' : 'are'}`;
  return 'a field is not all zeros';
}

await runPart('contract', async ({ pool, count, meet }) => {
  const broken = await pool.subscribe({
    ...{ kinds: 'offer', when: 'before', acknowledge: true, silence: 'deny', until: 'complete' },
    select: `has ecmwf.param and
      (not has units or stats.nan > 0 or stats.min = 0 and stats.max = 0)`,
  });
  await meet();
  let vetoed = 0;
  for await (const offer of broken) {
    // What is decided already is none that this one has refused.
    if (await broken.veto(offer, whyNot(offer))) vetoed++;
    count();
  }
  return { vetoed };
});
