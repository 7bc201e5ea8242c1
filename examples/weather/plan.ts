/**
 * What the workflow makes, under which names. Every program works it out from the same settings:
 * producers know what to offer, and consumers require it by name before it exists.
 *
 * ```
 * model[0..3] --fc/number=N/step=S/level=L/param=u|v|h--+--> wind-speed --+--> extremes --+
 *                                                       +--> vorticity ---|---------------+--> maps
 *                                                       +--> ensemble ----|---------------+
 * ```
 */
import { WeatherError } from './errors.js';
import { createBandGrid, isPeriodic, type LatLonGrid } from './grid.js';
import { type InputField, openInput } from './input.js';
import { MODEL_LEVELS } from './model/model.js';
import type { Settings } from './settings.js';

/** Eastward wind and northward wind in m/s, geopotential height in m. */
export type Param = 'u' | 'v' | 'h';

export const PARAM_UNITS: Readonly<Record<Param, string>> = { u: 'm s-1', v: 'm s-1', h: 'm' };

export type Product = 'wind-speed' | 'vorticity' | 'mean-height' | 'spread-height' | 'largest-wind';

export const PRODUCT_UNITS: Readonly<Record<Product, string>> = {
  'wind-speed': 'm s-1',
  vorticity: 's-1',
  'mean-height': 'm',
  'spread-height': 'm',
  'largest-wind': 'm s-1',
};

/**
 * Where a field stands: member of the ensemble, step (hours, or an index in a file), level (hPa).
 */
export interface Place {
  readonly number: number;
  readonly step: number;
  readonly level: number;
}

export interface Plan {
  /** A forecast of the model's, analyses from a file, or ECMWF's many fields from few. */
  readonly kind: 'forecast' | 'analysis' | 'messages';
  readonly stream: 'fc' | 'an';
  readonly members: number;
  readonly steps: readonly number[];
  readonly levels: readonly number[];
  readonly params: readonly Param[];
  readonly grid: LatLonGrid;
  /** When a step is, for people: "day 2.5", "January". */
  readonly stepLabels: ReadonlyMap<number, string>;
  readonly hasVorticity: boolean;
  readonly hasEnsemble: boolean;
}

/** Hours between the steps of a forecast. */
export const STEP_HOURS = 6;

/** Bytes around the values of a message, as the sections of GRIB: 822,329 with 320 x 640 values. */
export const MESSAGE_OVERHEAD_BYTES = 3_129;

const MONTHS =
  'January February March April May June July August September October November December';

function forecastPlan(settings: Settings): Plan {
  const { members, nlat, nlon, size } = settings;
  const steps = Array.from({ length: settings.steps }, (_, index) => (index + 1) * STEP_HOURS);
  return {
    kind: size === 'ecmwf' ? 'messages' : 'forecast',
    stream: 'fc',
    members,
    steps,
    levels: MODEL_LEVELS,
    params: ['u', 'v', 'h'],
    grid: createBandGrid(nlat, nlon),
    stepLabels: new Map(steps.map((step) => [step, `day ${step / 24}`])),
    hasVorticity: true,
    hasEnsemble: true,
  };
}

/** What a field of a file has beside its level: "month 7". */
function othersOf(field: InputField): string {
  return field.others.map(([name, value]) => `${name} ${value}`).join(', ');
}

function analysisLabel(field: InputField): string {
  const [first] = field.others;
  const month = first?.[0] === 'month' ? MONTHS.split(' ')[first[1] - 1] : undefined;
  return field.others.length === 1 && month !== undefined ? month : othersOf(field);
}

/** The fields of a file that stand for a model's output. */
export interface AnalysisField {
  readonly place: Place;
  readonly param: Param;
  readonly source: InputField;
}

export interface Analysis {
  readonly plan: Plan;
  readonly fields: readonly AnalysisField[];
}

