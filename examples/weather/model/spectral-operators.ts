/**
 * Derivatives on the sphere, done on coefficients of spherical harmonics.
 *
 * Vectors are held as U = u cos(latitude), V = v cos(latitude), which are smooth at the poles.
 * Formulas: Hack and Jakob, "Description of a global shallow water model based on the spectral
 * transform method", NCAR Technical Note TN-343+STR (1992), sections 2 and 3. They rest on
 *
 *   (1 - x^2) dP(n)/dx = (n + 1) e(n) P(n - 1) - n e(n + 1) P(n + 1)     with x = sin(latitude).
 */
import type { Triangle } from './legendre.js';
import type { Spectrum } from './spherical-transform.js';

/** Mean radius of the Earth, metres: Galewsky, Scott and Polvani, Tellus 56A (2004), section 2. */
export const EARTH_RADIUS_METRES = 6.37122e6;
/** The Earth's rate of rotation, radians per second: the same source. */
export const EARTH_ROTATION_PER_SECOND = 7.292e-5;
/** Acceleration of gravity, metres per second squared: the same source. */
export const GRAVITY = 9.80616;

export function createSpectrum(triangle: Triangle): Spectrum {
  return new Float64Array(2 * triangle.size);
}

/** Eigenvalue of minus the Laplacian for degree n, per square metre. */
export function laplacianEigenvalue(degree: number): number {
  return (degree * (degree + 1)) / (EARTH_RADIUS_METRES * EARTH_RADIUS_METRES);
}

/** What the equations need; every call overwrites its target and allocates nothing. */
export interface SpectralOperators {
  /** U and V of the wind with this vorticity and divergence. */
  writeWind(wind: WindSpectra): void;
  /** Coefficients of the curl of (X, Y), given those of X and Y over (1 - x^2). */
  writeCurl(vector: VectorSpectra): void;
  /** Coefficients of the divergence of (X, Y), given those of X and Y over (1 - x^2). */
  writeDivergence(vector: VectorSpectra): void;
}

export interface WindSpectra {
  readonly vorticity: Spectrum;
  readonly divergence: Spectrum;
  readonly u: Spectrum;
  readonly v: Spectrum;
}

export interface VectorSpectra {
  readonly x: Spectrum;
  readonly y: Spectrum;
  readonly target: Spectrum;
}

interface Factors {
  /** For U and V, of stream function and potential: a m / (n (n + 1)). */
  readonly zonal: Float64Array;
  /** Of the vorticity one degree lower and one higher, in U. */
  readonly windLower: Float64Array;
  readonly windHigher: Float64Array;
  /** m / a, and the factors of degrees n - 1 and n + 1 in a derivative along x. */
  readonly derivativeZonal: Float64Array;
  readonly derivativeLower: Float64Array;
  readonly derivativeHigher: Float64Array;
}

function createFactors(triangle: Triangle): Factors {
  const { truncation, size, starts, degrees, epsilons } = triangle;
  const factors: Factors = {
    zonal: new Float64Array(size),
    windLower: new Float64Array(size),
    windHigher: new Float64Array(size),
    derivativeZonal: new Float64Array(size),
    derivativeLower: new Float64Array(size),
    derivativeHigher: new Float64Array(size),
  };
  const a = EARTH_RADIUS_METRES;
  for (let m = 0; m <= truncation; m++) {
    const start = starts[m] ?? 0;
    for (let at = start; at < (starts[m + 1] ?? 0); at++) {
      const n = degrees[at] ?? 0;
      const here = epsilons[at] ?? 0;
      // Degree T + 2 is not stored, and nothing stored is above degree T anyway.
      const above = n <= truncation ? (epsilons[at + 1] ?? 0) : 0;
      factors.zonal[at] = n === 0 ? 0 : (a * m) / (n * (n + 1));
      // psi(n) = -a^2 / (n (n + 1)) zeta(n); U(n) = -[(n + 2) e(n+1) psi(n+1) - (n - 1) e(n)
      // psi(n-1)] / a.
      factors.windLower[at] = n <= 1 ? 0 : -(a * here) / n;
      factors.windHigher[at] = (a * above) / (n + 1);
      factors.derivativeZonal[at] = m / a;
      factors.derivativeLower[at] = ((n + 1) * here) / a;
      factors.derivativeHigher[at] = (n * above) / a;
    }
  }
  return factors;
}

/** The operators for one triangle of coefficients; their factors are worked out once. */
export function createSpectralOperators(triangle: Triangle): SpectralOperators {
  const { truncation, starts } = triangle;
  const factors = createFactors(triangle);

  const writeWind = ({ vorticity, divergence, u, v }: WindSpectra): void => {
    for (let m = 0; m <= truncation; m++) {
      const start = starts[m] ?? 0;
      const last = (starts[m + 1] ?? 0) - 1;
      for (let at = start; at <= last; at++) {
        const lower = at > start ? (factors.windLower[at] ?? 0) : 0;
        const higher = at < last ? (factors.windHigher[at] ?? 0) : 0;
        const zonal = factors.zonal[at] ?? 0;
        const r = 2 * at;
        const i = r + 1;
        // i m chi(n) / a = -i a m / (n (n + 1)) delta(n), whose real part is +zonal * Im(delta).
        u[r] =
          zonal * (divergence[i] ?? 0) +
          lower * (vorticity[r - 2] ?? 0) +
          higher * (vorticity[r + 2] ?? 0);
        u[i] =
          -zonal * (divergence[r] ?? 0) +
          lower * (vorticity[i - 2] ?? 0) +
          higher * (vorticity[i + 2] ?? 0);
        v[r] =
          zonal * (vorticity[i] ?? 0) -
          lower * (divergence[r - 2] ?? 0) -
          higher * (divergence[r + 2] ?? 0);
        v[i] =
          -zonal * (vorticity[r] ?? 0) -
          lower * (divergence[i - 2] ?? 0) -
          higher * (divergence[i + 2] ?? 0);
      }
    }
  };

  /** target = i m along / a + sign * (derivative of across along x). */
  const writeDerivatives = (
    along: Spectrum,
    across: Spectrum,
    sign: number,
    target: Spectrum,
  ): void => {
    for (let m = 0; m <= truncation; m++) {
      const start = starts[m] ?? 0;
      const last = (starts[m + 1] ?? 0) - 1;
      for (let at = start; at < last; at++) {
        const lower = at > start ? sign * (factors.derivativeLower[at] ?? 0) : 0;
        const higher = sign * (factors.derivativeHigher[at] ?? 0);
        const zonal = factors.derivativeZonal[at] ?? 0;
        const r = 2 * at;
        const i = r + 1;
        target[r] =
          -zonal * (along[i] ?? 0) - lower * (across[r - 2] ?? 0) + higher * (across[r + 2] ?? 0);
        target[i] =
          zonal * (along[r] ?? 0) - lower * (across[i - 2] ?? 0) + higher * (across[i + 2] ?? 0);
      }
      target[2 * last] = 0;
      target[2 * last + 1] = 0;
    }
  };

  return {
    writeWind,
    writeCurl: ({ x, y, target }) => writeDerivatives(y, x, -1, target),
    writeDivergence: ({ x, y, target }) => writeDerivatives(x, y, 1, target),
  };
}
