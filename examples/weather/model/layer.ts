/**
 * One layer of shallow water on the rotating sphere, by the spectral transform method.
 *
 * Equations, in vorticity z, divergence d and geopotential Phi + Phi' (V the wind, E = |V|^2 / 2):
 *
 *   dz/dt    = -div((z + f) V)
 *   dd/dt    =  curl((z + f) V) - laplacian(E + Phi')
 *   dPhi'/dt = -div(Phi' V) - Phi d
 *
 * Sources: Williamson et al., J. Comput. Phys. 102 (1992), for the equations; Hack and Jakob, NCAR
 * TN-343+STR (1992), for the semi-implicit leapfrog; Williams, Mon. Wea. Rev. 137 (2009), for the
 * time filter. Gravity waves are treated implicitly, so the winds alone limit the time step.
 * Every tendency of Phi' is a divergence: its global mean, and with it the mass, never changes.
 */
import {
  createSpectrum,
  EARTH_ROTATION_PER_SECOND,
  laplacianEigenvalue,
  type SpectralOperators,
} from './spectral-operators.js';
import type { Spectrum, SphericalTransform } from './spherical-transform.js';

/**
 * Williams (2009), section 4: 0.01 to 0.2 are usual strengths, 0.53 keeps the mean of the waves.
 */
const TIME_FILTER_STRENGTH = 0.04;
const TIME_FILTER_SHARE = 0.53;

/** Coefficient (1, 0) of sin(latitude) is the square root of 2/3. */
const PLANETARY_VORTICITY = 2 * EARTH_ROTATION_PER_SECOND * Math.sqrt(2 / 3);

/** What is forecast, as coefficients. */
export interface LayerState {
  readonly vorticity: Spectrum;
  readonly divergence: Spectrum;
  /** Departure from the layer's mean geopotential, m^2 s^-2. */
  readonly geopotential: Spectrum;
}

/** Memory and tables for one step, shared by all layers of a model, which step in turn. */
export interface LayerWorkspace {
  readonly transform: SphericalTransform;
  readonly operators: SpectralOperators;
  /** 1 / cos^2(latitude) of each row. */
  readonly inverseCosinesSquared: Float64Array;
  readonly windU: Spectrum;
  readonly windV: Spectrum;
  readonly tendency: LayerState;
  readonly fluxU: Spectrum;
  readonly fluxV: Spectrum;
  readonly energy: Spectrum;
  readonly gridU: Float64Array;
  readonly gridV: Float64Array;
  readonly gridVorticity: Float64Array;
  readonly gridGeopotential: Float64Array;
  readonly gridX: Float64Array;
  readonly gridY: Float64Array;
}

export interface LayerOptions {
  readonly workspace: LayerWorkspace;
  /** Gravity times the mean depth, m^2 s^-2. */
  readonly meanGeopotential: number;
  readonly timeStepSeconds: number;
  /** Time in which the diffusion takes waves of the highest degree down to 1/e. */
  readonly diffusionSeconds: number;
}

/**
 * Laplacian to this power: high enough to leave the weather alone and clear the smallest scales.
 */
const DIFFUSION_ORDER = 4;

export function createState(transform: SphericalTransform): LayerState {
  return {
    vorticity: createSpectrum(transform.triangle),
    divergence: createSpectrum(transform.triangle),
    geopotential: createSpectrum(transform.triangle),
  };
}

export function createWorkspace(
  transform: SphericalTransform,
  operators: SpectralOperators,
  sines: Float64Array,
): LayerWorkspace {
  const spectrum = (): Spectrum => createSpectrum(transform.triangle);
  const grid = (): Float64Array => new Float64Array(transform.rowCount * transform.columnCount);
  return {
    transform,
    operators,
    inverseCosinesSquared: sines.map((sine) => 1 / ((1 - sine) * (1 + sine))),
    windU: spectrum(),
    windV: spectrum(),
    tendency: createState(transform),
    fluxU: spectrum(),
    fluxV: spectrum(),
    energy: spectrum(),
    gridU: grid(),
    gridV: grid(),
    gridVorticity: grid(),
    gridGeopotential: grid(),
    gridX: grid(),
    gridY: grid(),
  };
}

/**
 * Tendencies without the linear gravity-wave terms: -div((z+f)V), curl((z+f)V) - laplacian(E),
 * -div(Phi' V), into `workspace.tendency`; E stays in `workspace.energy`.
 */
