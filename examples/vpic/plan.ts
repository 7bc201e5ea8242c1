/** What all programs agree upon: sizes, names, and who has what. */
import type { Space } from 'attacca';
import { badUsage } from '../weather/settings.js';
import { FASTEST_WAVE, type PlasmaSettings } from './plasma.js';

/** The datasets of a step, each an object in parts, as VPIC writes them. */
export const DATASETS = {
  x: 'float32',
  y: 'float32',
  z: 'float32',
  ux: 'float32',
  uy: 'float32',
  uz: 'float32',
  energy: 'float32',
  id: 'uint32',
} as const;
export type Dataset = keyof typeof DATASETS;

/** What a high-energy particle is described by, in the order of the rows that readers make. */
export const HOT_COLUMNS = ['x', 'ux', 'energy'] as const;

export interface Plan {
  readonly writers: number;
  readonly readers: number;
  /** Times at which particles are handed over, the beginning not among them. */
  readonly steps: number;
  /** Steps of the plasma between two of these. */
  readonly ticks: number;
  readonly plasma: PlasmaSettings;
  /** Energy from which on a particle is of interest; a beam has 0.5. */
  readonly cut: number;
}

export interface PlanWishes {
  readonly writers: number;
  readonly readers: number;
  readonly steps: number;
  readonly particles: number;
  readonly cut: number;
  readonly seed: number;
  /** Time until which it is computed. */
  readonly until: number;
}

const WAVELENGTHS = 3;
const TIME_STEP = 0.1;

/** @throws WeatherError `bad-usage` */
export function createPlan(wishes: PlanWishes): Plan {
  const { writers, readers, steps, particles, cut, seed, until } = wishes;
  const cells = 192;
  if (writers > cells) throw badUsage(`Cannot take "--writers ${writers}": at most ${cells}`);
  return {
    writers,
    readers,
    steps,
    ticks: Math.max(1, Math.round(until / TIME_STEP / steps)),
    cut,
    plasma: {
      particles,
      cells,
      length: (WAVELENGTHS * 2 * Math.PI) / FASTEST_WAVE,
      timeStep: TIME_STEP,
      magnetic: 0.5,
      thermal: 0.05,
      seedMode: WAVELENGTHS,
      seedAmplitude: 0.002,
      seed,
    },
  };
}

/** The indices that one of several has: neighbours, as evenly as whole numbers allow. */
export function shareOf(size: number, part: number, parts: number): [start: number, end: number] {
  return [Math.floor((size * part) / parts), Math.floor((size * (part + 1)) / parts)];
}

/** Which writer has the particles at x: that which has the cell. */
export function ownerOf({ writers, plasma }: Plan, x: number): number {
  const cell = Math.min(plasma.cells - 1, Math.floor((x / plasma.length) * plasma.cells));
  return Math.floor(((cell + 1) * writers - 1) / plasma.cells);
}

export const datasetName = (step: number, dataset: Dataset): string =>
  `particles/step=${step}/${dataset}`;

export function datasetSpace<S extends Dataset>({ plasma }: Plan, dataset: S) {
  return { dtype: DATASETS[dataset], shape: [plasma.particles] } as const;
}

export const FIELD = 'field/ex';

/** The electric field at all times: rows by time, in blocks by step and writer. */
export function fieldSpace({ steps, ticks, plasma }: Plan) {
  return { dtype: 'float32', shape: [steps * ticks, plasma.cells] } as const;
}

/** Time, field energy, kinetic energy, momentum and amplitude of the seeded wave at each tick. */
export const HISTORY = 'history';
export const HISTORY_COLUMNS = 5;

export const spectrumSpace = { dtype: 'float64', shape: [100] } as const satisfies Partial<Space>;
/** Energy of a bin of the spectrum. */
export const SPECTRUM_WIDTH = 0.05;

/** A picture of x and ux: rows by ux from 3 down to -3. */
export const phaseSpace = { dtype: 'float32', shape: [150, 640] } as const satisfies Partial<Space>;
export const FASTEST = 3;

export type Outcome = 'phase' | 'spectrum' | 'hot';
/** What a reader makes of a step. */
export const outcomeName = (outcome: Outcome, step: number, reader: number): string =>
  `seen/step=${step}/reader=${reader}/${outcome}`;
