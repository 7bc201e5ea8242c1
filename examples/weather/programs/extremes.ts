/**
 * The strongest wind at each point, of all members and steps: a product made of products. It takes
 * in each wind speed as it comes and lets it go at once.
 */
import type { ReceivedField } from '../exchange/exchange.js';
import { placesOf, productName } from '../plan.js';
import { createExtremes } from '../products.js';
import { fieldSums } from '../sums.js';
import { productOptions } from './product-options.js';
import { runProgram } from './program.js';

await runProgram('extremes', async (program) => {
  const { plan, pool } = program;
  const promise = await pool.promise('product/largest-wind/*');
  const places = placesOf(plan);
  const tasks = plan.levels.map((level) => ({
    level,
    speeds: places
      .filter((place) => place.level === level)
      .map((place) => ({ place, speed: pool.object(productName('wind-speed', place)) })),
  }));
  await program.require(tasks.flatMap(({ speeds }) => speeds.map(({ speed }) => speed)));

  const make = async ({ level, speeds }: (typeof tasks)[number]): Promise<void> => {
    const extremes = createExtremes(plan.grid);
    const sources: Pick<ReceivedField, 'attributes'>[] = [];
    const takeIn = async ({ place, speed }: (typeof speeds)[number]): Promise<void> => {
      const field = await program.receive(speed);
      extremes.add(field.array, { member: place.number, step: place.step });
      sources.push({ attributes: field.attributes });
      await field.dispose();
    };
    await Promise.all(speeds.map(takeIn));

    const options = productOptions(plan, 'largest-wind', { level });
    const largest = pool.object(productName('largest-wind', { level }), options);
    await largest.allocate();
    largest.array.set(extremes.largest);
    const { extreme } = extremes;
    if (extreme !== undefined) {
      const { value, member, step, latitude, longitude } = extreme;
      largest.set({ attributes: { value, member, step, latitude, longitude } });
    }
    await program.offerProduct(largest, fieldSums(largest.array), sources);
  };
  await Promise.all(tasks.map(make));
  await promise.close();
});
