/**
 * Between values on a grid of the sphere and coefficients of spherical harmonics.
 *
 *   f(longitude, sine) = sum over m, n of F(n, m) P(n, m)(sine) exp(i m longitude)
 *
 * with F(n, -m) the conjugate of F(n, m). The grid's rows stand symmetrically about the equator, so
 * one pass serves a row and its mirror image: P(n, m)(-x) = (-1)^(n - m) P(n, m)(x). The two rows
 * then share one complex Fourier transform, one as real and one as imaginary part.
 */
import { createFourierTransform, type FourierTransform } from './fft.js';
import { type Triangle, writeLegendre } from './legendre.js';

/** Real and imaginary parts in turn, as long as twice the triangle's size. */
export type Spectrum = Float64Array;

/** What a transform needs to know of a grid. */
export interface TransformGrid {
  /** sin(latitude) of each row, north to south, row j the negative of row (last - j). */
  readonly sines: Float64Array;
  readonly longitudeCount: number;
  /** Longitude of the first column, radians. */
  readonly firstLongitude: number;
  /** Quadrature weights of the rows (they add up to 2), for grids to analyse from. */
  readonly weights?: Float64Array;
}

export class SphericalTransform {
  readonly triangle: Triangle;
  readonly rowCount: number;
  readonly columnCount: number;
  readonly #pairCount: number;
  readonly #legendre: Float64Array;
  readonly #weights: Float64Array | undefined;
  readonly #fourier: FourierTransform;
  /** exp(i m firstLongitude), real and imaginary parts in turn. */
  readonly #phases: Float64Array;

  constructor(triangle: Triangle, grid: TransformGrid) {
    const { sines, longitudeCount, firstLongitude, weights } = grid;
    if (longitudeCount < 2 * triangle.truncation + 1) {
      throw new RangeError(
        `Cannot transform to "${longitudeCount}" longitudes: ` +
          `truncation ${triangle.truncation} needs ${2 * triangle.truncation + 1} or more`,
      );
    }
    this.triangle = triangle;
    this.rowCount = sines.length;
    this.columnCount = longitudeCount;
    this.#pairCount = Math.ceil(sines.length / 2);
    this.#legendre = new Float64Array(this.#pairCount * triangle.size);
    for (let pair = 0; pair < this.#pairCount; pair++) {
      writeLegendre(triangle, sines[pair] ?? 0, this.#legendre, pair * triangle.size);
    }
    this.#weights = weights;
    this.#fourier = createFourierTransform(longitudeCount);
    this.#phases = new Float64Array(2 * (triangle.truncation + 1));
    for (let m = 0; m <= triangle.truncation; m++) {
      this.#phases[2 * m] = Math.cos(m * firstLongitude);
      this.#phases[2 * m + 1] = Math.sin(m * firstLongitude);
    }
  }

  /** Values on the grid, row by row from the north, each row times its number in `rowFactors`. */
  synthesise(
    spectrum: Spectrum,
    target: Float64Array | Float32Array,
    rowFactors?: Float64Array,
  ): void {
    const columns = this.columnCount;
    const { real, imaginary } = this.#fourier;
    for (let pair = 0; pair < this.#pairCount; pair++) {
      this.#sumDegrees(spectrum, pair);
      this.#fourier.inverse();
      const south = this.rowCount - 1 - pair;
      const northFactor = rowFactors === undefined ? 1 : (rowFactors[pair] ?? 1);
      const northStart = pair * columns;
      for (let i = 0; i < columns; i++) target[northStart + i] = (real[i] ?? 0) * northFactor;
      if (south === pair) continue;
      const southFactor = rowFactors === undefined ? 1 : (rowFactors[south] ?? 1);
      const southStart = south * columns;
      for (let i = 0; i < columns; i++) target[southStart + i] = (imaginary[i] ?? 0) * southFactor;
    }
  }

  /**
   * Fills the Fourier buffer for a pair of rows: north in the real part, south in the imaginary.
   */
  #sumDegrees(spectrum: Spectrum, pair: number): void {
    const { truncation, starts, size } = this.triangle;
    const legendre = this.#legendre;
    const phases = this.#phases;
    const { real, imaginary } = this.#fourier;
    const columns = this.columnCount;
    real.fill(0);
    imaginary.fill(0);
    for (let m = 0; m <= truncation; m++) {
      const start = starts[m] ?? 0;
      const end = start + truncation + 2 - m;
      const row = pair * size;
      let evenR = 0;
      let evenI = 0;
      let oddR = 0;
      let oddI = 0;
      let at = start;
      for (; at + 1 < end; at += 2) {
        const p = legendre[row + at] ?? 0;
        const q = legendre[row + at + 1] ?? 0;
        evenR += p * (spectrum[2 * at] ?? 0);
        evenI += p * (spectrum[2 * at + 1] ?? 0);
        oddR += q * (spectrum[2 * at + 2] ?? 0);
        oddI += q * (spectrum[2 * at + 3] ?? 0);
      }
      if (at < end) {
        const p = legendre[row + at] ?? 0;
        evenR += p * (spectrum[2 * at] ?? 0);
        evenI += p * (spectrum[2 * at + 1] ?? 0);
      }
      const c = phases[2 * m] ?? 0;
      const s = phases[2 * m + 1] ?? 0;
      const sumR = evenR + oddR;
      const sumI = evenI + oddI;
      const differenceR = evenR - oddR;
      const differenceI = evenI - oddI;
      const northR = sumR * c - sumI * s;
      const northI = sumR * s + sumI * c;
      const southR = differenceR * c - differenceI * s;
      const southI = differenceR * s + differenceI * c;
      // Z(m) = N(m) + i S(m) and Z(-m) = conj(N(m)) + i conj(S(m)).
      real[m] = northR - southI;
      imaginary[m] = northI + southR;
      if (m > 0) {
        real[columns - m] = northR + southI;
        imaginary[columns - m] = southR - northI;
      }
    }
  }

