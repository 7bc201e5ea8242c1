import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetWind, writeInitialState } from '../../../examples/weather/model/initial-state.js';
import {
  createWorkspace,
  type LayerState,
  type LayerWorkspace,
  ShallowWaterLayer,
} from '../../../examples/weather/model/layer.js';
import { createGaussianGrid, createTriangle } from '../../../examples/weather/model/legendre.js';
import {
  createModel,
  FIELD_DESCRIPTIONS,
  MODEL_FIELDS,
  MODEL_LEVELS,
  type Model,
  type ModelField,
} from '../../../examples/weather/model/model.js';
import {
  createSpectralOperators,
  EARTH_RADIUS_METRES,
  EARTH_ROTATION_PER_SECOND,
  GRAVITY,
} from '../../../examples/weather/model/spectral-operators.js';
import { SphericalTransform } from '../../../examples/weather/model/spherical-transform.js';
import { writeRelativeVorticity } from '../../../examples/weather/products.js';
import { fieldSums } from '../../../examples/weather/sums.js';

const SMALL = { seed: 1, nlat: 45, nlon: 90, truncation: 31 } as const;

function areaMean(model: Model, field: Float32Array): number {
  let sum = 0;
  let area = 0;
  for (let j = 0; j < model.nlat; j++) {
    const weight = Math.cos(((model.latitudes[j] ?? 0) * Math.PI) / 180);
    for (let i = 0; i < model.nlon; i++) sum += weight * (field[j * model.nlon + i] ?? 0);
    area += weight * model.nlon;
  }
  return sum / area;
}

test('the example of createModel: a height field at 500 hPa', () => {
  const model = createModel({ member: 1, seed: 7, levels: [500] });
  model.advance(6);
  const heights = model.field('h', 500);
  assert.equal(heights.length, 180 * 360);
  assert.equal(model.hours, 6);
  const { min, max } = fieldSums(heights);
  assert.ok(min > 4500 && max < 6000, `heights from ${min} to ${max}`);
});

test('15 days: every level stays stable, keeps its mass, and has weather', () => {
  const model = createModel({ member: 1, ...SMALL });
  const before = MODEL_LEVELS.map((level) => model.meanHeightMetres(level));
  const meanBefore = areaMean(model, model.field('h', 250));
  for (let day = 0; day < 15; day++) model.advance(24);
  assert.equal(model.hours, 360);
  assert.deepEqual(
    MODEL_LEVELS.map((level) => model.meanHeightMetres(level)),
    before,
    'mass, to the last bit',
  );
  // The same on the grid of the fields, whose sum over areas is not exact.
  const meanAfter = areaMean(model, model.field('h', 250));
  assert.ok(Math.abs(meanAfter / meanBefore - 1) < 2e-4, `${meanBefore} m, then ${meanAfter} m`);
  for (const level of MODEL_LEVELS) {
    const wind = fieldSums(model.field('v', level));
    assert.equal(wind.missing, 0);
    const deviation = Math.sqrt(wind.sumOfSquares / wind.count);
    assert.ok(deviation > 0.8 && wind.max < 100, `v at ${level}: ${deviation}, max ${wind.max}`);
  }
});

test('the same options give the same bits; seed and member each make a difference', () => {
  const run = (options: { seed: number; member: number }): Float32Array => {
    const model = createModel({ ...SMALL, ...options, levels: [250] });
    model.advance(3);
    model.advance(3);
    return model.field('u', 250);
  };
  const once = run({ seed: 1, member: 1 });
  assert.deepEqual(run({ seed: 1, member: 1 }), once);
  assert.notDeepEqual(run({ seed: 2, member: 1 }), once);
  assert.notDeepEqual(run({ seed: 1, member: 2 }), once);
});

test('one long advance equals many short ones, to the last bit', () => {
  const long = createModel({ member: 0, ...SMALL, levels: [500, 850] });
  const short = createModel({ member: 0, ...SMALL, levels: [500, 850] });
  long.advance(6);
  for (let hour = 0; hour < 6; hour++) short.advance(1);
  for (const field of MODEL_FIELDS) {
    assert.deepEqual(long.field(field, 850), short.field(field, 850), field);
  }
});

test('members stay close to the control at first and part from it', () => {
  const control = createModel({ member: 0, ...SMALL, levels: [250] });
  const member = createModel({ member: 3, ...SMALL, levels: [250] });
  const distance = (): number => {
    const h = control.field('h', 250).map((value, at) => value - (member.field('h', 250)[at] ?? 0));
    const { sumOfSquares, count } = fieldSums(h);
    return Math.sqrt(sumOfSquares / count);
  };
  const first = distance();
  assert.ok(first > 1 && first < 60, `${first} m at the start`);
  control.advance(96);
  member.advance(96);
  const later = distance();
  assert.ok(later > first, `${first} m, then ${later} m`);
});

