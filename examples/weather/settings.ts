/**
 * The flags that say what the workflow computes. The demo takes them and hands them on to every
 * program, so that each can work out by itself what it makes and what it needs.
 */
import { resolve } from 'node:path';
import { WeatherError } from './errors.js';

/** How fields get from program to program. */
export type BuiltInVia = 'pool' | 'brokers' | 'files' | 'file-per-field';
/** As the module of that path has it (exchange/module.ts). */
export type ModuleVia = `module:${string}`;
export type Via = BuiltInVia | ModuleVia;
export const VIAS: readonly BuiltInVia[] = ['pool', 'brokers', 'files', 'file-per-field'];
/** What is compared when nobody says more. */
export const COMPARED_VIAS: readonly BuiltInVia[] = ['pool', 'files', 'file-per-field'];

export type SizeName = 'small' | 'demo' | 'ecmwf';

interface Size {
  readonly members: number;
  readonly steps: number;
  readonly nlat: number;
  readonly nlon: number;
  readonly truncation: number;
}

/**
 * `ecmwf`: as in ECMWF's product generation, scaled to one machine: 4 producers and 4 consumers, 20
 * steps, 176 fields a step and member of 822,329 bytes each.
 */
const SIZES: Readonly<Record<SizeName, Size>> = {
  small: { members: 2, steps: 8, nlat: 90, nlon: 180, truncation: 42 },
  demo: { members: 4, steps: 24, nlat: 180, nlon: 360, truncation: 42 },
  ecmwf: { members: 4, steps: 20, nlat: 320, nlon: 640, truncation: 63 },
};

export interface Settings extends Size {
  readonly size: SizeName;
  /** Of the model's initial states. */
  readonly seed: number;
  /** A NetCDF file whose fields stand in for the model's. */
  readonly input: string | undefined;
  readonly via: Via;
  /** Where fields go that are handed over in files. */
  readonly directory: string | undefined;
}

/** For `parseArgs`. */
export const SETTINGS_FLAGS = {
  size: { type: 'string' },
  members: { type: 'string' },
  steps: { type: 'string' },
  grid: { type: 'string' },
  seed: { type: 'string' },
  input: { type: 'string' },
} as const;

/** For `parseArgs` in a program of the workflow. */
export const PROGRAM_FLAGS = {
  ...SETTINGS_FLAGS,
  via: { type: 'string' },
  directory: { type: 'string' },
  number: { type: 'string' },
  out: { type: 'string' },
} as const;

export type FlagValues = { readonly [Flag in keyof typeof PROGRAM_FLAGS]?: string | undefined };

const MEMBERS_MAX = 64;
const STEPS_MAX = 1_000;

interface Range {
  readonly min: number;
  readonly max: number;
}

const ROWS: Range = { min: 8, max: 4_000 };
/** The least truncation of the model takes as many columns. */
const COLUMNS: Range = { min: 43, max: 8_000 };

export function badUsage(message: string): WeatherError {
  return new WeatherError('bad-usage', message);
}

interface Bounds extends Range {
  readonly otherwise: number;
}

/** A flag's value as an integer. */
export function integerFlag(flag: string, text: string | undefined, bounds: Bounds): number {
  if (text === undefined) return bounds.otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw badUsage(
    `Cannot take "--${flag} ${text}": not a whole number from ${bounds.min} to ${bounds.max}`,
  );
}

/** A flag's value as one of a few words. */
export function wordFlag<Word extends string>(
  flag: string,
  text: string | undefined,
  words: readonly Word[],
  otherwise: Word,
): Word {
  const word = words.find((one) => one === (text ?? otherwise));
  if (word !== undefined) return word;
  throw badUsage(`Cannot take "--${flag} ${text}": not one of ${words.join(', ')}`);
}

/** A way by its word, or `module:FILE.js`. */
export function viaFlag<Word extends string>(
  text: string | undefined,
  words: readonly Word[],
  otherwise: Word,
): Word | ModuleVia {
  const path = /^module:(.+)$/.exec(text ?? '')?.[1];
  return path === undefined ? wordFlag('via', text, words, otherwise) : `module:${resolve(path)}`;
}

function gridFlag(text: string | undefined, size: Size): { nlat: number; nlon: number } {
  if (text === undefined) return size;
  const [, rows = '', columns = ''] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  if (rows === '') throw badUsage(`Cannot take "--grid ${text}": not ROWSxCOLUMNS, as in 180x360`);
  return {
    nlat: gridCount(text, 'ROWS', rows, ROWS),
    nlon: gridCount(text, 'COLUMNS', columns, COLUMNS),
  };
}

/** One of the two numbers; its refusal shows the whole as it was given. */
function gridCount(grid: string, what: string, digits: string, { min, max }: Range): number {
  const count = Number(digits);
  if (count >= min && count <= max) return count;
  throw badUsage(`Cannot take "--grid ${grid}": ${what} must be from ${min} to ${max}`);
}

/** @throws WeatherError `bad-usage` naming the flag. */
export function settingsFrom(values: FlagValues): Settings {
  const size = wordFlag('size', values.size, ['small', 'demo', 'ecmwf'], 'demo');
  const usual = SIZES[size];
  if (values.input !== undefined) {
    for (const flag of ['size', 'members', 'steps', 'grid'] as const) {
      if (values[flag] === undefined) continue;
      throw badUsage(`Cannot take "--${flag}" with --input: the file says what there is`);
    }
  }
  const { nlat, nlon } = gridFlag(values.grid, usual);
  return {
    size,
    members: integerFlag('members', values.members, {
      min: 1,
      max: MEMBERS_MAX,
      otherwise: usual.members,
    }),
    steps: integerFlag('steps', values.steps, { min: 1, max: STEPS_MAX, otherwise: usual.steps }),
    nlat,
    nlon,
    // As fine as the grid can show.
    truncation: Math.min(usual.truncation, Math.floor((nlon - 1) / 2)),
    seed: integerFlag('seed', values.seed, { min: 0, max: 999_999_999, otherwise: 1 }),
    input: values.input,
    via: viaFlag(values.via, VIAS, 'pool'),
    directory: values.directory,
  };
}

/** The flags that give these settings. */
export function settingsToArguments(settings: Settings): string[] {
  const { size, members, steps, nlat, nlon, seed, input, via, directory } = settings;
  const what =
    input === undefined
      ? [
          '--size',
          size,
          '--members',
          `${members}`,
          '--steps',
          `${steps}`,
          '--grid',
          `${nlat}x${nlon}`,
        ]
      : ['--input', input];
  const where = directory === undefined ? [] : ['--directory', directory];
  return [...what, '--seed', `${seed}`, '--via', via, ...where];
}
