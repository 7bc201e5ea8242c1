/**
 * One of those who compute: it has the particles in its cells. All have the whole field, of the
 * densities that each has told the others. At each output particles go to whose cells they are in
 * by now, and each writes its part of the eight datasets and its block of the field.
 */
import type { Pool, PoolObject } from 'attacca';
import { Exchange } from '../exchange.js';
import {
  DATASETS,
  type Dataset,
  datasetName,
  datasetSpace,
  FIELD,
  fieldSpace,
  HISTORY,
  HISTORY_COLUMNS,
  ownerOf,
  type Plan,
  shareOf,
} from '../plan.js';
import {
  amplitude,
  deposit,
  drift,
  fieldEnergy,
  kick,
  loadParticles,
  motion,
  type Particles,
  solveField,
} from '../plasma.js';
import { tell } from './messages.js';
import { runProgram } from './program.js';

/** id, then the six coordinates. */
const RECORD = 7;
/** What follows the density in what a writer tells the others: kinetic energy and momentum. */
const SUMS = 2;
/** Outputs that may be in the pool and are not read yet. */
const AHEAD_MAX = 2;

class Writer {
  readonly #pool: Pool;
  readonly #plan: Plan;
  readonly #index: number;
  readonly #particles: Particles;
  readonly #densities: Exchange;
  readonly #counts: Exchange;
  readonly #total: Float64Array;
  readonly #field: Float64Array;
  readonly #history: number[] = [];
  /** At the beginning of the step; null before the first. */
  #motion: { readonly kinetic: number; readonly momentum: number } | null = null;
  readonly #fieldObject: PoolObject<'float32'>;
  readonly #releases: Promise<unknown>[] = [];
  /** Particles on their way, until those who get them have them. */
  readonly #given: PoolObject[] = [];
  bytes = 0;
  moved = 0;

  constructor(pool: Pool, plan: Plan, index: number) {
    const { cells } = plan.plasma;
    const seat = { part: index, parts: plan.writers };
    this.#pool = pool;
    this.#plan = plan;
    this.#index = index;
    this.#particles = loadParticles(plan.plasma, (x) => ownerOf(plan, x) === index);
    this.#densities = new Exchange(pool, { name: 'density', ...seat });
    this.#counts = new Exchange(pool, { name: 'counts', ...seat });
    this.#total = new Float64Array(cells);
    this.#field = new Float64Array(cells);
    this.#fieldObject = pool.object(FIELD, { space: fieldSpace(plan) });
  }

