/** The command line of the demo. */
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  badUsage,
  COMPARED_VIAS,
  SETTINGS_FLAGS,
  type Settings,
  settingsFrom,
  VIAS,
  type Via,
  viaFlag,
  wordFlag,
} from '../settings.js';
import { parseFlags } from './flags.js';
import { parseSize } from './size.js';

export interface DemoArguments {
  readonly settings: Settings;
  /** In the order in which they run. */
  readonly vias: readonly Via[];
  /** Directory of the maps. */
  readonly out: string;
  /** File for the figures. */
  readonly json: string | undefined;
  /** Parent of the directories of files. */
  readonly directory: string | undefined;
  readonly transport: string | undefined;
  /** Of the pool; without it, as the host allows. */
  readonly memoryBytes: number | undefined;
  readonly isHelp: boolean;
}

export const USAGE = `Attacca's weather demo: an ensemble of forecasts and the programs that make products of them,
as separate processes on a pool, and then the same programs over files.

usage: npm run demo -- [flags]      (or node dist/examples/weather/main.js [flags])

what is computed
  --size small|demo|ecmwf   small: 2 members, 8 steps, 90x180; demo (default): 4, 24, 180x360;
                            ecmwf: 14,080 messages of 822,329 B: 4 producers, 4 consumers, 20 steps,
                            176 fields a step and member (11 GiB; takes a few minutes)
  --members N --steps N     of the ensemble; a step is 6 hours
  --grid ROWSxCOLUMNS       points of a field
  --seed N                  of the initial states
  --input FILE.nc           take u, v, z of a NetCDF-3 file instead of a model's

how it is handed over
  --via all|pool|brokers|files|file-per-field    default all but brokers, one after the other;
                            pool with --input
      pool             through shared memory; products start when their own fields are there
      brokers          the same, with --size ecmwf alone: consumers do not know names, but are told
                       of each field before it is offered, and require it then
      files            all fields of a member's step in one file; products start when it is complete
      file-per-field   a file a field, written aside, renamed, noticed at once by inotify
      module:FILE.js   what a module of one's own gives (examples/weather/exchange/module.ts)
  --dir DIR                 where files go; default the system's temporary directory; or /dev/shm
  --transport auto|socket|shared-memory  how the pool moves bytes; as ATTACCA_TRANSPORT
  --memory SIZE             of the pool, as in 512m; when it is full, models wait for consumers

what comes out
  --out DIR                 maps; default out/weather, of FILE.nc out/FILE
  --json FILE               the figures
  --help
`;

const FLAGS = {
  ...SETTINGS_FLAGS,
  via: { type: 'string' },
  dir: { type: 'string' },
  transport: { type: 'string' },
  memory: { type: 'string' },
  out: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function directoryFlag(path: string | undefined): string | undefined {
  if (path === undefined || isDirectory(path)) return path;
  throw badUsage(`Cannot take "--dir ${path}": there is no such directory`);
}

/** Maps of a file lie beside those of the model, not among them. */
function defaultOut(input: string | undefined): string {
  return join('out', input === undefined ? 'weather' : basename(input, '.nc'));
}

/** @throws WeatherError `bad-usage` */
export function parseArguments(argv: readonly string[]): DemoArguments {
  const values = parseFlags(argv, FLAGS);
  // A file's few fields are about the maps, not about times.
  const usual = values.input === undefined ? 'all' : 'pool';
  const via = viaFlag(values.via, ['all', ...VIAS], usual);
  const { via: _, memory, ...settings } = values;
  if (via === 'brokers' && values.size !== 'ecmwf') {
    throw badUsage('Cannot take "--via brokers" without --size ecmwf; see also: npm run brokers');
  }
  if (values.input !== undefined && isDirectory(values.input)) {
    throw badUsage(`Cannot take "--input ${values.input}": it is a directory, not a NetCDF file`);
  }
  return {
    settings: settingsFrom(settings),
    vias: via === 'all' ? COMPARED_VIAS : [via],
    out: values.out ?? defaultOut(values.input),
    json: values.json,
    directory: directoryFlag(values.dir),
    transport:
      values.transport === undefined
        ? undefined
        : wordFlag('transport', values.transport, ['auto', 'socket', 'shared-memory'], 'auto'),
    memoryBytes: memory === undefined ? undefined : parseSize(memory, '--memory'),
    isHelp: values.help === true,
  };
}
