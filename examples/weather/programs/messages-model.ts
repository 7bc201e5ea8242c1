/**
 * One member of the ensemble at ECMWF's sizes: 176 fields a step. Nine of them are the model's
 * (three levels of u, v and h), and the others are these, scaled: moving the data is what is timed
 * here.
 */
import { createModel, MODEL_LEVELS } from '../model/model.js';
import {
  bytesPerField,
  MESSAGE_OVERHEAD_BYTES,
  MESSAGE_PLACES,
  messageName,
  STEP_HOURS,
} from '../plan.js';
import { fieldSums } from '../sums.js';
import { messageValues } from './message-values.js';
import { Producer } from './producer.js';
import { runProgram } from './program.js';

await runProgram('model', async ({ settings, plan, pool, tally, number }) => {
  const { seed, nlat, nlon, truncation } = settings;
  const model = createModel({ member: number, seed, nlat, nlon, truncation });
  const size = bytesPerField(plan);
  const space = { dtype: 'uint8', shape: [size] } as const;
  const real = MODEL_LEVELS.flatMap((level) =>
    plan.params.map((param) => ({ level, param, values: new Float32Array(nlat * nlon) })),
  );
  const promise = await pool.promise(`${plan.stream}/number=${number}/*`);
  const producer = new Producer(tally);

  tally.start();
  for (const step of plan.steps) {
    model.advance(STEP_HOURS);
    for (const { level, param, values } of real) model.writeField(param, level, values);
    for (const [index, place] of MESSAGE_PLACES.entries()) {
      const { levelType, level, param } = place;
      const attributes = {
        'ecmwf.class': 'rd',
        'ecmwf.stream': plan.stream,
        'ecmwf.number': number,
        'ecmwf.step': step,
        'ecmwf.levtype': levelType,
        'ecmwf.levelist': level,
        'ecmwf.param': param,
      };
      const field = pool.object(messageName(plan, { number, step }, place), { attributes, space });
      await tally.stalled(() => field.allocate());
      const target = messageValues(field.bytes);
      const source = real[index % real.length]?.values ?? target;
      const factor = 1 + index / MESSAGE_PLACES.length;
      for (let at = 0; at < target.length; at++) target[at] = (source[at] ?? 0) * factor;
      field.bytes.fill(index & 255, size - MESSAGE_OVERHEAD_BYTES);
      await producer.offer(field, fieldSums(target));
    }
    tally.add({ steps: 1 });
  }
  await producer.settle();
  await promise.close();
});
