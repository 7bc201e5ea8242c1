/**
 * Product generation at ECMWF's sizes: one program for each member of the ensemble takes each field
 * of that member as it comes, and works out what there is of it: count, sums, extremes.
 */
import { monotonicMs } from '../clock.js';
import { MESSAGE_PLACES, messageName } from '../plan.js';
import { messageValues } from './message-values.js';
import { checkReceived, offeredAtMs, runProgram, sumsOf } from './program.js';

await runProgram('consumer', async (program) => {
  const { plan, pool, tally, number } = program;
  const fields = plan.steps.flatMap((step) =>
    MESSAGE_PLACES.map((place) => pool.object(messageName(plan, { number, step }, place))),
  );
  await program.require(fields);
  await Promise.all(
    fields.map(async (object) => {
      const field = await object.demand();
      checkReceived(field, messageValues(field.unsafeBytes()));
      tally.add({ checked: 1 });
      tally.fingerprint(object.name, Object.values(sumsOf(field)).join(' '));
      tally.latency(monotonicMs() - offeredAtMs(field));
      await field.dispose();
    }),
  );
});
