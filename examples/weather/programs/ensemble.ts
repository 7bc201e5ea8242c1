/** Mean and spread of the ensemble's heights: each begins when the last member's field is there. */
import { fieldName, productName } from '../plan.js';
import { writeMeanAndSpread } from '../products.js';
import { productOptions } from './product-options.js';
import { runProgram } from './program.js';

await runProgram('ensemble', async (program) => {
  const { plan, pool } = program;
  const promises = await Promise.all([
    pool.promise('product/mean-height/*'),
    pool.promise('product/spread-height/*'),
  ]);
  const places = plan.steps.flatMap((step) => plan.levels.map((level) => ({ step, level })));
  const tasks = places.map((place) => ({
    place,
    heights: Array.from({ length: plan.members }, (_, number) =>
      pool.object(fieldName(plan, { number, ...place }, 'h')),
    ),
  }));
  await program.require(tasks.flatMap(({ heights }) => heights));

  const make = async ({ place, heights }: (typeof tasks)[number]): Promise<void> => {
    const members = await Promise.all(heights.map((height) => program.receive(height)));
    const create = (product: 'mean-height' | 'spread-height') =>
      pool.object(productName(product, place), productOptions(plan, product, place));
    const mean = create('mean-height');
    const spread = create('spread-height');
    await Promise.all([mean.allocate(), spread.allocate()]);
    const sums = writeMeanAndSpread(
      members.map((member) => member.array),
      { mean: mean.array, spread: spread.array },
    );
    await Promise.all([
      program.offerProduct(mean, sums.mean, members),
      program.offerProduct(spread, sums.spread, members),
    ]);
    await Promise.all(members.map((member) => member.dispose()));
  };
  await Promise.all(tasks.map(make));
  await Promise.all(promises.map((promise) => promise.close()));
});
