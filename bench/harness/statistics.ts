/** The middle value; of an even number, the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear interpolation between the closest ranks (type 7 of Hyndman and Fan, as numpy has it). */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const below = sorted[low] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - low);
}

export function spread(values: readonly number[]): readonly [number, number] {
  if (values.length === 0) return [Number.NaN, Number.NaN];
  return [Math.min(...values), Math.max(...values)];
}

/** The median of the quotients round by round, of the rounds that have both. */
export function pairedRatio(values: readonly number[], others: readonly number[]): number {
  const ratios: number[] = [];
  values.forEach((value, round) => {
    const ratio = value / (others[round] ?? Number.NaN);
    if (Number.isFinite(ratio)) ratios.push(ratio);
  });
  return median(ratios);
}

/** Those that are numbers: a round that failed leaves NaN behind. */
export function measured(values: readonly number[]): number[] {
  return values.filter((value) => Number.isFinite(value));
}
