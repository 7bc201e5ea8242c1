/**
 * A small weather model: an aqua-planet of shallow-water layers, one for each pressure level.
 *
 * The layers do not touch each other; each is a real integration with the depth and the winds usual
 * at its level, started from waves at the same places. The model computes on coefficients of
 * spherical harmonics (see layer.ts) and evaluates its fields on any grid of latitudes and
 * longitudes. The same options give the same bits; no array is allocated after `createModel`.
 */
import { WeatherError } from '../errors.js';
import { createBandGrid } from '../grid.js';
import { type Scenario, writeInitialState } from './initial-state.js';
import { createWorkspace, type LayerWorkspace, ShallowWaterLayer } from './layer.js';
import { createGaussianGrid, createTriangle } from './legendre.js';
import { createSpectralOperators, createSpectrum, GRAVITY } from './spectral-operators.js';
import { type Spectrum, SphericalTransform } from './spherical-transform.js';

/**
 * Mean heights: US Standard Atmosphere 1976, table I. Jet speeds (m/s): usual winter winds. Shares
 * of the waves: lower down the highs and lows count for more than the jet.
 */
const LEVELS = {
  250: { meanHeightMetres: 10363, jetSpeed: 80, waveShare: 0.25 },
  500: { meanHeightMetres: 5574, jetSpeed: 50, waveShare: 0.35 },
  850: { meanHeightMetres: 1457, jetSpeed: 25, waveShare: 0.7 },
} as const;

/** Pressure of a level, hPa. */
export type ModelLevel = keyof typeof LEVELS;
export const MODEL_LEVELS: readonly ModelLevel[] = [250, 500, 850];

export type ModelField = 'u' | 'v' | 'h' | 'vorticity';
export const MODEL_FIELDS: readonly ModelField[] = ['u', 'v', 'h', 'vorticity'];

/** What each field is and its unit, as in the CF conventions' table of standard names. */
export const FIELD_DESCRIPTIONS: Readonly<
  Record<ModelField, { readonly standardName: string; readonly units: string }>
> = {
  u: { standardName: 'eastward_wind', units: 'm s-1' },
  v: { standardName: 'northward_wind', units: 'm s-1' },
  h: { standardName: 'geopotential_height', units: 'm' },
  vorticity: { standardName: 'atmosphere_relative_vorticity', units: 's-1' },
};

export interface ModelOptions {
  /** 0 is the control; every other member starts from a perturbation of its own. */
  readonly member: number;
  readonly seed: number;
  /** Rows of the fields, north to south, centres of equal bands; default 180. */
  readonly nlat?: number;
  /** Columns of the fields, from -180 degrees eastward; default 360. */
  readonly nlon?: number;
  /** Default 250, 500 and 850 hPa. */
  readonly levels?: readonly ModelLevel[];
  /** Highest total wavenumber: 21 to 170; default 63 (waves down to 635 km). */
  readonly truncation?: number;
  /** Divides an hour; default from the truncation. */
  readonly timeStepSeconds?: number;
  readonly scenario?: Scenario;
}

export interface Model {
  readonly member: number;
  readonly nlat: number;
  readonly nlon: number;
  readonly levels: readonly ModelLevel[];
  /** Degrees north, from north to south. */
  readonly latitudes: Float64Array;
  /** Degrees east, from -180. */
  readonly longitudes: Float64Array;
  readonly timeStepSeconds: number;
  /** Hours integrated since the start. */
  readonly hours: number;
  /** Integrates every level; `stepHours` must be a whole number of time steps. */
  advance(stepHours: number): void;
  /** A new array of nlat x nlon values, row by row. */
  field(name: ModelField, level: ModelLevel): Float32Array;
  /** The same without an allocation: straight into memory of the caller's. */
  writeField(name: ModelField, level: ModelLevel, target: Float32Array): void;
  /** Mean geopotential height of a level: its mass. Does not change. */
  meanHeightMetres(level: ModelLevel): number;
}

/** Shortest of the usual steps that the truncation allows with winds of 110 m/s. */
function defaultTimeStepSeconds(truncation: number): number {
  const limit = 6.37122e6 / (truncation * 110);
  return [1800, 1200, 900, 600, 450, 400, 300].find((seconds) => seconds <= limit) ?? 240;
}

