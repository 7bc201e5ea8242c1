/**
 * Associated Legendre functions and Gaussian latitudes.
 *
 * Functions are normalised so that the integral of P(n, m)^2 over sin(latitude) from -1 to 1 is 1;
 * then a field's global mean is its coefficient (0, 0) divided by the square root of 2.
 * Recurrences: Abramowitz and Stegun (1964), 8.5; in this normalisation Hack and Jakob, NCAR
 * Technical Note TN-343+STR (1992), appendix.
 */

/** Where the coefficients of a triangular truncation stand: for each m, n from m to T + 1. */
export interface Triangle {
  readonly truncation: number;
  /** Coefficients stored, with one extra degree for each m (derivatives in latitude need it). */
  readonly size: number;
  /** Index of (n = m, m). */
  readonly starts: Int32Array;
  /** Total wavenumber n of each coefficient. */
  readonly degrees: Int32Array;
  /** epsilon(n, m) = sqrt((n^2 - m^2) / (4 n^2 - 1)) of each coefficient. */
  readonly epsilons: Float64Array;
}

export function createTriangle(truncation: number): Triangle {
  const starts = new Int32Array(truncation + 2);
  for (let m = 0; m <= truncation; m++) starts[m + 1] = (starts[m] ?? 0) + truncation + 2 - m;
  const size = starts[truncation + 1] ?? 0;
  const degrees = new Int32Array(size);
  const epsilons = new Float64Array(size);
  for (let m = 0; m <= truncation; m++) {
    for (let n = m; n <= truncation + 1; n++) {
      const at = (starts[m] ?? 0) + n - m;
      degrees[at] = n;
      epsilons[at] = epsilon(n, m);
    }
  }
  return { truncation, size, starts, degrees, epsilons };
}

export function epsilon(n: number, m: number): number {
  return n === 0 ? 0 : Math.sqrt((n * n - m * m) / (4 * n * n - 1));
}

/** P(n, m) at one sin(latitude), for every (n, m) of the triangle, into `target` from `offset`. */
export function writeLegendre(
  triangle: Triangle,
  sine: number,
  target: Float64Array,
  offset: number,
): void {
  const cosine = Math.sqrt((1 - sine) * (1 + sine));
  let sectoral = Math.SQRT1_2;
  for (let m = 0; m <= triangle.truncation; m++) {
    if (m > 0) sectoral *= cosine * Math.sqrt((2 * m + 1) / (2 * m));
    const start = offset + (triangle.starts[m] ?? 0);
    let before = 0;
    let current = sectoral;
    target[start] = current;
    for (let n = m; n <= triangle.truncation; n++) {
      const next = (sine * current - epsilon(n, m) * before) / epsilon(n + 1, m);
      target[start + n + 1 - m] = next;
      before = current;
      current = next;
    }
  }
}

/** Gaussian quadrature on -1..1: `count` nodes from north (+1) to south, weights adding up to 2. */
export interface GaussianGrid {
  readonly sines: Float64Array;
  readonly weights: Float64Array;
}

/** Nodes by Newton's method from Bruns' guess; converges to the last bit in a few rounds. */
export function createGaussianGrid(count: number): GaussianGrid {
  const sines = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let j = 0; j < Math.ceil(count / 2); j++) {
    let x = Math.cos((Math.PI * (j + 0.75)) / (count + 0.5));
    let slope = 1;
    for (let round = 0; round < 10; round++) {
      let before = 0;
      let current = 1;
      for (let n = 1; n <= count; n++) {
        const next = ((2 * n - 1) * x * current - (n - 1) * before) / n;
        before = current;
        current = next;
      }
      slope = (count * (before - x * current)) / (1 - x * x);
      const change = current / slope;
      x -= change;
      if (Math.abs(change) < 1e-16) break;
    }
    const weight = 2 / ((1 - x * x) * slope * slope);
    const south = count - 1 - j;
    sines[j] = x;
    sines[south] = -x;
    weights[j] = weight;
    weights[south] = weight;
  }
  if (count % 2 === 1) sines[(count - 1) / 2] = 0;
  return { sines, weights };
}
