/**
 * One of those who look: it has its share of the energies, whoever wrote them, and asks for the
 * other coordinates of the particles above the cut alone, by their indices. Of all others it takes
 * each eighth.
 */
import type { Pool } from 'attacca';
import {
  datasetName,
  datasetSpace,
  FASTEST,
  HOT_COLUMNS,
  type Outcome,
  outcomeName,
  type Plan,
  phaseSpace,
  SPECTRUM_WIDTH,
  shareOf,
  spectrumSpace,
} from '../plan.js';
import { runProgram } from './program.js';

const EACH = 8;

class Reader {
  readonly #pool: Pool;
  readonly #plan: Plan;
  readonly #index: number;
  bytes = 0;
  hot = 0;
  elements = 0;

  constructor(pool: Pool, plan: Plan, index: number) {
    this.#pool = pool;
    this.#plan = plan;
    this.#index = index;
  }

  async read(step: number): Promise<void> {
    const { plasma, readers, writers, cut } = this.#plan;
    const [start, end] = shareOf(plasma.particles, this.#index, readers);
    const energy = await this.#demand(step, 'energy', [start, end]);
    const indices: number[] = [];
    for (let at = 0; at < energy.length; at++) {
      if ((energy[at] ?? 0) >= cut) indices.push(start + at);
    }
    this.elements += energy.length;
    this.hot += indices.length;
    const each = [start, end, EACH] as const;
    const [background, hot] = await Promise.all([
      Promise.all([this.#demand(step, 'x', each), this.#demand(step, 'ux', each)]),
      indices.length === 0 ? null : this.#hot(step, { indices }),
    ]);
    const energies = indices.map((index) => energy[index - start] ?? 0);
    await Promise.all([
      this.#handOver('spectrum', step, spectrumSpace, (target) => countEnergies(energy, target)),
      this.#handOver('phase', step, phaseSpace, (target) =>
        countPhases(plasma.length, background, target),
      ),
      this.#handOver('hot', step, hotSpace(indices.length), (target) => {
        for (const [row, values] of (hot ?? []).entries()) target.set(values, row * indices.length);
        target.set(energies, 2 * indices.length);
      }),
    ]);
    // The writers may let it go.
    await this.#pool.barrier(`read/${step}`, { members: writers + readers });
  }

  async #hot(step: number, selection: { readonly indices: readonly number[] }) {
    return await Promise.all(
      (['x', 'ux'] as const).map((name) => this.#demand(step, name, selection)),
    );
  }

  async #demand(
    step: number,
    dataset: 'x' | 'ux' | 'energy',
    selection:
      | readonly [number, number]
      | readonly [number, number, number]
      | { readonly indices: readonly number[] },
  ): Promise<Float32Array> {
    const object = this.#pool.object(datasetName(step, dataset), {
      space: datasetSpace(this.#plan, dataset),
    });
    const delivered = await object.demand({ region: [selection] });
    const values = delivered.copy();
    await delivered.dispose();
    this.bytes += values.byteLength;
    return values;
  }

  async #handOver<T extends 'float32' | 'float64'>(
    outcome: Outcome,
    step: number,
    space: { readonly dtype: T; readonly shape: readonly number[] },
    write: (target: Float32Array | Float64Array) => void,
  ): Promise<void> {
    const object = this.#pool.object(outcomeName(outcome, step, this.#index), { space });
    write(object.array as Float32Array | Float64Array);
    await object.handOver();
  }
}

const hotSpace = (count: number) =>
  ({ dtype: 'float32', shape: [HOT_COLUMNS.length, count] }) as const;

function countEnergies(energies: Float32Array, target: Float32Array | Float64Array): void {
  target.fill(0);
  for (const energy of energies) {
    const bin = Math.min(target.length - 1, Math.floor(energy / SPECTRUM_WIDTH));
    target[bin] = (target[bin] ?? 0) + 1;
  }
}

function countPhases(
  length: number,
  [x, ux]: readonly [Float32Array, Float32Array],
  target: Float32Array | Float64Array,
): void {
  const [rows, columns] = phaseSpace.shape;
  target.fill(0);
  for (let i = 0; i < x.length; i++) {
    const row = Math.floor(((FASTEST - (ux[i] ?? 0)) / (2 * FASTEST)) * rows);
    const column = Math.floor(((x[i] ?? 0) / length) * columns) % columns;
    if (row < 0 || row >= rows) continue;
    target[row * columns + column] = (target[row * columns + column] ?? 0) + 1;
  }
}

await runProgram('reader', async ({ pool, plan, index }) => {
  const reader = new Reader(pool, plan, index);
  for (let step = 1; step <= plan.steps; step++) await reader.read(step);
  return { bytes: reader.bytes, hot: reader.hot, elements: reader.elements };
});