/** Winds beyond this are no weather: the integration has become unstable. */
const WIND_MAX = 250;
const DIFFUSION_HOURS = 2;

function checkOptions(options: ModelOptions): void {
  const { member, seed, nlat = 180, nlon = 360, truncation = 63 } = options;
  const integers: readonly [string, number, number, number][] = [
    ['member', member, 0, 1e6],
    ['seed', seed, 0, Number.MAX_SAFE_INTEGER],
    ['nlat', nlat, 2, 4000],
    ['nlon', nlon, 2 * truncation + 1, 8000],
    ['truncation', truncation, 21, 170],
  ];
  for (const [name, value, min, max] of integers) {
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new RangeError(
        `Cannot create a model with ${name} "${value}": not an integer from ${min} to ${max}`,
      );
    }
  }
  const { timeStepSeconds } = options;
  if (timeStepSeconds !== undefined && !(timeStepSeconds > 0 && 3600 % timeStepSeconds === 0)) {
    throw new RangeError(
      `Cannot create a model with timeStepSeconds "${timeStepSeconds}": it does not divide an hour`,
    );
  }
}

interface Grids {
  readonly workspace: LayerWorkspace;
  /** sin(latitude) of the rows of the Gaussian grid. */
  readonly sines: Float64Array;
  readonly output: SphericalTransform;
  readonly latitudes: Float64Array;
  readonly longitudes: Float64Array;
}

/** Smallest number from `least` up that is made of 2 and 3 alone, so that its transform is fast. */
function fastSize(least: number): number {
  for (let size = least; ; size++) {
    let rest = size;
    for (const prime of [2, 3]) while (rest % prime === 0) rest /= prime;
    if (rest === 1) return size;
  }
}

function createGrids(truncation: number, nlat: number, nlon: number): Grids {
  const triangle = createTriangle(truncation);
  // Enough rows and columns that products of two fields are analysed without aliasing.
  const columnCount = fastSize(3 * truncation + 1);
  const rowCount = 2 * Math.ceil((3 * truncation + 1) / 4);
  const { sines, weights } = createGaussianGrid(rowCount);
  const transform = new SphericalTransform(triangle, {
    sines,
    weights,
    longitudeCount: columnCount,
    firstLongitude: 0,
  });
  const { latitudes, longitudes } = createBandGrid(nlat, nlon);
  const output = new SphericalTransform(triangle, {
    sines: latitudes.map((latitude) => Math.sin((latitude * Math.PI) / 180)),
    longitudeCount: nlon,
    firstLongitude: -Math.PI,
  });
  const workspace = createWorkspace(transform, createSpectralOperators(triangle), sines);
  return { workspace, sines, output, latitudes, longitudes };
}

class LayeredModel implements Model {
  readonly member: number;
  readonly nlat: number;
  readonly nlon: number;
  readonly levels: readonly ModelLevel[];
  readonly latitudes: Float64Array;
  readonly longitudes: Float64Array;
  readonly timeStepSeconds: number;
  readonly #layers = new Map<ModelLevel, ShallowWaterLayer>();
  readonly #workspace: LayerWorkspace;
  readonly #output: SphericalTransform;
  readonly #inverseCosines: Float64Array;
  readonly #perGravity: Float64Array;
  readonly #spectrum: Spectrum;
  #stepCount = 0;

