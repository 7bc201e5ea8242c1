import { counted } from '../../core/counted.js';
import { AttaccaError } from '../../core/errors.js';
import { FORMATS } from '../../files/formats.js';
import { importFile } from '../../files/import.js';
import type { ImportedFile, ImportOptions } from '../../files/offering.js';
import type { Wanted } from '../../files/room.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { attributesIn } from '../attribute.js';
import { defineCommand } from '../command.js';
import { parseLifetime, parseTimeout } from '../duration.js';
import { UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { printable, quoted } from '../format.js';
import { toJson } from '../json.js';
import { NULL_OPTION, namesOf } from '../names.js';
import { namer } from '../naming.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print, say, stdoutIsTerminal } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Progress } from '../progress.js';
import { Transfer } from '../transfer.js';

const FORMAT_NAMES = FORMATS.map(({ name }) => name).join('|');

const OPTIONS = {
  format: {
    type: 'string',
    value: FORMAT_NAMES,
    help: 'what the files are; without it how they begin tells',
  },
  name: {
    type: 'string',
    short: 'n',
    value: 'NAME',
    help: 'of the one FILE; its variables are NAME/VARIABLE (default: as the file, without directory and extension)',
  },
  'name-by': {
    type: 'string',
    value: 'TEMPLATE|SCHEMA',
    help: 'names of the objects, made of their attributes: "{param}/{step:03}", or as a schema that the pool knows',
  },
  only: {
    type: 'string',
    multiple: true,
    value: 'VARIABLE|NUMBER',
    help: 'this variable, or GRIB message, alone; can be given several times',
  },
  values: {
    type: 'boolean',
    help: 'GRIB: the values of each message as float32, by ecCodes, not the message',
  },
  original: {
    type: 'boolean',
    help: 'HDF5, GRIB with --values: keep the bytes of the file, too, however many (default: up to 64 MiB)',
  },
  'no-original': { type: 'boolean', help: 'do not keep them: what is exported has other bytes' },
  attr: {
    type: 'string',
    short: 'a',
    multiple: true,
    value: 'KEY=VALUE',
    help: 'an attribute that all of the objects get besides, as with put',
  },
  container: { type: 'string', value: 'NAME', help: 'the container that they are put into' },
  lifetime: {
    type: 'string',
    value: 'TIME',
    help: 'withdraw after so long (10m, 2h); without it never',
  },
  replace: {
    type: 'boolean',
    help: 'in the place of what the pool keeps under these names, when all of the file has been read',
  },
  'replace-first': {
    type: 'boolean',
    help: 'withdraw it before: there need not be memory for both, but what fails leaves neither',
  },
  'dry-run': { type: 'boolean', help: 'say what would be imported, and change nothing' },
  member: { type: 'string', value: 'NAME', help: 'who imports (default: import[*])' },
  ...NULL_OPTION,
  ...POOL_OPTION,
  ...TIMEOUT_OPTION,
  ...COMMON_OPTIONS,
} as const;

export const command = defineCommand({
  usage: ['FILE...', '--name NAME FILE', '--name-by TEMPLATE|SCHEMA FILE...'],
  about: `
    Makes objects of what files hold: of NetCDF-3, NetCDF-4, HDF5 and Zarr 3 each variable, of GRIB each
    message with its MARS keys, of .npy the array. Attributes come along and can be searched for; elements
    stay as they are, packed ones packed. One object more, called as the file, tells what the file was:
    attacca export makes the file of it again. Prints the names. - stands for FILEs on standard input.`,
  options: OPTIONS,
  examples: [
    ['attacca import eraint_uvz.nc', 'eraint_uvz/u, eraint_uvz/v, eraint_uvz/z, ...'],
    [
      "attacca import --name-by '{param}/{date}/{time:04}' era5.grib",
      'messages, named by their keys',
    ],
    ['attacca import --values era5.grib', 'decoded: float32 arrays'],
    ['attacca import --dry-run --only t store.zarr', 'look first'],
  ],
  async run(context, { options, words }) {
    if (words.length === 0) throw new UsageError('it needs a FILE');
    const paths = await namesOf(words, options);
    if (options.name !== undefined && paths.length !== 1) {
      throw new UsageError('"--name" names one file; give one');
    }
    if (options.original && options['no-original']) {
      throw new UsageError('"--original" and "--no-original" contradict each other');
    }
    const attributes = attributesIn(options.attr, options.container);
    const timeoutMs = parseTimeout(options.timeout);
    const lifetimeMs = parseLifetime(options.lifetime);
    const failures = new Failures(context.command, options.json);
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    const by = options['name-by'];
    const { signal } = context;
    const importing: ImportOptions = {
      ...{ attributes, timeoutMs, lifetimeMs, signal, only: options.only },
      ...{ format: options.format, name: options.name, values: options.values },
      replace: options['replace-first'] ? 'first' : options.replace,
      dryRun: options['dry-run'],
      original: options['no-original'] ? false : options.original ? true : undefined,
      nameOf:
        by === undefined ? undefined : await namer(pool.catalog, by, attributes['.container']),
    };
    for (const path of paths) {
      let transfer = new Transfer();
      const line = (): string => `importing ${quoted(path)}: ${transfer.text}`;
      using _progress = new Progress(line, options.quiet, session.client.connection);
      const onBytes = (bytes: number, expected: number): void => {
        if (bytes === 0) {
          transfer = new Transfer();
          transfer.expect(expected);
        } else transfer.add(bytes);
      };
      const onWanted = ({ bytes, free, limit }: Wanted): void => {
        if (options.quiet) return;
        const room = `${formatBytes(free)} of ${formatBytes(limit)} are free`;
        const what = `${quoted(path)} has ${formatBytes(bytes)}, ${room}`;
        say(`attacca import: ${what}; waits until there is room (attacca info)`);
      };
      try {
        const imported = await importFile(pool, path, { ...importing, onBytes, onWanted });
        tell(path, imported, options, failures);
      } catch (error) {
        if (signal.aborted) throw error;
        failures.add(error);
      }
    }
    return failures.end();
  },
});

interface Telling {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly 'dry-run': boolean;
}

function tell(path: string, imported: ImportedFile, options: Telling, failures: Failures): void {
  const { objects, skipped, header, original, format } = imported;
  const bytes = objects.reduce((sum, each) => sum + each.bytes, 0);
  for (const { name, space, bytes: size } of objects) {
    if (options.json) print(toJson({ name, bytes: size, ...space }));
    else print(stdoutIsTerminal() ? printable(name) : name);
  }
  const dryRun = options['dry-run'];
  if (options.json)
    print(toJson({ file: path, format, header, original, objects: objects.length, bytes, dryRun }));
  else if (!options.quiet) {
    const verb = dryRun ? 'would import' : 'imported';
    const has = original === null ? '' : `, ${quoted(original)} has its bytes`;
    const of = header === null ? '' : `; ${quoted(header)} tells what the file was${has}`;
    say(
      `attacca import: ${verb} ${counted(objects.length, 'object')}, ${formatBytes(bytes)}, of ${quoted(path)} (${format})${of}`,
    );
  }
  for (const { name, why } of skipped) {
    const fields = { file: path, name, why };
    const message = `Cannot import ${quoted(name)} of ${quoted(path)}: ${why}`;
    failures.add(new AttaccaError('not-imported', message, fields));
  }
}
