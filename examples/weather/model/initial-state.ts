/**
 * Where the weather starts: balanced jets, waves on them, and a little chance for each member.
 *
 * Jets: Galewsky, Scott and Polvani, Tellus 56A (2004), equations 2 and 4 (the height bump).
 * Waves: the vorticity of Held and Phillips, J. Atmos. Sci. 44 (1987), a wave train about 45
 * degrees. Height: from the vorticity by the nonlinear balance equation (no divergence, and none to
 * come), so that no gravity waves drown the weather.
 */
import type { LayerState, LayerWorkspace } from './layer.js';
import { writeTendencies } from './layer.js';
import { createRandom } from './random.js';
import { GRAVITY, laplacianEigenvalue } from './spectral-operators.js';

/** `waves`: both hemispheres, for the demo. `galewsky`: the published test case, north only. */
export type Scenario = 'waves' | 'galewsky';

export interface InitialStateOptions {
  readonly scenario: Scenario;
  /** Fastest wind of the northern jet, m/s. */
  readonly jetSpeed: number;
  /** Vorticity of each wave as a share of the jet's own (speed over half its width). */
  readonly waveShare: number;
  readonly seed: number;
  /** 0 is the control, without a perturbation of its own. */
  readonly member: number;
}

/** The jet lies between pi/7 (25.7 degrees) and pi/2 - pi/7 (64.3 degrees). */
const JET_SOUTH = Math.PI / 7;
const JET_NORTH = Math.PI / 2 - JET_SOUTH;
/** The winter hemisphere has the stronger jet: the south gets this share of the north's. */
const SOUTHERN_SHARE = 0.8;

/** Wavenumbers of the wave train. */
const WAVENUMBERS = [3, 4, 5, 6, 7] as const;
const WAVE_LATITUDE = Math.PI / 4;
const WAVE_WIDTH = (12 * Math.PI) / 180;

/** Degrees perturbed for a member, and the standard deviation as a share of a wave's. */
const MEMBER_DEGREE_MIN = 3;
const MEMBER_DEGREE_MAX = 16;
const MEMBER_SHARE = 0.1;

/** Zonal wind at a latitude (radians) of a jet with its axis at 45 degrees north. */
export function jetWind(latitude: number, jetSpeed: number): number {
  if (latitude <= JET_SOUTH || latitude >= JET_NORTH) return 0;
  const normalisation = Math.exp(-4 / (JET_NORTH - JET_SOUTH) ** 2);
  const shape = Math.exp(1 / ((latitude - JET_SOUTH) * (latitude - JET_NORTH)));
  return (jetSpeed / normalisation) * shape;
}

/** The height bump that disturbs the jet: metres at a latitude and longitude in radians. */
export function galewskyBump(latitude: number, longitude: number): number {
  const height = 120;
  const alpha = 1 / 3;
  const beta = 1 / 15;
  const across = (Math.PI / 4 - latitude) / beta;
  return height * Math.cos(latitude) * Math.exp(-((longitude / alpha) ** 2) - across * across);
}

/**
 * Fills a layer's state. `sines` are those of the workspace's rows, columns start at longitude 0.
 */
export function writeInitialState(
  workspace: LayerWorkspace,
  sines: Float64Array,
  state: LayerState,
  options: InitialStateOptions,
): void {
  state.vorticity.fill(0);
  state.divergence.fill(0);
  state.geopotential.fill(0);
  writeJetVorticity(workspace, sines, state, options);
  if (options.scenario === 'waves') addWaves(workspace, sines, state, options);
  if (options.member > 0) addMemberPerturbation(workspace, state, options);
  writeBalancedGeopotential(workspace, state);
  if (options.scenario === 'galewsky') addBump(workspace, sines, state);
}

function writeJetVorticity(
  workspace: LayerWorkspace,
  sines: Float64Array,
  state: LayerState,
  { jetSpeed, scenario }: InitialStateOptions,
): void {
  const { transform, operators, gridX, fluxU, fluxV } = workspace;
  const southern = scenario === 'galewsky' ? 0 : jetSpeed * SOUTHERN_SHARE;
  for (let row = 0; row < transform.rowCount; row++) {
    const latitude = Math.asin(sines[row] ?? 0);
    const wind = jetWind(latitude, jetSpeed) + jetWind(-latitude, southern);
    const start = row * transform.columnCount;
    gridX.fill(wind * Math.cos(latitude), start, start + transform.columnCount);
  }
  transform.analyse(gridX, fluxU, workspace.inverseCosinesSquared);
  fluxV.fill(0);
  operators.writeCurl({ x: fluxU, y: fluxV, target: state.vorticity });
}

