/**
 * As messages-consumer.ts, without knowing what there will be: a broker that is told of each field
 * of its member of the ensemble before it is offered, requires what it was told of, lets the offers
 * go on, and works out of each field what there is of it as it comes.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Delivered, Pool, PoolEvent, RequiredMany } from 'attacca';
import { monotonicMs } from '../clock.js';
import { fieldsPerStep } from '../plan.js';
import { InFlight } from './in-flight.js';
import { messageValues } from './message-values.js';
import { checkReceived, offeredAtMs, runProgram, sumsOf } from './program.js';

await runProgram('consumer', async (program) => {
  const { plan, tally, number } = program;
  // `--via brokers` is over a pool alone: what the exchange has joined is one.
  const pool = program.pool as unknown as Pool;
  const offers = await pool.subscribe({
    ...{ kinds: 'offer', select: `ecmwf.number = ${number}`, when: 'before', acknowledge: true },
  });
  // Nothing by name, but from here on nothing is offered without being asked.
  await program.require([]);

  const take = async (field: Delivered): Promise<void> => {
    checkReceived(field as Delivered<'uint8'>, messageValues(field.unsafeBytes()));
    tally.add({ checked: 1 });
    tally.fingerprint(field.name, Object.values(sumsOf(field)).join(' '));
    tally.latency(monotonicMs() - offeredAtMs(field));
    await field.dispose();
  };
  const takeAll = async (required: RequiredMany): Promise<void> => {
    for await (const field of required.demandEach()) {
      await take(field);
      // Producers wait for what is told meanwhile: it is let go before the next field is checked.
      await turn();
    }
  };

  const takings = new InFlight(Number.POSITIVE_INFINITY);
  let left = fieldsPerStep(plan) * plan.steps.length;
  for await (const first of offers) {
    const told: PoolEvent[] = [first];
    for (let next = offers.poll(); next !== null; next = offers.poll()) told.push(next);
    const required = await pool.requireMany(told.map(({ name }) => name));
    offers.acknowledge(told);
    takings.add(takeAll(required));
    left -= told.length;
    if (left === 0) break;
  }
  await takings.settle();
});
