import { refuseTransform } from './failure.js';

/** Powers of m, kg, s, K, A, mol, cd, rad. */
type Dimension = readonly number[];

/** value x factor + offset is the value in base units. */
interface Unit {
  readonly factor: number;
  readonly offset: number;
  readonly dimension: Dimension;
}

const NONE: Dimension = [0, 0, 0, 0, 0, 0, 0, 0];
const of = (powers: Readonly<Record<number, number>>): Dimension =>
  NONE.map((none, at) => powers[at] ?? none);
const unit = (factor: number, dimension: Dimension = NONE, offset = 0): Unit => ({
  factor,
  offset,
  dimension,
});

const LENGTH = of({ 0: 1 });
const TIME = of({ 2: 1 });
const TEMPERATURE = of({ 3: 1 });
const FORCE = of({ 0: 1, 1: 1, 2: -2 });
const PRESSURE = of({ 0: -1, 1: 1, 2: -2 });
const ENERGY = of({ 0: 2, 1: 1, 2: -2 });
const POWER = of({ 0: 2, 1: 1, 2: -3 });
const ANGLE = of({ 7: 1 });

/** Take prefixes. SI Brochure, 9th edition; those of meteorology beside them. */
const PREFIXED: { readonly [symbol: string]: Unit } = {
  m: unit(1, LENGTH),
  g: unit(1e-3, of({ 1: 1 })),
  s: unit(1, TIME),
  K: unit(1, TEMPERATURE),
  A: unit(1, of({ 4: 1 })),
  mol: unit(1, of({ 5: 1 })),
  cd: unit(1, of({ 6: 1 })),
  rad: unit(1, ANGLE),
  Hz: unit(1, of({ 2: -1 })),
  N: unit(1, FORCE),
  Pa: unit(1, PRESSURE),
  bar: unit(1e5, PRESSURE),
  J: unit(1, ENERGY),
  eV: unit(1.602176634e-19, ENERGY),
  W: unit(1, POWER),
  C: unit(1, of({ 2: 1, 4: 1 })),
  V: unit(1, of({ 0: 2, 1: 1, 2: -3, 4: -1 })),
  T: unit(1, of({ 1: 1, 2: -2, 4: -1 })),
  L: unit(1e-3, of({ 0: 3 })),
  l: unit(1e-3, of({ 0: 3 })),
};

/** Take none. */
const PLAIN: { readonly [symbol: string]: Unit } = {
  '%': unit(0.01),
  percent: unit(0.01),
  degC: unit(1, TEMPERATURE, 273.15),
  Celsius: unit(1, TEMPERATURE, 273.15),
  celsius: unit(1, TEMPERATURE, 273.15),
  degF: unit(5 / 9, TEMPERATURE, 273.15 - (32 * 5) / 9),
  fahrenheit: unit(5 / 9, TEMPERATURE, 273.15 - (32 * 5) / 9),
  kelvin: unit(1, TEMPERATURE),
  meter: unit(1, LENGTH),
  metre: unit(1, LENGTH),
  gpm: unit(1, LENGTH),
  ft: unit(0.3048, LENGTH),
  nmi: unit(1_852, LENGTH),
  kt: unit(1_852 / 3_600, of({ 0: 1, 2: -1 })),
  knot: unit(1_852 / 3_600, of({ 0: 1, 2: -1 })),
  sec: unit(1, TIME),
  second: unit(1, TIME),
  min: unit(60, TIME),
  minute: unit(60, TIME),
  h: unit(3_600, TIME),
  hr: unit(3_600, TIME),
  hour: unit(3_600, TIME),
  d: unit(86_400, TIME),
  day: unit(86_400, TIME),
  atm: unit(101_325, PRESSURE),
  deg: unit(Math.PI / 180, ANGLE),
  degree: unit(Math.PI / 180, ANGLE),
  degrees: unit(Math.PI / 180, ANGLE),
};

const PREFIXES: { readonly [prefix: string]: number } = {
  ...{ da: 1e1, h: 1e2, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ d: 1e-1, c: 1e-2, m: 1e-3, u: 1e-6, µ: 1e-6, n: 1e-9, p: 1e-12, f: 1e-15, a: 1e-18 },
};

