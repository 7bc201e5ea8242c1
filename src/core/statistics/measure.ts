import { unreachable } from '../assert.js';
import { type ByteOrder, type Dtype, itemSizeOf } from '../space.js';
import { BLOCK_ELEMENTS, ElementReader, ElementScratch, type Elements } from './elements.js';
import { addSums, type ExactSum, exactSum, powerOfTwo, SUM_ZERO, sumOf } from './exact-sum.js';
import { addCounts, BINS_MAX, type Bins, binAt, emptyBins, HISTOGRAM_NONE } from './histogram.js';
import { isWholeType, type Statistics } from './statistics.js';

/** What is measured: elements that are equal to one of `fills` have no value. */
export interface Measured {
  readonly dtype: Dtype;
  readonly byteOrder: ByteOrder;
  readonly fills: readonly (number | bigint)[];
}

const HIGH = 0x1_0000_0000;
/** By this a float64 is split into two numbers of 26 bits. */
const SPLITTER = 134_217_729;
/** Of values this large a product with that may be none any more: exponents as they are stored. */
const SPLIT_EXPONENT_MAX = 1_990;
const BIN_MASK = BINS_MAX - 1;
const NOTHING_YET = {
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  isBeyond: false,
};
/** So many values may be added before a sum could round: all have 53 bits. */
const ADDED_MAX = 1 << 20;

/** Working memory of measurements, one after the other: for who makes many. */
export class MeasureScratch {
  readonly elements = new ElementScratch();
  /** What of a block has a value, where not all has. */
  readonly kept = new Float64Array(BLOCK_ELEMENTS);
  readonly kept32 = new Float32Array(this.kept.buffer, 0, BLOCK_ELEMENTS);
  readonly keptBits = new Uint32Array(this.kept.buffer);
  /** How many of a block lie in each bin. */
  readonly counted = new Int32Array(BINS_MAX);
  /** Sums by stored exponent, each in two that take turns: no addition waits for another. */
  readonly sums32 = new Float64Array(512);
  readonly sums64 = new Float64Array(2_048);
  /** Of the lower halves of float64. */
  readonly lows64 = new Float64Array(2_048);
}

/**
 * Measures elements, block by block. Each is gone through once: it is added to a sum of its
 * exponent, where nothing is ever rounded, and counted in its bin; only what lies in the first or
 * the last bin, or beyond them, can be an end. A block that goes beyond the bins is counted again
 * in wider ones.
 */
export class Measure {
  readonly #scratch: MeasureScratch;
  readonly #reader: ElementReader;
  readonly #itemSize: number;
  readonly #isWhole: boolean;
  readonly #isWide: boolean;
  readonly #fills: readonly number[];
  readonly #wideFills: readonly bigint[];
  #count = 0;
  #nan = 0;
  #fill = 0;
  #infinite = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #wideMin = 0n;
  #wideMax = 0n;
  #sum: ExactSum = SUM_ZERO;
  /** Of whole numbers, as long as it is exact; of 64 bits the low and the high words. */
  #low = 0;
  #high = 0;
  #added = 0;
  #bins: Bins = { exponent: 0, first: 0, counts: [] };

  constructor({ dtype, byteOrder, fills }: Measured, scratch = new MeasureScratch()) {
    this.#scratch = scratch;
    this.#itemSize = itemSizeOf(dtype);
    this.#reader = new ElementReader(dtype, byteOrder, scratch.elements);
    this.#isWhole = isWholeType(dtype);
    this.#isWide = this.#isWhole && this.#itemSize === 8;
    this.#fills = this.#isWide ? [] : [...new Set(fills.map((fill) => asElement(fill, dtype)))];
    this.#wideFills = this.#isWide ? fills.flatMap(wideFill) : [];
  }

