/** One member of the ensemble: integrates the model and offers each field as it is made. */
import type { FieldObject } from '../exchange/exchange.js';
import { createModel, MODEL_LEVELS } from '../model/model.js';
import { fieldAttributes, fieldName, type Place, STEP_HOURS } from '../plan.js';
import { fieldSums } from '../sums.js';
import { offerAttributes, runProgram } from './program.js';

await runProgram('model', async ({ settings, plan, pool, tally, number }) => {
  const { seed, nlat, nlon, truncation } = settings;
  const model = createModel({ member: number, seed, nlat, nlon, truncation });
  const space = { dtype: 'float32', shape: [nlat, nlon] } as const;
  const promise = await pool.promise(`${plan.stream}/number=${number}/*`);

  /** Who has required the field is served although it is withdrawn; then its memory is free. */
  async function handOver(field: FieldObject): Promise<void> {
    await field.offer();
    await field.withdraw();
  }

  tally.start();
  for (const step of plan.steps) {
    model.advance(STEP_HOURS);
    for (const level of MODEL_LEVELS) {
      for (const param of plan.params) {
        const place: Place = { number, step, level };
        const attributes = fieldAttributes(plan, place, param);
        const field = pool.object(fieldName(plan, place, param), { attributes, space });
        await tally.stalled(() => field.allocate());
        // Straight into memory that others will read: no copy is made of it anywhere.
        model.writeField(param, level, field.array);
        const bytes = field.bytes.length;
        const sums = fieldSums(field.array);
        await tally.stalled(async () => {
          await field.set({ attributes: offerAttributes(sums) });
          await handOver(field);
        });
        tally.add({ fields: 1, bytes });
      }
    }
    tally.add({ steps: 1 });
  }
  await promise.close();
});
