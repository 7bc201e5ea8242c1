/**
 * Sees to one member of the ensemble: is told of each field before it is offered, requires it, and
 * only then lets the offer go on; so its producer may withdraw it at once. The broker's workers
 * demand the fields, check them, and put what users ask for: a field on half the grid.
 */
import type { PoolObject } from 'attacca';
import { monotonicMs } from '../clock.js';
import { InFlight } from '../programs/in-flight.js';
import { runPart } from './part.js';
import { halved, isAsOffered } from './values.js';

await runPart('broker', async ({ pool, number, count, meet }) => {
  const offers = await pool.subscribe({
    ...{ kinds: 'offer', select: `ecmwf.number = ${number}`, until: 'complete' },
    ...{ when: 'before', acknowledge: true },
  });
  await meet();
  const latenciesMs: number[] = [];
  const workers = new InFlight(Number.POSITIVE_INFINITY);
  /** Required, and not there yet: one that was vetoed comes again. */
  const awaited = new Set<string>();

  const work = async (object: PoolObject): Promise<void> => {
    await using field = await object.demand();
    awaited.delete(field.name);
    const { name, attributes, space } = field;
    const isField = space.dtype === 'float32';
    const values = isField ? (field.array as Float32Array) : field.unsafeBytes();
    if (!isAsOffered(values, attributes)) throw new Error(`"${name}" is not as it was offered`);
    latenciesMs.push(monotonicMs() - Number(attributes['offeredAtNs']) / 1e6);
    const [nlat = 0, nlon = 0] = space.shape as readonly number[];
    const about = { of: name, units: attributes['units'] ?? '1' };
    await pool.put(`cut/${name}`, isField ? halved(values, nlat, nlon) : values, {
      attributes: { ...about, product: 'cut' },
      space: isField ? { dtype: 'float32', shape: [nlat / 2, nlon / 2] } : { dtype: 'uint8' },
    });
    count();
  };

  for await (const offer of offers) {
    if (!awaited.has(offer.name)) {
      awaited.add(offer.name);
      const field = pool.object(offer.name);
      await field.require();
      workers.add(work(field));
    }
    offers.acknowledge(offer);
  }
  await workers.settle();
  return { taken: latenciesMs.length, latenciesMs };
});