/** Adds what a function of latitude, longitude (radians) gives to a spectrum. */
function addField(
  workspace: LayerWorkspace,
  sines: Float64Array,
  target: Float64Array,
  valueAt: (latitude: number, longitude: number) => number,
): void {
  const { transform, gridX, fluxU } = workspace;
  const columns = transform.columnCount;
  for (let row = 0; row < transform.rowCount; row++) {
    const latitude = Math.asin(sines[row] ?? 0);
    for (let column = 0; column < columns; column++) {
      gridX[row * columns + column] = valueAt(latitude, (2 * Math.PI * column) / columns);
    }
  }
  transform.analyse(gridX, fluxU);
  const { degrees, truncation } = transform.triangle;
  for (let at = 0; at < degrees.length; at++) {
    const degree = degrees[at] ?? 0;
    // The mean is the layer's depth (or no vorticity at all): a perturbation leaves it alone.
    if (degree === 0 || degree > truncation) continue;
    target[2 * at] = (target[2 * at] ?? 0) + (fluxU[2 * at] ?? 0);
    target[2 * at + 1] = (target[2 * at + 1] ?? 0) + (fluxU[2 * at + 1] ?? 0);
  }
}

/** Vorticity scale of the jet: its speed over half its width. */
function jetVorticity(jetSpeed: number): number {
  return jetSpeed / (0.5 * (JET_NORTH - JET_SOUTH) * 6.37e6);
}

function addWaves(
  workspace: LayerWorkspace,
  sines: Float64Array,
  state: LayerState,
  { seed, jetSpeed, waveShare }: InitialStateOptions,
): void {
  // Not of the level: so the waves of all levels stand above each other.
  const random = createRandom(seed, 0);
  const waves = [1, -1].flatMap((hemisphere) =>
    WAVENUMBERS.map((wavenumber) => ({
      hemisphere,
      wavenumber,
      phase: 2 * Math.PI * random.uniform(),
      amplitude: waveShare * jetVorticity(jetSpeed) * (0.5 + random.uniform()),
    })),
  );
  addField(workspace, sines, state.vorticity, (latitude, longitude) => {
    let sum = 0;
    for (const { hemisphere, wavenumber, phase, amplitude } of waves) {
      const across = (hemisphere * latitude - WAVE_LATITUDE) / WAVE_WIDTH;
      const envelope = Math.cos(latitude) * Math.exp(-across * across);
      sum += amplitude * envelope * Math.cos(wavenumber * longitude + phase);
    }
    return sum;
  });
}

function addMemberPerturbation(
  workspace: LayerWorkspace,
  state: LayerState,
  { seed, member, jetSpeed, waveShare }: InitialStateOptions,
): void {
  const random = createRandom(seed, member);
  const { starts } = workspace.transform.triangle;
  const degreeMax = Math.min(MEMBER_DEGREE_MAX, workspace.transform.triangle.truncation);
  const deviation = MEMBER_SHARE * waveShare * jetVorticity(jetSpeed);
  // A coefficient of variance s^2 in each part gives s^2 (2 n + 1) / 2 to the field's variance.
  const count = (degreeMax + 1) ** 2 - MEMBER_DEGREE_MIN ** 2;
  const scale = deviation * Math.sqrt(2 / count);
  for (let n = MEMBER_DEGREE_MIN; n <= degreeMax; n++) {
    for (let m = 1; m <= n; m++) {
      const at = 2 * ((starts[m] ?? 0) + n - m);
      state.vorticity[at] = (state.vorticity[at] ?? 0) + scale * random.normal();
      state.vorticity[at + 1] = (state.vorticity[at + 1] ?? 0) + scale * random.normal();
    }
  }
}

/**
 * laplacian(Phi') = curl((z + f) V) - laplacian(E): the divergence then starts with no tendency.
 */
function writeBalancedGeopotential(workspace: LayerWorkspace, state: LayerState): void {
  const { transform, tendency } = workspace;
  writeTendencies(workspace, state);
  const { degrees, truncation } = transform.triangle;
  for (let at = 0; at < degrees.length; at++) {
    const degree = degrees[at] ?? 0;
    if (degree === 0 || degree > truncation) continue;
    const eigenvalue = laplacianEigenvalue(degree);
    state.geopotential[2 * at] = -(tendency.divergence[2 * at] ?? 0) / eigenvalue;
    state.geopotential[2 * at + 1] = -(tendency.divergence[2 * at + 1] ?? 0) / eigenvalue;
  }
}

function addBump(workspace: LayerWorkspace, sines: Float64Array, state: LayerState): void {
  addField(workspace, sines, state.geopotential, (latitude, longitude) => {
    const centred = longitude > Math.PI ? longitude - 2 * Math.PI : longitude;
    return GRAVITY * galewskyBump(latitude, centred);
  });
}
