import type { Rounding } from '../spec.js';

/** A float as its bits tell it: words of 32 bits, low one first; those above are sign and power. */
interface Format {
  readonly bias: number;
  readonly fraction: number;
}
const FLOAT32: Format = { bias: 127, fraction: 23 };
const FLOAT64: Format = { bias: 1_023, fraction: 52 };

/** A relative bound is kept by so many bits: rounding to k bits moves by at most 2^-(k + 1). */
export function bitsFor(relative: number): number {
  return Math.max(0, Math.ceil(-Math.log2(relative)) - 1);
}

/**
 * Rounds floats in place to fewer bits of their fraction, of two nearest to the even one, so that
 * the rest is zeros, which compress. NaN keeps its bits, infinity is infinity, and what would round
 * up to it stays. `absolute`: of each number as many bits as its bound asks for.
 */
export function bitround(bytes: Uint8Array, size: 4 | 8, rounding: Rounding): void {
  const { bias, fraction } = size === 4 ? FLOAT32 : FLOAT64;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const { bits, absolute, relative } = rounding;
  const kept = relative === undefined ? bits : bitsFor(relative);
  // Half a step of 2^least is the bound.
  const least = absolute === undefined ? 0 : Math.floor(Math.log2(absolute)) + 1;
  const powerBits = size === 4 ? 23 : 20;
  const infinite = size === 4 ? 0xff : 0x7ff;
  for (let at = size / 4 - 1; at < words.length; at += size / 4) {
    const power = ((words[at] as number) >>> powerBits) & infinite;
    if (power === infinite) continue;
    const exponent = Math.max(power, 1) - bias;
    const drop = kept === undefined ? fraction - exponent + least : fraction - kept;
    if (drop <= 0) continue;
    if (drop > fraction) {
      // Less than the step: the nearest is zero, or one step, which is more than the bit above.
      // A step beyond the greatest number is none: then it stays.
      if (kept === undefined && least <= bias) toStep(words, at, size, least);
      continue;
    }
    if (size === 4) round32(words, at, drop);
    else round64(words, at, drop);
  }
}

const NUMBER = new DataView(new ArrayBuffer(8));

/** The nearest multiple of 2^least: for numbers that have at most one bit of it. */
function toStep(words: Uint32Array, at: number, size: 4 | 8, least: number): void {
  const step = 2 ** least;
  const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
  const place = (at + 1) * 4 - size;
  const value = size === 4 ? view.getFloat32(place, true) : view.getFloat64(place, true);
  const rounded = Math.abs(value) > step / 2 ? Math.sign(value) * step : Math.sign(value) * 0;
  if (size === 4) {
    NUMBER.setFloat32(0, rounded, true);
    words[at] = NUMBER.getUint32(0, true);
  } else {
    NUMBER.setFloat64(0, rounded, true);
    words[at - 1] = NUMBER.getUint32(0, true);
    words[at] = NUMBER.getUint32(4, true);
  }
}

function round32(words: Uint32Array, at: number, drop: number): void {
  const word = words[at] as number;
  const unit = 2 ** drop;
  const rest = (word & 0x7f_ffff) % unit;
  const base = (word >>> 0) - rest;
  const isUp = rest > unit / 2 || (rest === unit / 2 && Math.floor(word / unit) % 2 === 1);
  const rounded = isUp ? base + unit : base;
  // A carry into the power is right, but for the last one.
  words[at] = ((rounded >>> 23) & 0xff) === 0xff ? base : rounded;
}

function round64(words: Uint32Array, at: number, drop: number): void {
  const bits = (BigInt(words[at] as number) << 32n) | BigInt(words[at - 1] as number);
  const unit = 1n << BigInt(drop);
  const rest = bits & (unit - 1n);
  const base = bits - rest;
  const half = unit / 2n;
  const isUp = rest > half || (rest === half && (base / unit) % 2n === 1n);
  let rounded = isUp ? base + unit : base;
  if (((rounded >> 52n) & 0x7ffn) === 0x7ffn) rounded = base;
  words[at] = Number(rounded >> 32n);
  words[at - 1] = Number(rounded & 0xffff_ffffn);
}