  /**
   * Coefficients of the values on the grid, each row first multiplied by its number in
   * `rowFactors`. Exact for products of two truncated fields when the grid is Gaussian and has at
   * least (3 T + 1) / 2 rows and 3 T + 1 columns (Orszag, J. Atmos. Sci. 27, 1970).
   */
  analyse(source: Float64Array, target: Spectrum, rowFactors?: Float64Array): void {
    const weights = this.#weights;
    if (weights === undefined) {
      throw new TypeError('Cannot analyse on this grid: it has no quadrature weights');
    }
    const columns = this.columnCount;
    const { real, imaginary } = this.#fourier;
    target.fill(0);
    for (let pair = 0; pair < this.#pairCount; pair++) {
      const south = this.rowCount - 1 - pair;
      const scale = (weights[pair] ?? 0) / columns;
      const northFactor = scale * (rowFactors === undefined ? 1 : (rowFactors[pair] ?? 1));
      const northStart = pair * columns;
      for (let i = 0; i < columns; i++) real[i] = (source[northStart + i] ?? 0) * northFactor;
      if (south === pair) {
        imaginary.fill(0);
      } else {
        const southFactor = scale * (rowFactors === undefined ? 1 : (rowFactors[south] ?? 1));
        const southStart = south * columns;
        for (let i = 0; i < columns; i++)
          imaginary[i] = (source[southStart + i] ?? 0) * southFactor;
      }
      this.#fourier.forward();
      this.#addDegrees(target, pair);
    }
  }

  /** Adds a pair of rows, transformed along longitude, to the coefficients. */
  #addDegrees(target: Spectrum, pair: number): void {
    const { truncation, starts, size } = this.triangle;
    const legendre = this.#legendre;
    const phases = this.#phases;
    const { real, imaginary } = this.#fourier;
    const columns = this.columnCount;
    for (let m = 0; m <= truncation; m++) {
      const opposite = m === 0 ? 0 : columns - m;
      const zr = real[m] ?? 0;
      const zi = imaginary[m] ?? 0;
      const yr = real[opposite] ?? 0;
      const yi = imaginary[opposite] ?? 0;
      // N(m) = (Z(m) + conj Z(-m)) / 2, S(m) = (Z(m) - conj Z(-m)) / (2 i).
      const northR = 0.5 * (zr + yr);
      const northI = 0.5 * (zi - yi);
      const southR = 0.5 * (zi + yi);
      const southI = 0.5 * (yr - zr);
      const c = phases[2 * m] ?? 0;
      const s = phases[2 * m + 1] ?? 0;
      const sumR = northR + southR;
      const sumI = northI + southI;
      const differenceR = northR - southR;
      const differenceI = northI - southI;
      const evenR = sumR * c + sumI * s;
      const evenI = sumI * c - sumR * s;
      const oddR = differenceR * c + differenceI * s;
      const oddI = differenceI * c - differenceR * s;
      const start = starts[m] ?? 0;
      const end = start + truncation + 2 - m;
      const row = pair * size;
      let at = start;
      for (; at + 1 < end; at += 2) {
        const p = legendre[row + at] ?? 0;
        const q = legendre[row + at + 1] ?? 0;
        target[2 * at] = (target[2 * at] ?? 0) + p * evenR;
        target[2 * at + 1] = (target[2 * at + 1] ?? 0) + p * evenI;
        target[2 * at + 2] = (target[2 * at + 2] ?? 0) + q * oddR;
        target[2 * at + 3] = (target[2 * at + 3] ?? 0) + q * oddI;
      }
      if (at < end) {
        const p = legendre[row + at] ?? 0;
        target[2 * at] = (target[2 * at] ?? 0) + p * evenR;
        target[2 * at + 1] = (target[2 * at + 1] ?? 0) + p * evenI;
      }
    }
  }
}
