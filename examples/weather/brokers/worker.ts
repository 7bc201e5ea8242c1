/**
 * One of several that share the work by a durable subscription: each field is one worker's, who
 * makes a product of its cut and acknowledges when the product is there. Of one who dies, the
 * others get what it had not acknowledged.
 */
import { AttaccaError, type PoolEvent } from 'attacca';
import { monotonicMs } from '../clock.js';
import { InFlight } from '../programs/in-flight.js';
import { runPart } from './part.js';
import { converted } from './values.js';

/** Fields that one worker has at a time, so that others have some, too. */
const WINDOW = 8;

await runPart('worker', async ({ pool, count }) => {
  const offers = await pool.subscribe({
    ...{ kinds: 'offer', select: 'has ecmwf.param', until: 'complete', acknowledge: true },
    ...{ name: 'workers', from: 'start', window: WINDOW },
  });
  const latenciesMs: number[] = [];
  let again = 0;

  const make = async (offer: PoolEvent): Promise<void> => {
    // Its broker puts it when it has the field; one that comes again is there already.
    await using cut = await pool.object(`cut/${offer.name}`).demand();
    const { array, space, attributes } = cut;
    const isField = space.dtype === 'float32';
    const { units, values } = converted(array as ArrayLike<number>, String(attributes['units']));
    try {
      await pool.put(`product/${offer.name}`, isField ? values : cut.unsafeBytes(), {
        attributes: { of: offer.name, product: 'converted', units: isField ? units : 'grib' },
        space: isField ? { dtype: 'float32', shape: space.shape } : { dtype: 'uint8' },
      });
    } catch (error) {
      // Who had it before died between this and its acknowledgement.
      const isDone = error instanceof AttaccaError && error.code === 'already-offered';
      if (!isDone || !offer.isAgain) throw error;
    }
    latenciesMs.push(monotonicMs() - Number(offer.attributes['offeredAtNs']) / 1e6);
    offers.acknowledge(offer);
    count();
  };

  const making = new InFlight(Number.POSITIVE_INFINITY);
  for await (const offer of offers) {
    if (offer.isAgain) again++;
    making.add(make(offer));
  }
  await making.settle();
  return { products: latenciesMs.length, again, latenciesMs };
});
