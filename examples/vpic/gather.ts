import type { Pool, PoolObject } from 'attacca';
import {
  FIELD,
  HISTORY,
  HISTORY_COLUMNS,
  type Outcome,
  outcomeName,
  type Plan,
  phaseSpace,
  spectrumSpace,
} from './plan.js';

interface Phase {
  readonly counts: Float32Array;
  readonly hot: { readonly x: Float32Array; readonly ux: Float32Array };
}

/** What all programs together have found, by output. */
export interface Results {
  readonly times: readonly number[];
  readonly phases: readonly Phase[];
  readonly spectra: readonly Float64Array[];
  readonly field: Float32Array;
  readonly history: {
    readonly times: readonly number[];
    readonly energies: readonly number[];
    readonly amplitudes: readonly number[];
  };
}

/** Requires all that will be found before anybody begins, and puts it together as it comes. */
export async function gatherResults(pool: Pool, plan: Plan): Promise<Results> {
  const steps = Array.from({ length: plan.steps }, (_, at) => at + 1);
  const readers = Array.from({ length: plan.readers }, (_, at) => at);
  const wanted = async <T extends 'float32' | 'float64'>(
    outcome: Outcome,
    step: number,
    dtype: T,
  ): Promise<readonly PoolObject<T>[]> => {
    const objects = readers.map((reader) =>
      pool.object(outcomeName(outcome, step, reader), { space: { dtype } }),
    );
    await Promise.all(objects.map((object) => object.require()));
    return objects;
  };
  const [field, history, ...outcomes] = await Promise.all([
    required(pool, FIELD, 'float32'),
    required(pool, HISTORY, 'float64'),
    ...steps.map(async (step) => ({
      phases: await wanted('phase', step, 'float32'),
      hot: await wanted('hot', step, 'float32'),
      spectra: await wanted('spectrum', step, 'float64'),
    })),
  ]);
  const [fieldValues, historyRows, ...found] = await Promise.all([
    taken(field),
    taken(history),
    ...outcomes.map(async ({ phases, hot, spectra }) => ({
      counts: sum(await Promise.all(phases.map(taken)), new Float32Array(sizeOf(phaseSpace.shape))),
      hot: joined(await Promise.all(hot.map(taken))),
      spectrum: sum(
        await Promise.all(spectra.map(taken)),
        new Float64Array(sizeOf(spectrumSpace.shape)),
      ),
    })),
  ]);
  return {
    times: steps.map((step) => step * plan.ticks * plan.plasma.timeStep),
    phases: found,
    spectra: found.map(({ spectrum }) => spectrum),
    field: fieldValues,
    history: columnsOf(historyRows),
  };
}

async function required<T extends 'float32' | 'float64'>(
  pool: Pool,
  name: string,
  dtype: T,
): Promise<PoolObject<T>> {
  const object = pool.object(name, { space: { dtype } });
  await object.require();
  return object;
}

async function taken<T extends 'float32' | 'float64'>(object: PoolObject<T>) {
  // Who dies is heard of by its exit.
  const delivered = await object.demand({ timeoutMs: Number.POSITIVE_INFINITY });
  const values = delivered.copy();
  await delivered.dispose();
  return values;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, axis) => size * axis, 1);

function sum<A extends Float32Array | Float64Array>(all: readonly A[], target: A): A {
  for (const values of all) {
    for (let at = 0; at < values.length; at++) {
      target[at] = (target[at] ?? 0) + (values[at] ?? 0);
    }
  }
  return target;
}

function joined(all: readonly Float32Array[]): Phase['hot'] {
  const row = (values: Float32Array, at: number): number[] => {
    const count = values.length / 3;
    return [...values.subarray(at * count, (at + 1) * count)];
  };
  return {
    x: Float32Array.from(all.flatMap((values) => row(values, 0))),
    ux: Float32Array.from(all.flatMap((values) => row(values, 1))),
  };
}

function columnsOf(rows: Float64Array): Results['history'] {
  const column = (at: number): number[] =>
    Array.from({ length: rows.length / HISTORY_COLUMNS }, (_, row) =>
      Number(rows[row * HISTORY_COLUMNS + at]),
    );
  const [field, kinetic] = [column(1), column(2)];
  return {
    times: column(0),
    energies: field.map((energy, at) => energy + (kinetic[at] ?? 0)),
    amplitudes: column(4),
  };
}
