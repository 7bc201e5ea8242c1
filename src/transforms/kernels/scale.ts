import type { Numbers } from '../numbers.js';

/** What of packed numbers is no value: ascending lists are short, so they are looked through. */
interface Missing {
  readonly fill: readonly number[];
  readonly low: number;
  readonly high: number;
}

/**
 * packed x scale + offset, or NaN where it is missing. Computed in float64 and rounded once to the
 * type of the target: 1 to 2 ns an element. The usual cases have a loop of their own.
 */
export function unpack(
  from: Numbers,
  to: Numbers,
  { scale, offset }: { readonly scale: number; readonly offset: number },
  { fill, low, high }: Missing,
): void {
  const count = from.length;
  const [first = Number.NaN] = fill;
  if (low !== Number.NEGATIVE_INFINITY || high !== Number.POSITIVE_INFINITY || fill.length > 1) {
    for (let at = 0; at < count; at++) {
      const value = from[at] as number;
      const isThere = value >= low && value <= high && !fill.includes(value);
      to[at] = isThere ? value * scale + offset : Number.NaN;
    }
  } else if (fill.length === 1) {
    for (let at = 0; at < count; at++) {
      const value = from[at] as number;
      to[at] = value === first ? Number.NaN : value * scale + offset;
    }
  } else {
    for (let at = 0; at < count; at++) to[at] = (from[at] as number) * scale + offset;
  }
}

/**
 * (value - offset) / scale, rounded to the nearest integer, of two the even one; NaN becomes
 * `fill`. Returns the place of the first value that does not fit, or -1; with `clamp` it becomes
 * the nearest that fits, and NaN without `fill` 0.
 */
export function pack(
  from: Numbers,
  to: Numbers,
  how: {
    readonly scale: number;
    readonly offset: number;
    readonly fill: number | null;
    readonly low: number;
    readonly high: number;
    readonly clamp: boolean;
  },
): number {
  const { scale, offset, fill, low, high, clamp } = how;
  for (let at = 0; at < from.length; at++) {
    const value = from[at] as number;
    if (Number.isNaN(value)) {
      if (fill === null && !clamp) return at;
      to[at] = fill ?? 0;
      continue;
    }
    const exact = (value - offset) / scale;
    let packed = Math.round(exact);
    if (packed - exact === 0.5 && packed % 2 !== 0) packed--;
    const fits = packed >= low && packed <= high && packed !== fill;
    if (!fits && !clamp) return at;
    to[at] = fits ? packed : nearest(packed, { low, high, fill });
  }
  return -1;
}

/** The nearest number that fits and does not mean that there is none. */
function nearest(
  packed: number,
  { low, high, fill }: { low: number; high: number; fill: number | null },
): number {
  const inside = Math.min(high, Math.max(low, packed));
  if (inside !== fill) return inside;
  return inside === low ? inside + 1 : inside - 1;
}
