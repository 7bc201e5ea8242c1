/**
 * A complex Fourier transform of any length, fast when the length is made of 2, 3, 4 and 5.
 *
 * Stockham's self-sorting form (Temperton, J. Comput. Phys. 52, 1983): every pass reads one buffer
 * and writes the other, so no bit reversal and no allocation after construction.
 */

/** One pass: `count` sub-transforms of length `radix * rest`, their points `stride` apart. */
interface Pass {
  readonly radix: number;
  readonly rest: number;
  readonly stride: number;
  /** cos and sin of 2 pi q k / (radix * rest), for k in 0..rest-1 and q in 1..radix-1. */
  readonly twiddles: Float64Array;
}

/** A transform of one length with its own working memory; not to be shared between threads. */
export interface FourierTransform {
  readonly size: number;
  /** Real parts: input before, result after `inverse` or `forward`. */
  readonly real: Float64Array;
  /** Imaginary parts, likewise. */
  readonly imaginary: Float64Array;
  /** x[j] = sum over k of X[k] exp(+2 pi i j k / size); not divided by size. In place. */
  inverse(): void;
  /** X[k] = sum over j of x[j] exp(-2 pi i j k / size); not divided by size. In place. */
  forward(): void;
}

/** Splits a length into radices, 4 first; other primes come last and cost their square. */
function factorise(size: number): number[] {
  const radices: number[] = [];
  let rest = size;
  for (const radix of [4, 2, 3, 5]) {
    while (rest % radix === 0) {
      radices.push(radix);
      rest /= radix;
    }
  }
  for (let radix = 7; rest > 1; radix += 2) {
    while (rest % radix === 0) {
      radices.push(radix);
      rest /= radix;
    }
  }
  return radices;
}

function planPasses(size: number): Pass[] {
  const passes: Pass[] = [];
  let length = size;
  let stride = 1;
  for (const radix of factorise(size)) {
    const rest = length / radix;
    const twiddles = new Float64Array(2 * rest * (radix - 1));
    for (let k = 0; k < rest; k++) {
      for (let q = 1; q < radix; q++) {
        const angle = (2 * Math.PI * ((q * k) % length)) / length;
        const at = 2 * (k * (radix - 1) + q - 1);
        twiddles[at] = Math.cos(angle);
        twiddles[at + 1] = Math.sin(angle);
      }
    }
    passes.push({ radix, rest, stride, twiddles });
    length = rest;
    stride *= radix;
  }
  return passes;
}

/** Two buffers of complex numbers, real and imaginary parts apart. */
interface Buffers {
  readonly fromReal: Float64Array;
  readonly fromImaginary: Float64Array;
  readonly toReal: Float64Array;
  readonly toImaginary: Float64Array;
}

function passOfTwo({ rest, stride, twiddles }: Pass, b: Buffers): void {
  const { fromReal, fromImaginary, toReal, toImaginary } = b;
  const half = rest * stride;
  for (let k = 0; k < rest; k++) {
    const wr = twiddles[2 * k] ?? 0;
    const wi = twiddles[2 * k + 1] ?? 0;
    for (let s = 0; s < stride; s++) {
      const at = s + stride * k;
      const ar = fromReal[at] ?? 0;
      const ai = fromImaginary[at] ?? 0;
      const br = fromReal[at + half] ?? 0;
      const bi = fromImaginary[at + half] ?? 0;
      const to = s + stride * 2 * k;
      toReal[to] = ar + br;
      toImaginary[to] = ai + bi;
      const dr = ar - br;
      const di = ai - bi;
      toReal[to + stride] = dr * wr - di * wi;
      toImaginary[to + stride] = dr * wi + di * wr;
    }
  }
}