export function writeTendencies(workspace: LayerWorkspace, state: LayerState): void {
  const { transform, operators, windU, windV, fluxU, fluxV, energy, tendency } = workspace;
  const { gridU, gridV, gridVorticity, gridGeopotential, gridX, gridY } = workspace;
  const rows = workspace.inverseCosinesSquared;
  const { vorticity, divergence, geopotential } = state;
  operators.writeWind({ vorticity, divergence, u: windU, v: windV });
  transform.synthesise(windU, gridU);
  transform.synthesise(windV, gridV);
  // The planetary vorticity is one coefficient: put it in for the synthesis, then take it out
  // again.
  const relative = vorticity[2] ?? 0;
  vorticity[2] = relative + PLANETARY_VORTICITY;
  transform.synthesise(vorticity, gridVorticity);
  vorticity[2] = relative;
  transform.synthesise(geopotential, gridGeopotential);

  for (let at = 0; at < gridU.length; at++) {
    const absolute = gridVorticity[at] ?? 0;
    gridX[at] = (gridU[at] ?? 0) * absolute;
    gridY[at] = (gridV[at] ?? 0) * absolute;
  }
  transform.analyse(gridX, fluxU, rows);
  transform.analyse(gridY, fluxV, rows);
  operators.writeDivergence({ x: fluxU, y: fluxV, target: tendency.vorticity });
  operators.writeCurl({ x: fluxU, y: fluxV, target: tendency.divergence });
  negate(tendency.vorticity);

  for (let at = 0; at < gridU.length; at++) {
    const u = gridU[at] ?? 0;
    const v = gridV[at] ?? 0;
    const departure = gridGeopotential[at] ?? 0;
    gridX[at] = u * departure;
    gridY[at] = v * departure;
    gridVorticity[at] = 0.5 * (u * u + v * v);
  }
  transform.analyse(gridX, fluxU, rows);
  transform.analyse(gridY, fluxV, rows);
  operators.writeDivergence({ x: fluxU, y: fluxV, target: tendency.geopotential });
  negate(tendency.geopotential);
  transform.analyse(gridVorticity, energy, rows);
  const { degrees } = transform.triangle;
  for (let at = 0; at < degrees.length; at++) {
    const eigenvalue = laplacianEigenvalue(degrees[at] ?? 0);
    tendency.divergence[2 * at] =
      (tendency.divergence[2 * at] ?? 0) + eigenvalue * (energy[2 * at] ?? 0);
    tendency.divergence[2 * at + 1] =
      (tendency.divergence[2 * at + 1] ?? 0) + eigenvalue * (energy[2 * at + 1] ?? 0);
  }
}

function negate(spectrum: Spectrum): void {
  for (let at = 0; at < spectrum.length; at++) spectrum[at] = -(spectrum[at] ?? 0);
}

/** One layer with its state at the last two times. */
export class ShallowWaterLayer {
  readonly meanGeopotential: number;
  readonly #workspace: LayerWorkspace;
  readonly #timeStepSeconds: number;
  readonly #diffusionSeconds: number;
  #before: LayerState;
  #now: LayerState;
  #stepCount = 0;

  constructor({ workspace, meanGeopotential, timeStepSeconds, diffusionSeconds }: LayerOptions) {
    this.meanGeopotential = meanGeopotential;
    this.#workspace = workspace;
    this.#timeStepSeconds = timeStepSeconds;
    this.#diffusionSeconds = diffusionSeconds;
    this.#before = createState(workspace.transform);
    this.#now = createState(workspace.transform);
  }

  /** The state now; before the first step the caller may write the initial state into it. */
  get state(): LayerState {
    return this.#now;
  }

  /** One time step. */
  step(): void {
    writeTendencies(this.#workspace, this.#now);
    if (this.#stepCount === 0) {
      // The first step has no state before: half a leapfrog step from the state itself.
      this.#before.vorticity.set(this.#now.vorticity);
      this.#before.divergence.set(this.#now.divergence);
      this.#before.geopotential.set(this.#now.geopotential);
      this.#leap(this.#timeStepSeconds / 2, 0);
    } else {
      this.#leap(this.#timeStepSeconds, TIME_FILTER_STRENGTH);
    }
    this.#stepCount++;
  }

  /** Leapfrog over twice `dt` from before to next; next takes the memory of before. */
  #leap(dt: number, filterStrength: number): void {
    const before = this.#before;
    const now = this.#now;
    const tendency = this.#workspace.tendency;
    const { degrees, truncation } = this.#workspace.transform.triangle;
    const mean = this.meanGeopotential;
    for (let at = 0; at < degrees.length; at++) {
      const degree = degrees[at] ?? 0;
      if (degree > truncation) continue;
      const eigenvalue = laplacianEigenvalue(degree);
      const implicit = 1 / (1 + dt * dt * mean * eigenvalue);
      const damping = this.#damping(degree, dt);
      for (let part = 2 * at; part < 2 * at + 2; part++) {
        const d0 = before.divergence[part] ?? 0;
        const p0 = before.geopotential[part] ?? 0;
        const pExplicit = p0 + dt * (2 * (tendency.geopotential[part] ?? 0) - mean * d0);
        const dNext =
          implicit *
          (d0 + 2 * dt * (tendency.divergence[part] ?? 0) + dt * eigenvalue * (p0 + pExplicit));
        const pNext = pExplicit - dt * mean * dNext;
        const zNext = (before.vorticity[part] ?? 0) + 2 * dt * (tendency.vorticity[part] ?? 0);
        filter(before.vorticity, now.vorticity, part, zNext * damping, filterStrength);
        filter(before.divergence, now.divergence, part, dNext * damping, filterStrength);
        filter(before.geopotential, now.geopotential, part, pNext * damping, filterStrength);
      }
    }
    this.#before = now;
    this.#now = before;
  }

  #damping(degree: number, dt: number): number {
    const { truncation } = this.#workspace.transform.triangle;
    const relative = laplacianEigenvalue(degree) / laplacianEigenvalue(truncation);
    return 1 / (1 + (2 * dt * relative ** DIFFUSION_ORDER) / this.#diffusionSeconds);
  }
}

/** Stores the next value in place of the one before, and filters now and next (Williams 2009). */
function filter(before: Spectrum, now: Spectrum, at: number, next: number, strength: number): void {
  const middle = now[at] ?? 0;
  const displacement = 0.5 * strength * ((before[at] ?? 0) - 2 * middle + next);
  now[at] = middle + TIME_FILTER_SHARE * displacement;
  before[at] = next - (1 - TIME_FILTER_SHARE) * displacement;
}
