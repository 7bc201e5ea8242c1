import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFourierTransform } from '../../../examples/weather/model/fft.js';
import { createGaussianGrid, createTriangle } from '../../../examples/weather/model/legendre.js';
import { createRandom } from '../../../examples/weather/model/random.js';
import {
  createSpectralOperators,
  createSpectrum,
  EARTH_RADIUS_METRES,
} from '../../../examples/weather/model/spectral-operators.js';
import {
  type Spectrum,
  SphericalTransform,
} from '../../../examples/weather/model/spherical-transform.js';
import { fc } from '../../fast-check.js';

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected}`);
}

test('a Fourier transform of any length equals its definition, both ways', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 120 }), fc.nat(), (size, seed) => {
      const random = createRandom(seed);
      const transform = createFourierTransform(size);
      const real = Float64Array.from({ length: size }, () => random.normal());
      const imaginary = Float64Array.from({ length: size }, () => random.normal());
      for (const sign of [1, -1]) {
        transform.real.set(real);
        transform.imaginary.set(imaginary);
        if (sign === 1) transform.inverse();
        else transform.forward();
        for (let k = 0; k < size; k++) {
          let sumReal = 0;
          let sumImaginary = 0;
          for (let j = 0; j < size; j++) {
            const angle = (sign * 2 * Math.PI * ((j * k) % size)) / size;
            const [xr = 0, xi = 0] = [real[j], imaginary[j]];
            sumReal += xr * Math.cos(angle) - xi * Math.sin(angle);
            sumImaginary += xr * Math.sin(angle) + xi * Math.cos(angle);
          }
          assertClose(transform.real[k] ?? 0, sumReal, 1e-10, 'real part');
          assertClose(transform.imaginary[k] ?? 0, sumImaginary, 1e-10, 'imaginary part');
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('a Fourier transform refuses a size that is not a positive integer', () => {
  for (const size of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => createFourierTransform(size), RangeError);
  }
});

test('Gaussian quadrature is exact for polynomials up to degree 2 n - 1', () => {
  for (const count of [2, 7, 32, 96]) {
    const { sines, weights } = createGaussianGrid(count);
    for (let power = 0; power < 2 * count; power += 3) {
      const sum = weights.reduce((all, weight, j) => all + weight * (sines[j] ?? 0) ** power, 0);
      assertClose(sum, power % 2 === 1 ? 0 : 2 / (power + 1), 1e-13, `x^${power}, ${count} nodes`);
    }
  }
});

const TRUNCATION = 21;
const triangle = createTriangle(TRUNCATION);
const gaussian = createGaussianGrid(32);
const transform = new SphericalTransform(triangle, {
  sines: gaussian.sines,
  weights: gaussian.weights,
  longitudeCount: 64,
  firstLongitude: 0.3,
});
const inverseCosinesSquared = gaussian.sines.map((sine) => 1 / (1 - sine * sine));

/** Random coefficients of a real field up to the truncation, without a mean. */
function randomSpectrum(seed: number): Spectrum {
  const random = createRandom(seed);
  const spectrum = createSpectrum(triangle);
  for (let m = 0; m <= TRUNCATION; m++) {
    for (let n = Math.max(1, m); n <= TRUNCATION; n++) {
      const at = 2 * ((triangle.starts[m] ?? 0) + n - m);
      spectrum[at] = random.normal();
      spectrum[at + 1] = m === 0 ? 0 : random.normal();
    }
  }
  return spectrum;
}

function assertSpectraClose(actual: Spectrum, expected: Spectrum, tolerance: number): void {
  for (let at = 0; at < triangle.size; at++) {
    if ((triangle.degrees[at] ?? 0) > TRUNCATION) continue;
    assertClose(actual[2 * at] ?? 0, expected[2 * at] ?? 0, tolerance, `real ${at}`);
    assertClose(actual[2 * at + 1] ?? 0, expected[2 * at + 1] ?? 0, tolerance, `imaginary ${at}`);
  }
}

test('values on the grid give back the coefficients they came from', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const spectrum = randomSpectrum(seed);
      const grid = new Float64Array(32 * 64);
      transform.synthesise(spectrum, grid);
      const back = createSpectrum(triangle);
      transform.analyse(grid, back);
      assertSpectraClose(back, spectrum, 1e-12);
    }),
    { numRuns: 20 },
  );
});

test('a grid with a row on the equator and one without agree with the known harmonic', () => {
  for (const nlat of [5, 6]) {
    const sines = Float64Array.from({ length: nlat }, (_, j) => 1 - (2 * j + 1) / nlat);
    const output = new SphericalTransform(triangle, {
      sines,
      longitudeCount: 45,
      firstLongitude: -Math.PI,
    });
    const spectrum = createSpectrum(triangle);
    // P(2, 1)(x) = sqrt(15 / 4) x sqrt(1 - x^2); the real part of both m = 1 and m = -1 gives 2
    // cos.
    spectrum[2 * ((triangle.starts[1] ?? 0) + 1)] = 1;
    const grid = new Float32Array(nlat * 45);
    output.synthesise(spectrum, grid);
    for (let j = 0; j < nlat; j++) {
      for (let i = 0; i < 45; i++) {
        const x = sines[j] ?? 0;
        const longitude = -Math.PI + (2 * Math.PI * i) / 45;
        const expected = 2 * Math.sqrt(15 / 4) * x * Math.sqrt(1 - x * x) * Math.cos(longitude);
        assertClose(grid[j * 45 + i] ?? 0, expected, 1e-6, `row ${j} column ${i}`);
      }
    }
  }
});

test('a transform refuses too few longitudes, and analysis without weights', () => {
  const few = { sines: gaussian.sines, longitudeCount: 42, firstLongitude: 0 };
  assert.throws(() => new SphericalTransform(triangle, few), /needs 43 or more/);
  const output = new SphericalTransform(triangle, { ...few, longitudeCount: 43 });
  assert.throws(
    () => output.analyse(new Float64Array(32 * 43), createSpectrum(triangle)),
    TypeError,
  );
});

test('curl and divergence of a wind give back its vorticity and divergence', () => {
  const operators = createSpectralOperators(triangle);
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const vorticity = randomSpectrum(seed);
      const divergence = randomSpectrum(seed + 1);
      const [u, v, x, y, target] = Array.from({ length: 5 }, () => createSpectrum(triangle));
      assert.ok(u && v && x && y && target);
      operators.writeWind({ vorticity, divergence, u, v });
      const grid = new Float64Array(32 * 64);
      transform.synthesise(u, grid);
      transform.analyse(grid, x, inverseCosinesSquared);
      transform.synthesise(v, grid);
      transform.analyse(grid, y, inverseCosinesSquared);
      operators.writeCurl({ x, y, target });
      assertSpectraClose(target, vorticity, 1e-10);
      operators.writeDivergence({ x, y, target });
      assertSpectraClose(target, divergence, 1e-10);
    }),
    { numRuns: 20 },
  );
});

test('solid rotation: vorticity 2 w sin(latitude) gives u = w a cos(latitude)', () => {
  const operators = createSpectralOperators(triangle);
  const vorticity = createSpectrum(triangle);
  const rate = 1e-5;
  vorticity[2] = 2 * rate * Math.sqrt(2 / 3);
  const divergence = createSpectrum(triangle);
  const u = createSpectrum(triangle);
  const v = createSpectrum(triangle);
  operators.writeWind({ vorticity, divergence, u, v });
  const grid = new Float64Array(32 * 64);
  transform.synthesise(u, grid);
  for (let j = 0; j < 32; j++) {
    const cosineSquared = 1 - (gaussian.sines[j] ?? 0) ** 2;
    assertClose(grid[j * 64] ?? 0, rate * EARTH_RADIUS_METRES * cosineSquared, 1e-10, `row ${j}`);
  }
  assert.ok(v.every((value) => value === 0));
});

test('random numbers: known words, known numbers; even and normal in the mean', () => {
  const draw = (...words: number[]): number[] => {
    const random = createRandom(...words);
    return [random.uniform(), random.uniform(), random.uniform()];
  };
  assert.deepEqual(draw(1, 2), draw(1, 2));
  assert.notDeepEqual(draw(1, 2), draw(2, 1));
  assert.notDeepEqual(draw(1), draw(1 + 2 ** 32));
  const random = createRandom(5);
  let sum = 0;
  let squares = 0;
  for (let index = 0; index < 20_000; index++) {
    const value = random.normal();
    sum += value;
    squares += value * value;
  }
  assertClose(sum / 20_000, 0, 0.03, 'mean');
  assertClose(squares / 20_000, 1, 0.03, 'variance');
});