function passOfFour({ rest, stride, twiddles }: Pass, b: Buffers): void {
  const { fromReal, fromImaginary, toReal, toImaginary } = b;
  const quarter = rest * stride;
  for (let k = 0; k < rest; k++) {
    const w1r = twiddles[6 * k] ?? 0;
    const w1i = twiddles[6 * k + 1] ?? 0;
    const w2r = twiddles[6 * k + 2] ?? 0;
    const w2i = twiddles[6 * k + 3] ?? 0;
    const w3r = twiddles[6 * k + 4] ?? 0;
    const w3i = twiddles[6 * k + 5] ?? 0;
    for (let s = 0; s < stride; s++) {
      const at = s + stride * k;
      const ar = fromReal[at] ?? 0;
      const ai = fromImaginary[at] ?? 0;
      const br = fromReal[at + quarter] ?? 0;
      const bi = fromImaginary[at + quarter] ?? 0;
      const cr = fromReal[at + 2 * quarter] ?? 0;
      const ci = fromImaginary[at + 2 * quarter] ?? 0;
      const dr = fromReal[at + 3 * quarter] ?? 0;
      const di = fromImaginary[at + 3 * quarter] ?? 0;
      const sumAcR = ar + cr;
      const sumAcI = ai + ci;
      const difAcR = ar - cr;
      const difAcI = ai - ci;
      const sumBdR = br + dr;
      const sumBdI = bi + di;
      // i * (b - d), for the kernel exp(+i ...).
      const difBdR = di - bi;
      const difBdI = br - dr;
      const to = s + stride * 4 * k;
      toReal[to] = sumAcR + sumBdR;
      toImaginary[to] = sumAcI + sumBdI;
      const r1 = difAcR + difBdR;
      const i1 = difAcI + difBdI;
      toReal[to + stride] = r1 * w1r - i1 * w1i;
      toImaginary[to + stride] = r1 * w1i + i1 * w1r;
      const r2 = sumAcR - sumBdR;
      const i2 = sumAcI - sumBdI;
      toReal[to + 2 * stride] = r2 * w2r - i2 * w2i;
      toImaginary[to + 2 * stride] = r2 * w2i + i2 * w2r;
      const r3 = difAcR - difBdR;
      const i3 = difAcI - difBdI;
      toReal[to + 3 * stride] = r3 * w3r - i3 * w3i;
      toImaginary[to + 3 * stride] = r3 * w3i + i3 * w3r;
    }
  }
}

const SIN_60 = Math.sqrt(3) / 2;

function passOfThree({ rest, stride, twiddles }: Pass, b: Buffers): void {
  const { fromReal, fromImaginary, toReal, toImaginary } = b;
  const third = rest * stride;
  for (let k = 0; k < rest; k++) {
    const w1r = twiddles[4 * k] ?? 0;
    const w1i = twiddles[4 * k + 1] ?? 0;
    const w2r = twiddles[4 * k + 2] ?? 0;
    const w2i = twiddles[4 * k + 3] ?? 0;
    for (let s = 0; s < stride; s++) {
      const at = s + stride * k;
      const ar = fromReal[at] ?? 0;
      const ai = fromImaginary[at] ?? 0;
      const br = fromReal[at + third] ?? 0;
      const bi = fromImaginary[at + third] ?? 0;
      const cr = fromReal[at + 2 * third] ?? 0;
      const ci = fromImaginary[at + 2 * third] ?? 0;
      const sumR = br + cr;
      const sumI = bi + ci;
      const middleR = ar - 0.5 * sumR;
      const middleI = ai - 0.5 * sumI;
      // i * sin(60) * (b - c), for the kernel exp(+i ...).
      const sideR = -SIN_60 * (bi - ci);
      const sideI = SIN_60 * (br - cr);
      const to = s + stride * 3 * k;
      toReal[to] = ar + sumR;
      toImaginary[to] = ai + sumI;
      const r1 = middleR + sideR;
      const i1 = middleI + sideI;
      toReal[to + stride] = r1 * w1r - i1 * w1i;
      toImaginary[to + stride] = r1 * w1i + i1 * w1r;
      const r2 = middleR - sideR;
      const i2 = middleI - sideI;
      toReal[to + 2 * stride] = r2 * w2r - i2 * w2i;
      toImaginary[to + 2 * stride] = r2 * w2i + i2 * w2r;
    }
  }
}

