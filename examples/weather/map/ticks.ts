/** Round numbers for axes and colour bars. */
export interface Ticks {
  /** Multiples of the step from the range's lower to its upper end, ends included if round. */
  readonly values: readonly number[];
  readonly step: number;
  /** Digits after the point that the labels need. */
  readonly decimals: number;
}

/** Steps of 1, 2, 2.5 or 5 times a power of ten, not more than `countMax` of them. */
export function chooseTicks(min: number, max: number, countMax: number): Ticks {
  const rough = (max - min) / countMax;
  const power = 10 ** Math.floor(Math.log10(rough));
  const multiple = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10;
  const step = multiple * power;
  const exponent = Math.floor(Math.log10(step) + 1e-9);
  const decimals = Math.max(0, -exponent + (multiple === 2.5 ? 1 : 0));
  const first = Math.ceil(min / step - 1e-6);
  const last = Math.floor(max / step + 1e-6);
  const values = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  return { values, step, decimals };
}

/**
 * A range with round ends around the values, and its ticks, at both ends; symmetric about 0 for a
 * diverging scale.
 */
export function roundRange(
  least: number,
  largest: number,
  isDiverging: boolean,
  countMax: number,
): { readonly min: number; readonly max: number } {
  const extent = Math.max(Math.abs(least), Math.abs(largest)) || 1;
  let min = isDiverging ? -extent : least;
  let max = isDiverging ? extent : largest;
  // A field of one value gets a range as wide as the value.
  if (max - min <= extent * 1e-6) max = min + extent;
  // A range rounded outwards may need a wider step, and that step a wider range.
  for (let round = 0; round < 4; round++) {
    const { step } = chooseTicks(min, max, countMax);
    min = Math.floor(min / step + 1e-6) * step;
    max = Math.ceil(max / step - 1e-6) * step;
  }
  return { min, max };
}
