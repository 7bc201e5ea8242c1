/** One member of the ensemble: integrates the model and offers each field as it is made. */
import { createModel, MODEL_LEVELS } from '../model/model.js';
import { fieldAttributes, fieldName, STEP_HOURS } from '../plan.js';
import { fieldSums } from '../sums.js';
import { Producer } from './producer.js';
import { runProgram } from './program.js';

await runProgram('model', async ({ settings, plan, pool, tally, number }) => {
  const { seed, nlat, nlon, truncation } = settings;
  const model = createModel({ member: number, seed, nlat, nlon, truncation });
  const space = { dtype: 'float32', shape: [nlat, nlon] } as const;
  const promise = await pool.promise(`${plan.stream}/number=${number}/*`);
  const producer = new Producer(tally);

  tally.start();
  for (const step of plan.steps) {
    model.advance(STEP_HOURS);
    for (const level of MODEL_LEVELS) {
      for (const param of plan.params) {
        const place = { number, step, level };
        const attributes = fieldAttributes(plan, place, param);
        const field = pool.object(fieldName(plan, place, param), { attributes, space });
        await tally.stalled(() => field.allocate());
        // Into memory that others will read: no copy of it is made anywhere.
        model.writeField(param, level, field.array);
        await producer.offer(field, fieldSums(field.array));
      }
    }
    tally.add({ steps: 1 });
  }
  await producer.settle();
  await promise.close();
});
