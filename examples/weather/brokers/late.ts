/**
 * A program of which nobody knew: it joins in the middle, begins with the oldest event, and ends
 * by itself when all promises are closed. What was offered is then just what was promised, and
 * each field has its product: of these it makes means over the ensemble, and a map. The fields that
 * were withdrawn before it came it has from the librarian, when the others have ended.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool, PoolEvent } from 'attacca';
import { createBandGrid } from '../grid.js';
import { drawMap } from '../map.js';
import { writeMeanAndSpread } from '../products.js';
import { runPart } from './part.js';
import { isAsOffered } from './values.js';

/** Geopotential height at 500 hPa is drawn. */
const LEVEL = 500;
const PARAM = 156;

/** Draws the ensemble's mean and spread of the last step; null when there is none, as of GRIB. */
async function draw(pool: Pool, offers: readonly PoolEvent[], out: string): Promise<string | null> {
  const drawn = offers.filter(({ dtype, attributes }) => {
    const [level, param] = [attributes['ecmwf.levelist'], attributes['ecmwf.param']];
    return dtype === 'float32' && Number(level) === LEVEL && Number(param) === PARAM;
  });
  const last = Math.max(...drawn.map(({ attributes }) => Number(attributes['ecmwf.step'])));
  const names = drawn
    .filter(({ attributes }) => Number(attributes['ecmwf.step']) === last)
    .map(({ name }) => `product/${name}`);
  if (names.length === 0) return null;
  const fields = await pool.demandMany(names);
  const [nlat = 0, nlon = 0] = (fields[0]?.space.shape ?? []) as readonly number[];
  const [mean, spread] = [new Float32Array(nlat * nlon), new Float32Array(nlat * nlon)];
  const arrays = fields.map(({ array }) => array as ArrayLike<number>);
  writeMeanAndSpread(arrays, { mean, spread });
  await Promise.all(fields.map((field) => field.dispose()));
  const png = drawMap({
    ...{ grid: createBandGrid(nlat, nlon), field: spread, units: 'dam', colours: 'spread' },
    title: 'Ensemble spread of height at 500 hPa',
    subtitle: `${fields.length} members, day ${last / 24}`,
    contours: { field: mean, interval: 10, caption: 'mean height every 10 dam' },
  });
  mkdirSync(out, { recursive: true });
  const path = join(out, 'spread-500hPa.png');
  writeFileSync(path, png);
  return path;
}

/**
 * Fields that nobody offers any more: all comes as it was offered. All their promises are closed:
 * but for `wait` who requires them would hear at once that nobody will. Returns how many.
 */
async function fetchKept(pool: Pool, names: readonly string[]): Promise<number> {
  const kept = await pool.requireMany(names, { whenNobody: 'wait' });
  let fetched = 0;
  for await (const field of kept.demandEach()) {
    const { array, attributes, space } = field;
    const values = space.dtype === 'float32' ? (array as Float32Array) : field.unsafeBytes();
    if (!isAsOffered(values, attributes)) throw new Error(`"${field.name}" was kept otherwise`);
    fetched++;
    await field.dispose();
  }
  return fetched;
}

await runPart('late', async ({ pool, settings, out, count, note, middle }) => {
  const events = await pool.subscribe({
    ...{ kinds: ['promise', 'offer', 'join'], from: 'start', until: 'complete', own: true },
    select: '.event in ["promise", "join"] or has ecmwf.param',
  });
  await middle();
  const missing = new Set<string>();
  const offers: PoolEvent[] = [];
  const before: string[] = [];
  let hasJoined = false;
  let unknown = 0;
  for await (const event of events) {
    if (event.kind === 'gap') throw new Error(`Cannot go on: ${event.missed?.from} is gone`);
    if (event.kind === 'promise') missing.add(event.name);
    else if (event.kind === 'join') hasJoined ||= event.member === pool.memberName;
    else {
      if (!missing.delete(event.name)) unknown++;
      if (!hasJoined) before.push(event.name);
      offers.push(event);
      count();
    }
  }
  const products = await pool.requireMany(offers.map(({ name }) => `product/${name}`));
  let received = 0;
  for await (const product of products.demandEach()) {
    received++;
    await product.dispose();
  }
  const path = await draw(pool, offers, out);
  if (path !== null) note(`drew ${path}`);
  const fetched = settings.isConducted ? await fetchKept(pool, before) : 0;
  const told = { told: offers.length, before: before.length, fetched };
  return { ...told, unknown, missing: missing.size, products: received };
});