test('a field goes straight into shared memory, unit and name known for each', () => {
  const model = createModel({ member: 0, ...SMALL, levels: [250] });
  for (const name of MODEL_FIELDS) {
    const shared = new Float32Array(new SharedArrayBuffer(4 * 45 * 90 + 8), 8, 45 * 90);
    model.writeField(name, 250, shared);
    assert.deepEqual(Array.from(shared), Array.from(model.field(name, 250)), name);
    assert.ok(FIELD_DESCRIPTIONS[name].units.length > 0);
  }
});

test('fields agree with each other: vorticity from u and v by differences is the vorticity', () => {
  const model = createModel({ member: 0, seed: 1, truncation: 42, levels: [250] });
  model.advance(24);
  const vorticity = model.field('vorticity', 250);
  const computed = new Float32Array(vorticity.length);
  writeRelativeVorticity({ u: model.field('u', 250), v: model.field('v', 250) }, model, computed);
  const { sumOfSquares, count } = fieldSums(vorticity);
  const error = fieldSums(computed.map((value, at) => value - (vorticity[at] ?? 0)));
  const relative = Math.sqrt(error.sumOfSquares / error.count / (sumOfSquares / count));
  assert.ok(relative < 0.02, `differs by ${relative} of its size`);
});

test('a grid of any size, rows with or without the equator', () => {
  for (const [nlat, nlon] of [
    [2, 63],
    [33, 64],
    [90, 180],
  ] as const) {
    const model = createModel({ member: 0, seed: 1, truncation: 31, nlat, nlon, levels: [500] });
    assert.equal(model.latitudes.length, nlat);
    assert.equal(model.longitudes[0], -180);
    const { missing } = fieldSums(model.field('h', 500));
    assert.equal(missing, 0);
  }
});

test('options and steps out of range are refused with their reason', () => {
  const make = (options: object) => () => createModel({ member: 0, seed: 1, ...options });
  assert.throws(make({ member: -1 }), /member "-1"/);
  assert.throws(make({ seed: 0.5 }), /seed "0.5"/);
  assert.throws(make({ truncation: 5 }), /truncation "5"/);
  assert.throws(make({ nlon: 100 }), /nlon "100".*127/);
  assert.throws(make({ timeStepSeconds: 700 }), /does not divide an hour/);
  const model = createModel({ member: 0, ...SMALL, levels: [500] });
  assert.throws(() => model.advance(0.01), /not a whole number of time steps/);
  assert.throws(() => model.advance(0), RangeError);
  assert.throws(() => model.field('u', 250), /the model has 500 hPa/);
  assert.throws(() => model.writeField('u', 500, new Float32Array(3)), /45 x 90/);
});

test('too long a time step is reported as unstable, not as weather', () => {
  const model = createModel({
    member: 0,
    seed: 1,
    truncation: 85,
    nlon: 180,
    timeStepSeconds: 3600,
  });
  assert.throws(
    () => {
      for (let day = 0; day < 10; day++) model.advance(24);
    },
    { name: 'WeatherError', code: 'model-unstable' },
  );
});

/** A layer of its own, for tests against known solutions. */
function createLayer(truncation: number): {
  layer: ShallowWaterLayer;
  workspace: LayerWorkspace;
  sines: Float64Array;
} {
  const triangle = createTriangle(truncation);
  const { sines, weights } = createGaussianGrid(2 * Math.ceil((3 * truncation + 1) / 4));
  const transform = new SphericalTransform(triangle, {
    sines,
    weights,
    longitudeCount: 128,
    firstLongitude: 0,
  });
  const workspace = createWorkspace(transform, createSpectralOperators(triangle), sines);
  const layer = new ShallowWaterLayer({
    workspace,
    meanGeopotential: GRAVITY * 10_000,
    timeStepSeconds: 600,
    diffusionSeconds: 1e9,
  });
  return { layer, workspace, sines };
}

