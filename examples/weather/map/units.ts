/** Units and numbers as people read them on a map. */

const RAISED_DIGITS = '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079';
const RAISED_MINUS = '\u207b';

function raise(exponent: string): string {
  return [...exponent]
    .map((digit) => (digit === '-' ? RAISED_MINUS : (RAISED_DIGITS[Number(digit)] ?? digit)))
    .join('');
}

/** "m s-1", "m s**-1" and "m**2 s**-2" with raised exponents. */
export function prettyUnits(units: string): string {
  return units.replace(/([A-Za-z])(?:\*\*|\^)?(-?\d+)/g, (_, letter: string, exponent: string) => {
    return letter + raise(exponent);
  });
}

export interface DisplayUnits {
  /** Multiply a value by this to show it in `units`. */
  readonly factor: number;
  readonly units: string;
}

/** Very small and very large numbers take a power of ten into their unit. */
export function displayUnits(units: string, largest: number): DisplayUnits {
  const pretty = prettyUnits(units);
  if (largest === 0 || (largest >= 0.01 && largest < 1e6)) return { factor: 1, units: pretty };
  const exponent = Math.floor(Math.log10(largest) - 0.3);
  return { factor: 10 ** -exponent, units: `10${raise(String(exponent))} ${pretty}` };
}

/** A fixed number of decimals, the minus sign as long as a plus sign, no minus before a zero. */
export function formatNumber(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '\u2212');
}
