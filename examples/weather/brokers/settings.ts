/** The flags of the broker workflow: main.ts takes them and hands them on to its programs. */
import { type Flags, parseFlags } from '../demo/flags.js';
import { parseSize } from '../demo/size.js';
import { badUsage, integerFlag } from '../settings.js';

export interface Settings {
  readonly members: number;
  readonly steps: number;
  readonly nlat: number;
  readonly nlon: number;
  readonly seed: number;
  /** A GRIB file whose messages flow instead of a model's fields. */
  readonly input: string | undefined;
  readonly workers: number;
  /** Whether an archiver, a librarian and a tracer run beside the programs. */
  readonly isConducted: boolean;
}

const PLAN_FLAGS = {
  members: { type: 'string' },
  steps: { type: 'string' },
  grid: { type: 'string' },
  seed: { type: 'string' },
  input: { type: 'string' },
  workers: { type: 'string' },
  'without-conductors': { type: 'boolean' },
} as const;

const PART_FLAGS = { ...PLAN_FLAGS, number: { type: 'string' }, out: { type: 'string' } } as const;

const MAIN_FLAGS = {
  ...PLAN_FLAGS,
  'kill-worker': { type: 'boolean' },
  beside: { type: 'string', multiple: true },
  memory: { type: 'string' },
  out: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Where a map, a store and a trace go. */
const OUT = 'out/brokers';
const MEMBERS_MAX = 16;
const STEPS_MAX = 200;
const WORKERS_MAX = 16;

function settingsOf(values: Flags<typeof PLAN_FLAGS>): Settings {
  const [, rows = '', columns = ''] = /^(\d+)x(\d+)$/.exec(values.grid ?? '90x180') ?? [];
  const count = (flag: string, text: string | undefined, max: number, otherwise: number) =>
    integerFlag(flag, text, { min: 1, max, otherwise });
  const grid = { nlat: count('grid', rows, 4_000, 0), nlon: count('grid', columns, 8_000, 0) };
  if (grid.nlat % 2 !== 0 || grid.nlon % 2 !== 0 || grid.nlat < 8 || grid.nlon < 44) {
    throw badUsage(`Cannot take "--grid ${values.grid}": two even numbers, at least 8x44`);
  }
  return {
    ...grid,
    members: count('members', values.members, MEMBERS_MAX, 4),
    steps: count('steps', values.steps, STEPS_MAX, 8),
    seed: integerFlag('seed', values.seed, { min: 0, max: 999_999_999, otherwise: 1 }),
    input: values.input,
    workers: count('workers', values.workers, WORKERS_MAX, 2),
    isConducted: values['without-conductors'] !== true,
  };
}

/** The flags that give these settings. */
export function argumentsOf(settings: Settings): string[] {
  const { members, steps, nlat, nlon, seed, input, workers, isConducted } = settings;
  return [
    ...['--members', `${members}`, '--steps', `${steps}`, '--grid', `${nlat}x${nlon}`],
    ...['--seed', `${seed}`, '--workers', `${workers}`],
    ...(input === undefined ? [] : ['--input', input]),
    ...(isConducted ? [] : ['--without-conductors']),
  ];
}

/** Of one program of the workflow. */
export function partArguments(argv: readonly string[]) {
  const { number, out, ...values } = parseFlags(argv, PART_FLAGS);
  return { settings: settingsOf(values), number: Number(number ?? 0), out: out ?? OUT };
}

/** Of all of it. @throws WeatherError `bad-usage` */
export function mainArguments(argv: readonly string[]) {
  const {
    'kill-worker': kill,
    beside,
    memory,
    out,
    json,
    help,
    ...values
  } = parseFlags(argv, MAIN_FLAGS);
  const settings = settingsOf(values);
  if (kill === true && settings.workers < 2) {
    throw badUsage('Cannot take "--kill-worker" with one worker: nobody would go on');
  }
  return {
    settings,
    isWorkerKilled: kill === true,
    besides: beside ?? [],
    memoryBytes: memory === undefined ? undefined : parseSize(memory, '--memory'),
    out: out ?? OUT,
    json,
    isHelp: help === true,
  };
}