/** @throws WeatherError as `openInput`, and `no-wind-in-file`. */
export function openAnalysis(path: string): Analysis {
  const { fields } = openInput(path);
  const find = (variable: string, of: InputField): InputField | undefined =>
    fields.find(
      (field) =>
        field.variable.toLowerCase() === variable &&
        field.level === of.level &&
        othersOf(field) === othersOf(of),
    );
  const winds = fields.filter((field) => find('u', field) === field && find('v', field));
  const [first] = winds;
  if (first === undefined) {
    const names = [...new Set(fields.map(({ variable }) => variable))].join(', ');
    throw new WeatherError(
      'no-wind-in-file',
      `Cannot use "${path}": no level has both wind components, "u" and "v"; it has ${names}`,
    );
  }
  const times = [...new Set(winds.map(othersOf))];
  const levels = [...new Set(winds.map(({ level = 0 }) => level))];
  const hasHeight = winds.every((wind) => find('z', wind) !== undefined);
  const params: readonly Param[] = hasHeight ? ['u', 'v', 'h'] : ['u', 'v'];
  const isComplete = winds.length === times.length * levels.length;
  if (!isComplete) {
    throw new WeatherError(
      'no-wind-in-file',
      `Cannot use "${path}": not every level has wind at every time`,
    );
  }
  const placed = winds.flatMap((wind) =>
    params.map((param) => ({
      place: { number: 0, step: times.indexOf(othersOf(wind)) + 1, level: wind.level ?? 0 },
      param,
      source: find(param === 'h' ? 'z' : param, wind) ?? wind,
    })),
  );
  return {
    plan: {
      kind: 'analysis',
      stream: 'an',
      members: 1,
      steps: times.map((_, index) => index + 1),
      levels,
      params,
      grid: first,
      stepLabels: new Map(
        winds.map((wind) => [times.indexOf(othersOf(wind)) + 1, analysisLabel(wind)]),
      ),
      hasVorticity: isPeriodic(first) && first.nlat >= 3,
      // One analysis has neither mean nor spread.
      hasEnsemble: false,
    },
    fields: placed,
  };
}

/** @throws WeatherError for an input file that cannot be used. */
export function createPlan(settings: Settings): Plan {
  return settings.input === undefined ? forecastPlan(settings) : openAnalysis(settings.input).plan;
}

/** So that names sort as time goes. */
export function padded(step: number): string {
  return String(step).padStart(3, '0');
}

export function fieldName({ stream }: Plan, place: Place, param: Param): string {
  const { number, step, level } = place;
  return `${stream}/number=${number}/step=${padded(step)}/level=${level}/param=${param}`;
}

/** Without a member: of the whole ensemble. Without a step: of all steps. */
export function productName(
  product: Product,
  { number, step, level }: Partial<Place> & Pick<Place, 'level'>,
): string {
  const member = number === undefined ? '' : `number=${number}/`;
  const time = step === undefined ? '' : `step=${padded(step)}/`;
  return `product/${product}/${member}${time}level=${level}`;
}

export function placesOf({ members, steps, levels }: Plan): Place[] {
  return steps.flatMap((step) =>
    Array.from({ length: members }, (_, number) => number).flatMap((number) =>
      levels.map((level) => ({ number, step, level })),
    ),
  );
}

/** Attributes of a field, named as ECMWF's archive names them. */
export function fieldAttributes(
  { stream }: Plan,
  { number, step, level }: Place,
  param: Param,
): Readonly<Record<string, string | number>> {
  const units = PARAM_UNITS[param];
  return { class: 'rd', expver: 'demo', stream, date: 20000101, number, step, level, param, units };
}

/** Kind of level, level and parameter of one field of many. */
export interface MessagePlace {
  readonly levelType: 'ml' | 'pl' | 'sfc';
  readonly level: number;
  readonly param: number;
}

function messages(
  levelType: MessagePlace['levelType'],
  params: number,
  levels: number,
): MessagePlace[] {
  return Array.from({ length: params * levels }, (_, index) => ({
    levelType,
    level: Math.floor(index / params) + 1,
    param: (index % params) + 1,
  }));
}

/**
 * A tenth of what ECMWF's model makes a step: 11 parameters on 13 of 137 model levels, 9 on 3
 * pressure levels of 25, 6 at the surface: 176.
 */
export const MESSAGE_PLACES: readonly MessagePlace[] = [
  ...messages('ml', 11, 13),
  ...messages('pl', 9, 3),
  ...messages('sfc', 6, 1),
];

export function messageName(
  { stream }: Plan,
  { number, step }: Pick<Place, 'number' | 'step'>,
  { levelType, level, param }: MessagePlace,
): string {
  return `${stream}/number=${number}/step=${padded(step)}/levtype=${levelType}/level=${level}/param=${param}`;
}

/** Fields that one member makes in one step. */
export function fieldsPerStep({ kind, levels, params }: Plan): number {
  return kind === 'messages' ? MESSAGE_PLACES.length : levels.length * params.length;
}

export function bytesPerField({ kind, grid }: Plan): number {
  const values = grid.latitudes.length * grid.longitudes.length * Float32Array.BYTES_PER_ELEMENT;
  return kind === 'messages' ? values + MESSAGE_OVERHEAD_BYTES : values;
}

/** The objects that are written together where a file holds a whole step: of one producer. */
export interface StepGroup {
  readonly name: string;
  readonly count: number;
}

export function stepGroupOf(plan: Plan, name: string): StepGroup {
  const group = name.replace(/(step=[^/]+)\/.*$/, '$1').replace(/\/level=\d+$/, '');
  const isProduct = name.startsWith('product/');
  return { name: group, count: isProduct ? plan.levels.length : fieldsPerStep(plan) };
}
