import type { CubeArray } from '../../client/cubes/array.js';
import { Cube } from '../../client/cubes/cube.js';
import { defineCube } from '../../client/cubes/defining.js';
import { type CubeDefinition, type CubeOptions, openCube } from '../../client/cubes/definition.js';
import { CubeState } from '../../client/cubes/state.js';
import { sameReason } from '../../client/errors.js';
import type { Label } from '../../core/cubes/axis.js';
import { AttaccaError } from '../../core/errors.js';
import type { DatasetFormat } from '../../files/format.js';
import { formatByName, formatNamed } from '../../files/formats.js';
import { writeLabelled } from '../../files/labelled.js';
import { NPY } from '../../files/npy.js';
import { withoutFile } from '../../files/own-keys.js';
import { numberIn } from '../attribute.js';
import { defineCommand } from '../command.js';
import { parseCubeRegion, parseLabels, rangeHint } from '../cube-region.js';
import { formatDuration, parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { quoted, styleFor } from '../format.js';
import { toJson } from '../json.js';
import { awaitedText, cubeMap, cubeText } from '../looking/cube-text.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { joinPool } from '../pool/open.js';
import { type WriteOptions, writeFileOf } from '../pool/sink.js';
import { Progress } from '../progress.js';
import { Transfer } from '../transfer.js';
import { checkedSelector, selecting } from '../where.js';

const OPTIONS = {
  of: { type: 'string', value: 'SELECTOR', help: 'define it: its objects' },
  axes: {
    type: 'string',
    value: 'KEY,...',
    help: 'define it: keys of attributes whose values are the labels of its first dimensions',
  },
  names: {
    type: 'string',
    value: 'TEMPLATE',
    help: 'how its objects are named, as t/{number}/{step}: holes can be waited for in the pool',
  },
  label: {
    type: 'string',
    multiple: true,
    value: 'KEY=VALUE,...',
    help: 'labels that an axis has in any case; may be given many times',
  },
  dims: { type: 'string', value: 'NAME,...', help: "names of the objects' own dimensions" },
  coords: {
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE,...|NAME=@OBJECT',
    help: 'coordinates along one of those, or the object that has them; may be given many times',
  },
  'skip-misfits': { type: 'boolean', help: 'leave out objects that have no place in it' },
  newest: { type: 'boolean', help: 'of two objects at one place take the newer' },
  doc: { type: 'string', value: 'TEXT', help: 'what it is for' },
  replace: { type: 'boolean', help: 'though it is there with another selector, or other axes' },
  region: {
    type: 'string',
    short: 'r',
    value: 'REGION',
    help: 'a part of it by coordinates: step=0..24,lat=40..60,level=[500,850]',
  },
  output: {
    type: 'string',
    short: 'o',
    value: 'FILE',
    help: 'write it as one array, an .npy file, or with labels as .nc, .nc4, .h5, .zarr',
  },
  format: {
    type: 'string',
    value: 'npy|netcdf3|hdf5|zarr',
    help: 'with -o: what is made; without it the end of its name tells',
  },
  holes: {
    type: 'string',
    value: 'wait|fill|fail',
    help: 'with -o, places without an object (default: wait)',
  },
  fill: { type: 'string', value: 'NUMBER', help: 'what holes are filled with (default: NaN)' },
  unpack: { type: 'boolean', help: 'with -o: values of packed numbers, as CF has scale_factor' },
  dtype: { type: 'string', value: 'DTYPE', help: 'with -o: convert the elements to it' },
  member: { type: 'string', value: 'NAME', help: 'who looks and gets (default: cube[*])' },
  ...POOL_OPTION,
  ...TIMEOUT_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

const OF_DEFINING = [
  ...['axes', 'names', 'label', 'dims', 'coords', 'skip-misfits', 'newest', 'doc', 'replace'],
];
const OF_GETTING = ['format', 'holes', 'fill', 'unpack', 'dtype'];

export const command = defineCommand({
  usage: ['NAME --of SELECTOR --axes KEY,...', 'NAME [--region REGION]', 'NAME -o FILE'],
  about: `
    A cube is many objects as one labelled array, none of which is copied (docs/cubes.md). Its first
    dimensions are the axes, attributes of the objects; the others those of the objects. With --of it
    is defined, or told anew: as a collection, which collection rm takes away. Without, it is
    shown: dimensions, sizes, coordinates, holes. With -o it is written, or what --region is of it:
    all objects are demanded at once, of each what is needed.

    In a REGION stand VALUE, LOW..HIGH (both among it, either left out), LOW..HIGH..STEP (these
    values, there or not) and [VALUE,...], in the notation of put -a; texts may stand in quotes.`,
  options: OPTIONS,
  examples: [
    ['attacca cube t850 --of \'param = "t"\' --axes number,step', 'define it'],
    ['attacca cube t850', 'its dimensions, and what is missing'],
    ['attacca cube t850 -r step=0..24,lat=40..60 -o north.npy', 'a part, when all of it is there'],
    ['attacca cube t850 -o now.npy --holes fill', 'what is there now'],
    ['attacca cube t850 -o t850.nc', 'all of it, with its coordinates, for other programs'],
  ],
  async run(context, { options, words }) {
    const [name = '', ...more] = words;
    if (name === '' || more.length > 0) throw new UsageError('it takes one NAME');
    checkOptions(options);
    const format = formatFor(options.output, options.format);
    const timeoutMs = parseTimeout(options.timeout);
    const region = options.region === undefined ? {} : parseCubeRegion(options.region);
    const selector = options.of === undefined ? null : await checkedSelector(options.of);
    const told = toldBy(options);
    const waiting = { timeoutMs, signal: context.signal };
    const getting = { ...gettingBy(options), ...waiting };
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    const definition =
      selector === null
        ? await openCube(session.client, name)
        : await selecting(selector, () =>
            defined(seat, name, selector, namesIn(options.axes), { ...told, ...waiting }),
          );
    const all = new Cube(new CubeState(seat, definition));
    let asked: Cube | null = null;
    const transfer = new Transfer();
    let isWriting = false;
    const line = (elapsedMs: number): string => {
      if (isWriting) return `writing ${quoted(options.output ?? '')}: ${transfer.text}`;
      const awaited = awaitedText(name, asked);
      const time = formatDuration(elapsedMs);
      return awaited === null
        ? `${time}: getting ${quoted(name)}`
        : `waiting ${time} for ${awaited}`;
    };
    using progress = new Progress(line, options.quiet, session.client.connection);
    await all.refresh(waiting);
    const cube = picked(all, region);
    asked = cube;
    if (options.output === undefined) {
      const style = styleFor(stdoutIsTerminal(), context.environment);
      progress.end();
      print(options.json ? toJson(cubeMap(cube)) : cubeText(cube, style));
      return EXIT.ok;
    }
    // Files but .npy have one order.
    const order = format === NPY ? undefined : 'row';
    await using part = await cube.demand({}, { ...getting, order });
    isWriting = true;
    transfer.expect(part.unsafeBytes().length);
    const { signal } = context;
    const writing = { signal, isOfFiles: cube.isOfFiles, onBytes: transfer.add };
    await write(options.output, format, part, writing);
    progress.end();
    const { dims, coords, shape, holes, attributes, space } = part;
    const { dtype } = space;
    if (options.json) print(toJson({ name, dims, shape, coords, dtype, holes, attributes }));
    return EXIT.ok;
  },
});

/** `bad-region`: what was meant as a range is told how one is written. */
function picked(all: Cube, region: ReturnType<typeof parseCubeRegion>): Cube {
  try {
    return all.sel(region);
  } catch (error) {
    const hint =
      error instanceof AttaccaError ? rangeHint(region, error.fields['dimension']) : null;
    if (hint === null) throw error;
    const { message, fields } = error as AttaccaError;
    throw sameReason(error as AttaccaError, `${message}; ${hint}`, fields);
  }
}

/** What a program is told to say is an option here. */
async function defined(...how: Parameters<typeof defineCube>): Promise<CubeDefinition> {
  try {
    return await defineCube(...how);
  } catch (error) {
    if (!(error instanceof AttaccaError) || error.code !== 'bad-argument') throw error;
    throw sameReason(error, error.message.replace('say "replace"', 'say --replace'), error.fields);
  }
}

function checkOptions(options: Options): void {
  const { of, output } = options;
  const isGiven = (option: string): boolean => {
    const value = options[option as keyof Options];
    return value !== undefined && value !== false && (value as string[]).length !== 0;
  };
  const defining = OF_DEFINING.find(isGiven);
  if (of === undefined && defining !== undefined) {
    throw new UsageError(`"--${defining}" defines a cube: say --of SELECTOR, too`);
  }
  if (of !== undefined && options.axes === undefined) throw new UsageError('--of needs --axes');
  if (of?.trim() === '') {
    throw new UsageError('"--of" is empty, which selects everything; say true if that is meant');
  }
  const getting = OF_GETTING.find(isGiven);
  if (output === undefined && getting !== undefined) {
    throw new UsageError(`"--${getting}" is for -o FILE`);
  }
}

function namesIn(list: string | undefined): string[] {
  return (list ?? '').split(',').map((each) => each.trim());
}

function toldBy(options: Options): CubeOptions & { readonly replace: boolean } {
  const { names, dims, doc: documentation } = options;
  const labels = pairsOf(options.label, '--label').map(([key, list]) => {
    return [key, parseLabels(key, list, '--label')] as const;
  });
  const coords = pairsOf(options.coords, '--coords').map(([key, list]) => {
    const isObject = list.startsWith('@');
    return [key, isObject ? list.slice(1) : parseLabels(key, list, '--coords')] as const;
  });
  return {
    ...{ names, documentation, dims: dims === undefined ? undefined : namesIn(dims) },
    replace: options.replace,
    labels: labels.length === 0 ? undefined : (Object.fromEntries(labels) as LabelsByKey),
    coords: coords.length === 0 ? undefined : Object.fromEntries(coords),
    misfits: options['skip-misfits'] ? 'skip' : undefined,
    duplicates: options.newest ? 'newest' : undefined,
  };
}

interface LabelsByKey {
  readonly [key: string]: readonly Label[];
}

function pairsOf(given: readonly string[], option: string): (readonly [string, string])[] {
  return given.map((text) => {
    const equals = text.indexOf('=');
    if (equals <= 0) throw new UsageError(`"${option}" needs KEY=VALUE,..., not "${text}"`);
    return [text.slice(0, equals), text.slice(equals + 1)];
  });
}

function gettingBy({
  holes = 'wait',
  fill,
  unpack,
  dtype,
}: Options): Parameters<Cube['demand']>[1] {
  if (holes !== 'wait' && holes !== 'fill' && holes !== 'fail') {
    throw new UsageError(`"--holes" takes wait, fill or fail, not "${holes}"`);
  }
  // Names of dtypes are checked where they are used.
  const as = dtype as NonNullable<Parameters<Cube['demand']>[1]>['dtype'];
  return { holes, fill: fill === undefined ? undefined : fillOf(fill), unpack, dtype: as };
}

/** Whole numbers of 64 bits to the last digit. */
function fillOf(text: string): number | bigint {
  const value = numberIn(text.trim());
  if (value === null) throw new UsageError(`"--fill" takes a number, not "${text}"`);
  return value;
}

/** By its name, as export has it; `unknown-format`. */
function formatFor(output: string | undefined, name: string | undefined): DatasetFormat {
  if (output === undefined) return NPY;
  const format = name === undefined ? formatByName(output) : formatNamed(name);
  if (format.kind === 'dataset') return format;
  const how = 'export its objects, where they are messages: attacca export --where ... --to FILE';
  throw new UsageError(`a cube is written as one array, and none is ${format.title}; ${how}`);
}

/** Whole or not at all. */
async function write(
  path: string,
  format: DatasetFormat,
  part: CubeArray,
  { isOfFiles, ...writing }: Omit<WriteOptions, 'format'> & { readonly isOfFiles: boolean },
): Promise<void> {
  const { name, dims, coords, coordsOf, space } = part;
  const attributes = isOfFiles ? withoutFile(part.attributes) : part.attributes;
  const bytes = part.unsafeBytes();
  if (format !== NPY) {
    const array = { name, dims, coords, coordsOf, attributes, space, bytes };
    return await writeLabelled(array, path, format, writing);
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  await writeFileOf(path, { space, chunks }, { format: 'npy', ...writing });
}
