/**
 * Relative vorticity of each member, step and level: each begins when its own u and v are there.
 */
import { fieldName, placesOf, productName } from '../plan.js';
import { writeRelativeVorticity } from '../products.js';
import { productOptions } from './product-options.js';
import { runProgram } from './program.js';

await runProgram('vorticity', async (program) => {
  const { plan, pool } = program;
  const promise = await pool.promise('product/vorticity/*');
  const tasks = placesOf(plan).map((place) => ({
    place,
    u: pool.object(fieldName(plan, place, 'u')),
    v: pool.object(fieldName(plan, place, 'v')),
  }));
  await program.require(tasks.flatMap(({ u, v }) => [u, v]));

  const make = async ({ place, u, v }: (typeof tasks)[number]): Promise<void> => {
    const wind = await Promise.all([program.receive(u), program.receive(v)]);
    const options = productOptions(plan, 'vorticity', place);
    const vorticity = pool.object(productName('vorticity', place), options);
    await vorticity.allocate();
    const sums = writeRelativeVorticity(
      { u: wind[0].array, v: wind[1].array },
      plan.grid,
      vorticity.array,
    );
    await program.offerProduct(vorticity, sums, wind);
    await Promise.all(wind.map((field) => field.dispose()));
  };
  await Promise.all(tasks.map(make));
  await promise.close();
});