test('Williamson test case 2: solid rotation in balance stays as it is for 5 days', () => {
  const { layer } = createLayer(31);
  const { vorticity, geopotential } = layer.state;
  // u = u0 cos(latitude); Phi = const - (a Omega u0 + u0^2 / 2) sin^2(latitude), u0 = 38.6 m/s.
  const speed = (2 * Math.PI * EARTH_RADIUS_METRES) / (12 * 86_400);
  const depth = EARTH_RADIUS_METRES * EARTH_ROTATION_PER_SECOND * speed + (speed * speed) / 2;
  vorticity[2] = ((2 * speed) / EARTH_RADIUS_METRES) * Math.sqrt(2 / 3);
  // sin^2 = 1/3 + P2 * (2/3) / sqrt(5/2) in normalised functions.
  geopotential[4] = (-depth * 2) / 3 / Math.sqrt(5 / 2);
  const first: LayerState = {
    vorticity: vorticity.slice(),
    divergence: layer.state.divergence.slice(),
    geopotential: geopotential.slice(),
  };
  for (let step = 0; step < 720; step++) layer.step();
  const worst = (now: Float64Array, then: Float64Array): number =>
    now.reduce((most, value, at) => Math.max(most, Math.abs(value - (then[at] ?? 0))), 0);
  assert.ok(worst(layer.state.vorticity, first.vorticity) < 1e-12);
  assert.ok(worst(layer.state.divergence, first.divergence) < 1e-12);
  assert.ok(worst(layer.state.geopotential, first.geopotential) < 1e-2);
});

test("the balanced height of the jet is Galewsky's integral (equation 3)", () => {
  const { layer, workspace, sines } = createLayer(42);
  const options = { scenario: 'waves', jetSpeed: 80, waveShare: 0, seed: 1, member: 0 } as const;
  writeInitialState(workspace, sines, layer.state, options);
  const grid = new Float64Array(sines.length * 128);
  workspace.transform.synthesise(layer.state.geopotential, grid);
  const wind = (latitude: number): number => jetWind(latitude, 80) + jetWind(-latitude, 80 * 0.8);
  // d Phi / d latitude = -a u (f + tan(latitude) u / a), by the midpoint rule from row 0 southward.
  const slope = (latitude: number): number =>
    -wind(latitude) *
    (EARTH_RADIUS_METRES * 2 * EARTH_ROTATION_PER_SECOND * Math.sin(latitude) +
      Math.tan(latitude) * wind(latitude));
  const latitudes = sines.map((sine) => Math.asin(sine));
  let integral = 0;
  for (let j = 1; j < sines.length; j++) {
    const from = latitudes[j - 1] ?? 0;
    const width = (latitudes[j] ?? 0) - from;
    for (let part = 0; part < 100; part++) {
      integral += (slope(from + ((part + 0.5) * width) / 100) * width) / 100;
    }
    const difference = (grid[j * 128] ?? 0) - (grid[0] ?? 0);
    // Of a drop of some 12,000 m^2/s^2; the truncated jet is not quite the exact one.
    assert.ok(Math.abs(difference - integral) < 60, `row ${j}: ${difference}, not ${integral}`);
  }
});

/** Integral of (Phi |V|^2 + Phi^2) / 2 over the sphere, without constant factors. */
function totalEnergy(
  workspace: LayerWorkspace,
  layer: ShallowWaterLayer,
  sines: Float64Array,
): number {
  const { transform, operators, windU, windV, gridU, gridV, gridGeopotential } = workspace;
  const { vorticity, divergence, geopotential } = layer.state;
  operators.writeWind({ vorticity, divergence, u: windU, v: windV });
  transform.synthesise(windU, gridU);
  transform.synthesise(windV, gridV);
  transform.synthesise(geopotential, gridGeopotential);
  const { weights } = createGaussianGrid(sines.length);
  let sum = 0;
  for (let at = 0; at < gridU.length; at++) {
    const row = Math.floor(at / transform.columnCount);
    const [u = 0, v = 0, departure = 0] = [gridU[at], gridV[at], gridGeopotential[at]];
    const kinetic = ((u * u + v * v) * (workspace.inverseCosinesSquared[row] ?? 0)) / 2;
    const total = layer.meanGeopotential + departure;
    sum += (weights[row] ?? 0) * (total * kinetic + (departure * departure) / 2);
  }
  return sum;
}

test('energy above that of rest is kept to a per cent over five days of waves', () => {
  const { layer, workspace, sines } = createLayer(42);
  const options = { scenario: 'waves', jetSpeed: 60, waveShare: 0.25, seed: 1, member: 1 } as const;
  writeInitialState(workspace, sines, layer.state, options);
  const before = totalEnergy(workspace, layer, sines);
  for (let step = 0; step < 720; step++) layer.step();
  const after = totalEnergy(workspace, layer, sines);
  assert.ok(Math.abs(after / before - 1) < 0.01, `${before}, then ${after}`);
});

test('fields are those of the level asked for', () => {
  const model = createModel({ member: 0, ...SMALL });
  const largest = (field: ModelField): number[] =>
    MODEL_LEVELS.map((level) => fieldSums(model.field(field, level)).max);
  const [upper = 0, middle = 0, lower = 0] = largest('u');
  assert.ok(upper > middle && middle > lower && lower > 15, `${upper} ${middle} ${lower}`);
});