/** A factor, its power, and what stands before it. */
const FACTOR =
  /^(?<join>[\s.*·]*(?:\/\s*)?)(?:(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<symbol>[A-Za-zµ%]+))(?:(?:\^|\*\*)?(?<power>[+-]?\d+))?/u;
const POWER_MAX = 16;

/** From one unit to another: value x factor + offset. */
interface Affine {
  readonly factor: number;
  readonly offset: number;
}

/**
 * How a value in one unit becomes one in another: both in the grammar of udunits as CF uses it
 * (`m s-1`, `m/s`, `kg m-2 s-1`, `10 hPa`). `bad-transform` when a unit is not known, or
 * they measure different things. `density` (kg m-3) lets a mass on an area be a depth.
 */
export function conversion(from: string, to: string, density?: number): Affine {
  const source = parseUnit(from);
  const target = parseUnit(to);
  const factor = source.factor / target.factor;
  const offset = (source.offset - target.offset) / target.factor;
  if (isSame(source.dimension, target.dimension)) return { factor, offset };
  if (density !== undefined) {
    if (!(density > 0)) refuseTransform('units', `a density of ${density} is none`);
    // kg m-2 to m: the difference of the dimensions is a density, this way or that.
    const difference = source.dimension.map((power, at) => power - (target.dimension[at] ?? 0));
    if (isSame(difference, of({ 0: -3, 1: 1 }))) return { factor: factor / density, offset: 0 };
    if (isSame(difference, of({ 0: 3, 1: -1 }))) return { factor: factor * density, offset: 0 };
  }
  return refuseTransform('units', `"${from}" and "${to}" measure different things`, { from, to });
}

const isSame = (one: Dimension, other: Dimension): boolean =>
  one.every((power, at) => power === other[at]);

function parseUnit(text: string): Unit {
  let rest = text.trim();
  if (rest === '' || rest === '1') return unit(1);
  let found: Unit | null = null;
  let count = 0;
  while (rest !== '') {
    const match = FACTOR.exec(rest);
    const groups = match?.groups;
    if (match === null || groups === undefined) return unknownUnit(text, rest);
    const { join = '', number, symbol = '' } = groups;
    const isDivided = join.includes('/');
    const power = Number(groups['power'] ?? 1) * (isDivided ? -1 : 1);
    if (Math.abs(power) > POWER_MAX) return unknownUnit(text, rest);
    const one = number === undefined ? symbolUnit(symbol) : unit(Number(number));
    if (one === null || one.factor === 0) return unknownUnit(text, symbol);
    // 25 degC begins where degC does only if it stands alone.
    const isAlone = power === 1 && (count === 0 || found?.offset === 0);
    const raised = raise(isAlone ? one : { ...one, offset: 0 }, power);
    found = found === null ? raised : multiply(found, raised);
    rest = rest.slice(match[0].length).trimEnd();
    count++;
  }
  return found === null ? unknownUnit(text, text) : count > 1 ? { ...found, offset: 0 } : found;
}

function unknownUnit(text: string, at: string): never {
  return refuseTransform('units', `no unit is known as "${at}" in "${text}"`, { unit: text });
}

function symbolUnit(symbol: string): Unit | null {
  const own = entryOf(PREFIXED, symbol) ?? entryOf(PLAIN, symbol);
  if (own !== null) return own;
  for (const size of [2, 1]) {
    const prefix = PREFIXES[symbol.slice(0, size)];
    const base = entryOf(PREFIXED, symbol.slice(size));
    if (prefix !== undefined && base !== null) return { ...base, factor: base.factor * prefix };
  }
  return null;
}

function entryOf<T>(table: { readonly [key: string]: T | undefined }, key: string): T | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}

function raise({ factor, offset, dimension }: Unit, power: number): Unit {
  if (power === 1) return { factor, offset, dimension };
  return unit(
    factor ** power,
    dimension.map((each) => each * power),
  );
}

function multiply(one: Unit, other: Unit): Unit {
  const dimension = one.dimension.map((power, at) => power + (other.dimension[at] ?? 0));
  return unit(one.factor * other.factor, dimension);
}