  async run(): Promise<void> {
    const { steps, ticks, writers, plasma } = this.#plan;
    await this.#solve();
    for (let step = 1; step <= steps; step++) {
      const [start, end] = shareOf(plasma.cells, this.#index, writers);
      const rows = [(step - 1) * ticks, step * ticks] as const;
      const block = this.#fieldObject.region([rows, [start, end]]);
      for (let tick = 0; tick < ticks; tick++) {
        block.array.set(this.#field.subarray(start, end), tick * (end - start));
        await this.#advance();
      }
      this.bytes += block.bytes.byteLength;
      await block.offer();
      await this.#migrate(step);
      await this.#output(step);
      const time = step * ticks * plasma.timeStep;
      if (this.#index === 0) await tell({ kind: 'progress', step, time });
    }
    await Promise.all(this.#releases);
    if (this.#index === 0) await this.#handOverHistory();
    await this.#fieldObject.withdraw();
    await Promise.all([this.#densities.end(), this.#counts.end()]);
  }

  async #advance(): Promise<void> {
    const { plasma } = this.#plan;
    this.#motion = motion(plasma, this.#particles);
    kick(plasma, this.#particles, this.#field);
    drift(plasma, this.#particles);
    await this.#solve();
    kick(plasma, this.#particles, this.#field);
  }

  /** The field of all particles; tells on the way how those of the last step move. */
  async #solve(): Promise<void> {
    const { plasma, writers } = this.#plan;
    const { cells } = plasma;
    const row = new Float64Array(cells + SUMS);
    deposit(plasma, this.#particles, row.subarray(0, cells));
    if (this.#motion !== null) row.set([this.#motion.kinetic, this.#motion.momentum], cells);
    const rows = await this.#densities.all(row);
    this.#total.fill(0);
    const sums = [0, 0];
    for (let writer = 0; writer < writers; writer++) {
      const base = writer * row.length;
      for (let cell = 0; cell < cells; cell++) {
        this.#total[cell] = (this.#total[cell] ?? 0) + (rows[base + cell] ?? 0);
      }
      for (const at of [0, 1]) sums[at] = (sums[at] ?? 0) + (rows[base + cells + at] ?? 0);
    }
    if (this.#motion !== null) this.#remember(sums);
    solveField(plasma, this.#total, this.#field);
  }

  /** Of the time before: its field is still there, and how all particles moved is known by now. */
  #remember(sums: readonly number[]): void {
    const { plasma } = this.#plan;
    const time = (this.#history.length / HISTORY_COLUMNS) * plasma.timeStep;
    const wave = amplitude(this.#field, plasma.seedMode);
    this.#history.push(time, fieldEnergy(plasma, this.#field), ...sums, wave);
  }

  async #handOverHistory(): Promise<void> {
    const shape = [this.#history.length / HISTORY_COLUMNS, HISTORY_COLUMNS];
    const history = this.#pool.object(HISTORY, { space: { dtype: 'float64', shape } });
    history.array.set(this.#history);
    await history.handOver();
  }

  /** Gives particles to whose cells they are in: a list for each writer, in parts by who gives. */
  async #migrate(step: number): Promise<void> {
    const { writers } = this.#plan;
    const leaving: number[][] = Array.from({ length: writers }, () => []);
    this.#particles.extract(
      (x) => ownerOf(this.#plan, x) !== this.#index,
      (id, values) => leaving[ownerOf(this.#plan, values[0] ?? 0)]?.push(id, ...values),
    );
    const counts = await this.#counts.all(
      Float64Array.from(leaving, (records) => records.length / RECORD),
    );
    await Promise.all(leaving.map((records, to) => this.#give(step, to, records, counts)));
    const total = columnSum(counts, writers, this.#index);
    if (total === 0) return;
    const arriving = this.#pool.object<'float64'>(movingName(step, this.#index));
    const records = await arriving.demand();
    const { array } = records;
    for (let at = 0; at < array.length; at += RECORD) {
      this.#particles.add(array[at] ?? 0, array, at + 1);
    }
    this.moved += total;
    await records.dispose();
  }

  async #give(
    step: number,
    to: number,
    records: readonly number[],
    counts: ArrayLike<number>,
  ): Promise<void> {
    if (records.length === 0) return;
    const { writers } = this.#plan;
    const total = columnSum(counts, writers, to);
    const space = { dtype: 'float64', shape: [total, RECORD] } as const;
    const before = columnSum(counts, this.#index, to);
    const moving = this.#pool.object(movingName(step, to), { space });
    const end = before + records.length / RECORD;
    await moving
      .region([[before, end], null])
      .write(Float64Array.from(records))
      .offer();
    this.#given.push(moving);
  }

  /** Writes its part of each dataset; it stays until all readers have what they want of it. */
  async #output(step: number): Promise<void> {
    const { writers, readers } = this.#plan;
    await this.#releases[this.#releases.length - AHEAD_MAX];
    const row = new Float64Array(writers).fill(this.#particles.count);
    const counts = await this.#counts.all(row);
    // All have told their numbers: so all have what came to them.
    await Promise.all(this.#given.splice(0).map((given) => given.withdraw()));
    let start = 0;
    for (let writer = 0; writer < this.#index; writer++) start += counts[writer * writers] ?? 0;
    const names = Object.keys(DATASETS) as Dataset[];
    const objects = await Promise.all(names.map((name) => this.#offer(step, name, start)));
    const read = this.#pool.barrier(`read/${step}`, { members: writers + readers });
    const released = read.then(() => Promise.all(objects.map((object) => object.withdraw())));
    released.catch(() => {});
    this.#releases.push(released);
  }

  async #offer(step: number, dataset: Dataset, start: number): Promise<PoolObject> {
    const { columns, ids, count } = this.#particles;
    const name = datasetName(step, dataset);
    const object: PoolObject = this.#pool.object(name, {
      space: datasetSpace(this.#plan, dataset),
      attributes: { step, dataset },
    });
    const part = object.region([[start, start + count]]);
    await part.allocate();
    const { buffer, byteOffset } = part.bytes;
    if (dataset === 'id') new Uint32Array(buffer, byteOffset, count).set(ids);
    else fillValues(dataset, columns, new Float32Array(buffer, byteOffset, count));
    this.bytes += part.bytes.byteLength;
    await part.offer();
    return object;
  }
}

function fillValues(
  dataset: Exclude<Dataset, 'id'>,
  columns: readonly Float64Array[],
  target: Float32Array,
): void {
  const [x = target, y = target, z = target, ux = target, uy = target, uz = target] = columns;
  if (dataset !== 'energy') {
    target.set({ x, y, z, ux, uy, uz }[dataset]);
    return;
  }
  for (let i = 0; i < target.length; i++) {
    target[i] = ((ux[i] ?? 0) ** 2 + (uy[i] ?? 0) ** 2 + (uz[i] ?? 0) ** 2) / 2;
  }
}

const movingName = (step: number, to: number): string => `moving/step=${step}/to=${to}`;

/** Of the first rows of a square matrix. */
function columnSum(matrix: ArrayLike<number>, rows: number, column: number): number {
  const width = Math.sqrt(matrix.length);
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += matrix[row * width + column] ?? 0;
  return sum;
}

await runProgram('writer', async ({ pool, plan, index }) => {
  const writer = new Writer(pool, plan, index);
  await writer.run();
  return { bytes: writer.bytes, moved: writer.moved };
});