  /** Measures whole elements more. Nobody else may use the scratch until {@link end}. */
  add(bytes: Uint8Array): void {
    const elements = Math.floor(bytes.length / this.#itemSize);
    for (let first = 0; first < elements; first += BLOCK_ELEMENTS) {
      const count = Math.min(BLOCK_ELEMENTS, elements - first);
      this.#block(this.#reader.read(bytes, first * this.#itemSize, count));
      this.#added += count;
      if (this.#added >= ADDED_MAX) this.#flush();
    }
  }

  /** What all that was added is like. */
  end(): Statistics {
    this.#flush();
    const isEmpty = this.#count === 0;
    return {
      isWhole: this.#isWhole,
      count: this.#count,
      nan: this.#nan,
      fill: this.#fill,
      infinite: this.#infinite,
      // Of 0 and -0 it must not matter which came first.
      min: isEmpty ? 0 : this.#isWide ? narrowed(this.#wideMin) : this.#min + 0,
      max: isEmpty ? 0 : this.#isWide ? narrowed(this.#wideMax) : this.#max + 0,
      sum: this.#sum,
      histogram: isEmpty ? HISTOGRAM_NONE : this.#bins,
    };
  }

  #block(elements: Elements): void {
    const { kept, kept32, keptBits } = this.#scratch;
    const hasFills = this.#fills.length > 0;
    switch (elements.kind) {
      case 'whole':
        this.#whole(hasFills ? this.#without(elements.values, kept) : elements.values);
        break;
      case 'wide':
        this.#wide(elements.words, elements.isSigned);
        break;
      case 'real32':
        if (hasFills) this.#real32(this.#without(elements.values, kept32), keptBits);
        else this.#real32(elements.values, elements.bits);
        break;
      case 'real64':
        if (hasFills) this.#real64(this.#without(elements.values, kept), keptBits);
        else this.#real64(elements.values, elements.bits);
        break;
      default:
        unreachable(elements);
    }
  }

  #whole(values: Int32Array | Float64Array): void {
    const counted = this.#scratch.counted.fill(0);
    const { exponent, first, counts } = this.#bins;
    const scale = powerOfTwo(-exponent);
    const last = counts.length - 1;
    let { sum, min, max, isBeyond } = NOTHING_YET;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as number;
      sum += value;
      const bin = Math.floor(value * scale) - first;
      if (!(bin > 0 && bin < last)) {
        if (value < min) min = value;
        if (value > max) max = value;
        if (!(bin >= 0 && bin <= last)) isBeyond = true;
      }
      const at = bin & BIN_MASK;
      counted[at] = (counted[at] as number) + 1;
    }
    this.#low += sum;
    this.#tally(values, values.length, { min, max, isBeyond });
  }

  #real32(values: Float32Array, bits: Uint32Array): void {
    const { sums32: sums } = this.#scratch;
    const counted = this.#scratch.counted.fill(0);
    const { exponent, first, counts } = this.#bins;
    const scale = powerOfTwo(-exponent);
    const last = counts.length - 1;
    let { min, max, isBeyond } = NOTHING_YET;
    let count = values.length;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as number;
      const bin = Math.floor(value * scale) - first;
      if (!(bin > 0 && bin < last)) {
        if (value - value !== 0) {
          this.#noteNone(value);
          count--;
          continue;
        }
        if (value < min) min = value;
        if (value > max) max = value;
        if (!(bin >= 0 && bin <= last)) isBeyond = true;
      }
      const place = (((bits[index] as number) >>> 23) & 0xff) | ((index & 1) << 8);
      sums[place] = (sums[place] as number) + value;
      const at = bin & BIN_MASK;
      counted[at] = (counted[at] as number) + 1;
    }
    this.#tally(values, count, { min, max, isBeyond });
  }

  #real64(values: Float64Array, bits: Uint32Array): void {
    const { sums64: sums, lows64: lows } = this.#scratch;
    const counted = this.#scratch.counted.fill(0);
    const { exponent, first, counts } = this.#bins;
    const scale = powerOfTwo(-exponent);
    const last = counts.length - 1;
    let { min, max, isBeyond } = NOTHING_YET;
    let count = values.length;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as number;
      const bin = binAt(value, scale) - first;
      if (!(bin > 0 && bin < last)) {
        if (value - value !== 0) {
          this.#noteNone(value);
          count--;
          continue;
        }
        if (value < min) min = value;
        if (value > max) max = value;
        if (!(bin >= 0 && bin <= last)) isBeyond = true;
      }
      const place = ((bits[index * 2 + 1] as number) >>> 20) & 0x7ff;
      if (place > SPLIT_EXPONENT_MAX) this.#sum = addSums(this.#sum, sumOf(value));
      else {
        const product = value * SPLITTER;
        const high = product - (product - value);
        sums[place] = (sums[place] as number) + high;
        lows[place] = (lows[place] as number) + (value - high);
      }
      const at = bin & BIN_MASK;
      counted[at] = (counted[at] as number) + 1;
    }
    this.#tally(values, count, { min, max, isBeyond });
  }

  /** Elements of 64 bits, as pairs of words: no bigint is made of any of them. */
  #wide(words: Uint32Array, isSigned: boolean): void {
    const { kept } = this.#scratch;
    const count = words.length / 2;
    let at = 0;
    let [minLow, minHigh, maxLow, maxHigh] = [0, Number.POSITIVE_INFINITY, 0, -1 - HIGH];
    for (let index = 0; index < count; index++) {
      const low = words[index * 2] as number;
      const word = words[index * 2 + 1] as number;
      const high = isSigned ? word | 0 : word;
      if (this.#wideFills.length > 0 && this.#wideFills.includes(wideOf(low, high))) continue;
      this.#low += low;
      this.#high += high;
      if (high < minHigh || (high === minHigh && low < minLow)) [minHigh, minLow] = [high, low];
      if (high > maxHigh || (high === maxHigh && low > maxLow)) [maxHigh, maxLow] = [high, low];
      kept[at++] = high * HIGH + low;
    }
    this.#fill += count - at;
    if (at === 0) return;
    const least = wideOf(minLow, minHigh);
    const most = wideOf(maxLow, maxHigh);
    if (this.#count === 0 || least < this.#wideMin) this.#wideMin = least;
    if (this.#count === 0 || most > this.#wideMax) this.#wideMax = most;
    const ends = { min: Number(least), max: Number(most), isBeyond: true };
    this.#tally(kept.subarray(0, at), at, ends);
  }

  #noteNone(value: number): void {
    if (Number.isNaN(value)) this.#nan++;
    else this.#infinite++;
  }

  /** A copy of what is no fill value, which is counted. */
  #without<T extends Float32Array | Float64Array>(
    values: Int32Array | Float32Array | Float64Array,
    kept: T,
  ): T {
    const fills = this.#fills;
    const one = fills[0] as number;
    const isOne = fills.length === 1;
    let at = 0;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as number;
      // NaN is none of them, whatever an attribute says: it is counted by itself.
      const isFill = isOne ? value === one : fills.some((fill) => value === fill);
      if (!isFill) kept[at++] = value;
    }
    this.#fill += values.length - at;
    return kept.subarray(0, at) as T;
  }

  /** Takes over what a block has come to; one that goes beyond the bins is counted anew. */
  #tally(
    values: Int32Array | Float32Array | Float64Array,
    count: number,
    {
      min,
      max,
      isBeyond,
    }: { readonly min: number; readonly max: number; readonly isBeyond: boolean },
  ): void {
    if (count === 0) return;
    this.#count += count;
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
    const { counted } = this.#scratch;
    if (isBeyond) {
      const bins = emptyBins(this.#min, this.#max, this.#isWhole);
      addCounts(bins, this.#bins);
      this.#bins = bins;
      countIn(bins, values, counted.fill(0));
    }
    const { counts } = this.#bins;
    for (let bin = 0; bin < counts.length; bin++) {
      counts[bin] = (counts[bin] as number) + (counted[bin] as number);
    }
  }

  /** Adds up what has been kept apart, before anything could round. */
  #flush(): void {
    this.#added = 0;
    if (this.#isWhole) {
      const low = BigInt(this.#low);
      this.#sum = addSums(this.#sum, exactSum(low + (BigInt(this.#high) << 32n), 0));
      this.#low = 0;
      this.#high = 0;
      return;
    }
    const { sums32, sums64, lows64 } = this.#scratch;
    for (const apart of this.#itemSize === 8 ? [sums64, lows64] : [sums32]) {
      for (let index = 0; index < apart.length; index++) {
        const sum = apart[index] as number;
        if (sum !== 0) this.#sum = addSums(this.#sum, sumOf(sum));
      }
      apart.fill(0);
    }
  }
}

/** Counts finite values in bins that have room for all of them. */
function countIn(
  { exponent, first }: Bins,
  values: Int32Array | Float32Array | Float64Array,
  counted: Int32Array,
): void {
  const scale = powerOfTwo(-exponent);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (value - value !== 0) continue;
    const at = (binAt(value, scale) - first) & BIN_MASK;
    counted[at] = (counted[at] as number) + 1;
  }
}

/** Those of some bytes. */
export function measure(
  measured: Measured,
  bytes: Uint8Array,
  scratch?: MeasureScratch,
): Statistics {
  const all = new Measure(measured, scratch);
  all.add(bytes);
  return all.end();
}

/** A fill value as an element of the type has it, rounded as a writer would round it. */
function asElement(fill: number | bigint, dtype: Dtype): number {
  return dtype === 'float32' ? Math.fround(Number(fill)) : Number(fill);
}

/** A fill value that is a whole number. */
function wideFill(fill: number | bigint): bigint[] {
  if (typeof fill === 'bigint') return [fill];
  return Number.isInteger(fill) ? [BigInt(fill)] : [];
}

function wideOf(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

/** A number where that is exact. */
function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