/** Any radix, by its definition: for 5 and for lengths with other primes. */
function passOfAny({ radix, rest, stride, twiddles }: Pass, b: Buffers, roots: Float64Array): void {
  const { fromReal, fromImaginary, toReal, toImaginary } = b;
  const part = rest * stride;
  for (let k = 0; k < rest; k++) {
    for (let s = 0; s < stride; s++) {
      for (let q = 0; q < radix; q++) {
        let sumR = 0;
        let sumI = 0;
        for (let p = 0; p < radix; p++) {
          const at = s + stride * k + p * part;
          const root = 2 * ((p * q) % radix);
          const c = roots[root] ?? 0;
          const d = roots[root + 1] ?? 0;
          const xr = fromReal[at] ?? 0;
          const xi = fromImaginary[at] ?? 0;
          sumR += xr * c - xi * d;
          sumI += xr * d + xi * c;
        }
        const w = 2 * (k * (radix - 1) + q - 1);
        const wr = q === 0 ? 1 : (twiddles[w] ?? 0);
        const wi = q === 0 ? 0 : (twiddles[w + 1] ?? 0);
        const to = s + stride * (radix * k + q);
        toReal[to] = sumR * wr - sumI * wi;
        toImaginary[to] = sumR * wi + sumI * wr;
      }
    }
  }
}

function unitRoots(radix: number): Float64Array {
  const roots = new Float64Array(2 * radix);
  for (let q = 0; q < radix; q++) {
    roots[2 * q] = Math.cos((2 * Math.PI * q) / radix);
    roots[2 * q + 1] = Math.sin((2 * Math.PI * q) / radix);
  }
  return roots;
}

/**
 * Plans a transform of `size` points (a positive integer).
 *
 * @throws RangeError when `size` is not a positive integer.
 */
export function createFourierTransform(size: number): FourierTransform {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(
      `Cannot plan a Fourier transform of size "${size}": not a positive integer`,
    );
  }
  const passes = planPasses(size);
  const roots = passes.map((pass) => unitRoots(pass.radix));
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);
  const otherReal = new Float64Array(size);
  const otherImaginary = new Float64Array(size);
  const there = {
    fromReal: real,
    fromImaginary: imaginary,
    toReal: otherReal,
    toImaginary: otherImaginary,
  };
  const back = {
    fromReal: otherReal,
    fromImaginary: otherImaginary,
    toReal: real,
    toImaginary: imaginary,
  };
  // The forward kernel is the inverse one with real and imaginary parts changed over.
  const thereSwapped = {
    fromReal: imaginary,
    fromImaginary: real,
    toReal: otherImaginary,
    toImaginary: otherReal,
  };
  const backSwapped = {
    fromReal: otherImaginary,
    fromImaginary: otherReal,
    toReal: imaginary,
    toImaginary: real,
  };
  const run = (even: Buffers, odd: Buffers): void => {
    for (let index = 0; index < passes.length; index++) {
      const pass = passes[index];
      const passRoots = roots[index];
      if (pass === undefined || passRoots === undefined) break;
      const buffers = index % 2 === 0 ? even : odd;
      if (pass.radix === 4) passOfFour(pass, buffers);
      else if (pass.radix === 2) passOfTwo(pass, buffers);
      else if (pass.radix === 3) passOfThree(pass, buffers);
      else passOfAny(pass, buffers, passRoots);
    }
    if (passes.length % 2 === 1) {
      real.set(otherReal);
      imaginary.set(otherImaginary);
    }
  };
  return {
    size,
    real,
    imaginary,
    inverse: () => run(there, back),
    forward: () => run(thereSwapped, backSwapped),
  };
}
