/**
 * One member of the ensemble: promises each field by its name, offers it, withdraws it in the same
 * breath, and leaves when the last one is on its way. Who needs a field has required it by then.
 */
import { AttaccaError, type Attributes, type PoolObject } from 'attacca';
import { monotonicNs } from '../clock.js';
import { InFlight } from '../programs/in-flight.js';
import { type Field, fieldsOf } from './fields.js';
import { type Part, runPart } from './part.js';
import { spoil, sumsOf } from './values.js';

/** Fields that wait for their brokers while the next ones are computed. */
const IN_FLIGHT_MAX = 32;

type FieldObject = PoolObject<'float32'> | PoolObject<'uint8'>;

function describe({ array }: FieldObject): Attributes {
  return { ...sumsOf(array), offeredAtNs: monotonicNs() };
}

async function handOver(object: FieldObject): Promise<void> {
  object.set({ attributes: describe(object) });
  await object.handOver();
}

/** A field with a hole in it: the contract does not let it in, its maker hears why and mends it. */
async function handOverSpoiled(object: FieldObject, note: Part['note']): Promise<void> {
  const mend = spoil(object.array);
  try {
    await handOver(object);
  } catch (error) {
    if (!(error instanceof AttaccaError && error.code === 'vetoed')) throw error;
    note(`${object.name} was vetoed by ${error.fields['by']}: ${error.fields['reason']}; mended`);
    mend();
    await handOver(object);
    return;
  }
  throw new Error(`Cannot trust the contract: it let "${object.name}" in`);
}

await runPart('producer', async ({ pool, settings, number, promised, count, note, ...part }) => {
  const fields = await fieldsOf(pool, settings, number);
  const promise = await pool.promise(...fields.map(({ name }) => ({ name })));
  promised(fields.length);
  await part.meet();
  const inFlight = new InFlight(IN_FLIGHT_MAX);
  const middleAt = Math.max(1, Math.floor((2 * fields.length) / 3));
  const spoiledAt = number === 0 ? Math.floor(fields.length / 3) : -1;
  let bytes = 0;

  const offer = async ({ name, attributes, space, write }: Field, index: number): Promise<void> => {
    const object = pool.object(name, { attributes, space }) as FieldObject;
    await object.allocate();
    write(object.array);
    bytes += object.bytes.length;
    const handed = index === spoiledAt ? handOverSpoiled(object, note) : handOver(object);
    inFlight.add(handed.then(count));
    await inFlight.room();
  };
  for (const [index, field] of fields.entries()) {
    if (index === middleAt) await part.middle();
    await offer(field, index);
  }
  if (fields.length <= middleAt) await part.middle();
  await inFlight.settle();
  await promise.close();
  const behindMiddle = Math.max(0, fields.length - middleAt);
  return { promised: fields.length, behindMiddle, bytes, vetoed: spoiledAt < 0 ? 0 : 1 };
});
