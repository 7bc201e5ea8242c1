/** Offers the fields of a file where a model would offer what it has computed. */
import { GRAVITY } from '../model/spectral-operators.js';
import { fieldAttributes, fieldName, openAnalysis } from '../plan.js';
import { fieldSums } from '../sums.js';
import { Producer } from './producer.js';
import { runProgram } from './program.js';

await runProgram('reader', async ({ settings, plan, pool, tally }) => {
  const { fields } = openAnalysis(settings.input ?? '');
  const space = {
    dtype: 'float32',
    shape: [plan.grid.latitudes.length, plan.grid.longitudes.length],
  } as const;
  const promise = await pool.promise(`${plan.stream}/*`);
  const producer = new Producer(tally);
  tally.start();
  for (const { place, param, source } of fields) {
    const others = Object.fromEntries(source.others);
    const attributes = { ...fieldAttributes(plan, place, param), ...others };
    const field = pool.object(fieldName(plan, place, param), { attributes, space });
    await tally.stalled(() => field.allocate());
    const { array } = field;
    source.writeInto(array);
    // Geopotential over gravity is height.
    if (param === 'h')
      for (let at = 0; at < array.length; at++) array[at] = (array[at] ?? 0) / GRAVITY;
    await producer.offer(field, fieldSums(array));
  }
  await producer.settle();
  await promise.close();
});