  constructor(options: ModelOptions) {
    checkOptions(options);
    const { member, seed, nlat = 180, nlon = 360, truncation = 63 } = options;
    this.member = member;
    this.nlat = nlat;
    this.nlon = nlon;
    this.levels = [...(options.levels ?? MODEL_LEVELS)];
    this.timeStepSeconds = options.timeStepSeconds ?? defaultTimeStepSeconds(truncation);
    const { workspace, sines, output, latitudes, longitudes } = createGrids(truncation, nlat, nlon);
    this.latitudes = latitudes;
    this.longitudes = longitudes;
    this.#workspace = workspace;
    this.#output = output;
    this.#inverseCosines = latitudes.map((degrees) => 1 / Math.cos((degrees * Math.PI) / 180));
    this.#perGravity = new Float64Array(nlat).fill(1 / GRAVITY);
    this.#spectrum = createSpectrum(output.triangle);
    for (const level of this.levels) {
      const { meanHeightMetres, jetSpeed, waveShare } = LEVELS[level];
      const layer = new ShallowWaterLayer({
        workspace,
        meanGeopotential: GRAVITY * meanHeightMetres,
        timeStepSeconds: this.timeStepSeconds,
        diffusionSeconds: DIFFUSION_HOURS * 3600,
      });
      const scenario = options.scenario ?? 'waves';
      const initial = { scenario, jetSpeed, waveShare, seed, member };
      writeInitialState(workspace, sines, layer.state, initial);
      this.#layers.set(level, layer);
    }
  }

  get hours(): number {
    return (this.#stepCount * this.timeStepSeconds) / 3600;
  }

  advance(stepHours: number): void {
    const count = (stepHours * 3600) / this.timeStepSeconds;
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new RangeError(
        `Cannot advance by "${stepHours}" hours: ` +
          `not a whole number of time steps of ${this.timeStepSeconds} s`,
      );
    }
    for (const layer of this.#layers.values()) {
      for (let step = 0; step < count; step++) layer.step();
      // gridU holds u cos(latitude) of the last step: a cheap watch on stability.
      this.#checkWinds();
    }
    this.#stepCount += count;
  }

  #checkWinds(): void {
    const { gridU, gridV } = this.#workspace;
    for (let at = 0; at < gridU.length; at++) {
      const u = gridU[at] ?? 0;
      const v = gridV[at] ?? 0;
      if (!(u * u + v * v < WIND_MAX * WIND_MAX)) {
        throw new WeatherError(
          'model-unstable',
          `Cannot go on after "${this.hours}" hours: winds beyond ${WIND_MAX} m/s, ` +
            `the time step of ${this.timeStepSeconds} s is too long`,
        );
      }
    }
  }

  field(name: ModelField, level: ModelLevel): Float32Array {
    const target = new Float32Array(this.nlat * this.nlon);
    this.writeField(name, level, target);
    return target;
  }

  writeField(name: ModelField, level: ModelLevel, target: Float32Array): void {
    if (target.length !== this.nlat * this.nlon) {
      throw new RangeError(
        `Cannot write field "${name}": the target has ${target.length} values, ` +
          `the field ${this.nlat} x ${this.nlon}`,
      );
    }
    const { vorticity, divergence, geopotential } = this.#layer(level).state;
    switch (name) {
      case 'vorticity':
        this.#output.synthesise(vorticity, target);
        return;
      case 'h': {
        this.#spectrum.set(geopotential);
        // The mean of a field is its first coefficient over the square root of 2.
        this.#spectrum[0] =
          (geopotential[0] ?? 0) + Math.SQRT2 * this.#layer(level).meanGeopotential;
        this.#output.synthesise(this.#spectrum, target, this.#perGravity);
        return;
      }
      case 'u':
      case 'v': {
        const { operators, windU, windV } = this.#workspace;
        operators.writeWind({ vorticity, divergence, u: windU, v: windV });
        const wind = name === 'u' ? windU : windV;
        this.#output.synthesise(wind, target, this.#inverseCosines);
        return;
      }
    }
  }

  meanHeightMetres(level: ModelLevel): number {
    const { state, meanGeopotential } = this.#layer(level);
    return (meanGeopotential + (state.geopotential[0] ?? 0) / Math.SQRT2) / GRAVITY;
  }

  #layer(level: ModelLevel): ShallowWaterLayer {
    const layer = this.#layers.get(level);
    if (layer === undefined) {
      throw new RangeError(
        `Cannot find level "${level}": the model has ${this.levels.join(', ')} hPa`,
      );
    }
    return layer;
  }
}

/**
 * A model at its initial state.
 *
 * @throws RangeError for options out of range.
 * @example
 * const model = createModel({ member: 1, seed: 7, levels: [500] });
 * model.advance(6);
 * const heights = model.field('h', 500);
 */
export function createModel(options: ModelOptions): Model {
  return new LayeredModel(options);
}
