import { type Stats, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { counted } from '../../core/counted.js';
import { canonicalDtype } from '../../core/dtype-text.js';
import { AttaccaError } from '../../core/errors.js';
import { parseNpyHeader } from '../../formats/npy/header.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { attributesIn } from '../attribute.js';
import { defineCommand } from '../command.js';
import { parseLifetime, parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { allOf } from '../file-chunks.js';
import { fileError } from '../file-errors.js';
import { mapOf, numberOf, printable, quoted } from '../format.js';
import { chunksOf, tellTerminal } from '../input.js';
import { toJson } from '../json.js';
import { forEachAtOnce, NULL_OPTION, namesOf } from '../names.js';
import { nameBy } from '../naming.js';
import { checkNpySize, readNpyFile } from '../npy-file.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { putGroup } from '../pool/group-files.js';
import { joinPool, type PoolSession } from '../pool/open.js';
import { type ObjectToPut, type PutOptions, Store } from '../pool/store.js';
import { Progress } from '../progress.js';
import { type RegionToPut, regionToPut, spaceOfAll } from '../put-region.js';
import { exists, namesOne, type PutSource, sourcesOf } from '../put-sources.js';
import { Transfer } from '../transfer.js';
import { UnderWay } from '../wait-line.js';

const STDIN = 0;
/** Files that are read at the same time. */
const FILES_AT_ONCE = 8;
const FORMATS = ['auto', 'npy', 'raw'] as const;
type Format = (typeof FORMATS)[number];

const OPTIONS = {
  name: {
    type: 'string',
    short: 'n',
    value: 'NAME',
    help: 'the name of the one object that is put',
  },
  'name-by': {
    type: 'string',
    value: 'TEMPLATE|SCHEMA',
    help:
      'the name is made of the attributes, and printed: "{param}/{step:03}", or as a schema that the ' +
      'pool knows names objects (docs/schemas.md)',
  },
  attr: {
    type: 'string',
    short: 'a',
    multiple: true,
    value: 'KEY=VALUE',
    help:
      'an attribute: level=850 is an int, x=1.5 a float, flag=true a bool, day=2026-01-31 and ' +
      'at=2026-01-31T06:00Z timestamps, all else text; KEY:TYPE=VALUE says int, float, bool, str, time, ' +
      "json ('levels:json=[1,2]') or hex (sum:hex=00ff)",
  },
  as: {
    type: 'string',
    value: 'npy|raw',
    help: 'what the files are; without it those that end in .npy are npy, all others raw bytes',
  },
  dtype: {
    type: 'string',
    value: 'DTYPE',
    help: 'what raw bytes are: float32, string[16], {x:float32,id:int64} (docs/types.md); without it uint8',
  },
  region: {
    type: 'string',
    short: 'r',
    value: 'REGION',
    help: 'the FILE is this part of the array, something for each dimension: 0:100,:',
  },
  'of-shape': {
    type: 'string',
    value: 'SHAPE',
    help: 'with --region: the shape of the whole array, 400x200',
  },
  lifetime: {
    type: 'string',
    value: 'TIME',
    help: 'withdraw after so long (10m, 2h); without it as its container says, else never',
  },
  durability: {
    type: 'string',
    value: 'memory|fsync',
    help: 'return when it is safe there: fsync outlives a power cut, and needs a pool with a store (docs/storage.md)',
  },
  group: {
    type: 'string',
    value: 'NAME',
    help: 'offer all of them at once, as a group of that name (docs/groups.md)',
  },
  container: { type: 'string', value: 'NAME', help: 'the container that it is put into' },
  replace: {
    type: 'boolean',
    help: 'withdraw what the pool keeps under the name, when this is let in',
  },
  member: { type: 'string', value: 'NAME', help: 'who puts (default: put[*])' },
  ...NULL_OPTION,
  ...POOL_OPTION,
  ...TIMEOUT_OPTION,
  ...COMMON_OPTIONS,
} as const;

function formatOf(text: string | undefined): Format {
  const format = FORMATS.find((each) => each === (text ?? 'auto'));
  if (format === undefined) throw new UsageError(`"--as" takes npy or raw, not "${text}"`);
  return format;
}

export const command = defineCommand({
  usage: [
    'FILE...',
    'NAME=FILE...',
    '--group NAME FILE...',
    '--name NAME FILE|-',
    '--name-by TEMPLATE|SCHEMA FILE|-',
  ],
  about: `
    Offers each FILE as an object that the pool keeps: the command may end, the bytes stay. Without a
    NAME the object is called as the file, without its directory and .npy. A .npy file gives dtype,
    shape and order by its header; other files are bytes. A word that names a file is a FILE, also
    with = in it; else NAME and FILE are split at the last =.

    With --name or --name-by, - is standard input: its bytes are the object. Otherwise - stands for
    FILEs or NAME=FILEs on standard input, one a line, so that a thousand files cost one start.`,
  options: OPTIONS,
  examples: [
    ['attacca put t850.npy -a param=t -a level=850', 'an array, with attributes'],
    ['attacca put t/850/step=6=t850.npy u/850/step=6=u850.npy', 'names of your own'],
    ['date | attacca put --name now -', 'standard input'],
    ['ls out/*.npy | attacca put -', 'many files'],
    ['attacca put --group step/24 out/24/*.npy -a step=24', 'a whole time step at once'],
    ["attacca put t.npy --name-by '{param}/{step:03}' -a param=t -a step=6", 'its name: t/006'],
    ['attacca put t=north.npy --region 0:90,: --of-shape 180x360', 'a part; others put the rest'],
    ['attacca put --replace --lifetime 10m latest=run.json', 'the next version, for a while'],
  ],
  async run(context, { options, words }) {
    if (words.length === 0) throw new UsageError(lackOf(options.group));
    checkTogether(words, options);
    const format = formatOf(options.as);
    const attributes = attributesIn(options.attr, options.container);
    const raw = rawSpace(options.dtype, format);
    const part = regionToPut(options);
    const { replace, 'name-by': by } = options;
    const timeoutMs = parseTimeout(options.timeout);
    const lifetimeMs = parseLifetime(options.lifetime);
    const durability = durabilityOf(options.durability);
    const fromStdin = namesOne(options) && words.length === 1 && words[0] === '-';
    const sources = fromStdin ? [] : sourcesOf(await namesOf(words, options), options, exists);
    const failures = new Failures(context.command, options.json);
    // Looked at before anything is sent: a mistyped file should not leave half of them offered.
    const files = sources.map((source) => look(source, format, raw, part));
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    const { signal } = context;
    if (options.group !== undefined) {
      const said = { attributes, timeoutMs, signal, lifetimeMs, durability };
      tellPut(files, await putGroup(seat, options.group, files, said), options.json);
      return EXIT.ok;
    }
    const made = by === undefined ? null : await nameBy(session.view.catalog, by, attributes);
    await using store = new Store(seat, sumOf(files));
    const transfer = new Transfer();
    for (const { size, offset } of files) transfer.expect(size - offset);
    const how = { signal, timeoutMs, replace, lifetimeMs, durability };
    const put: PutOptions = { ...how, onBytes: transfer.add };
    let done = 0;
    let line = (): string =>
      `putting: ${done} of ${counted(files.length, 'object')}, ${transfer.text}`;
    const underWay = new UnderWay(session.view);
    const full = async (): Promise<string> =>
      store.isLeasing ? '; waiting for memory of the pool' : await underWay.text();
    const shown = async (): Promise<string> => line() + (await full());
    using _progress = new Progress(shown, options.quiet, session.client.connection);
    const told = ({ name, space }: ObjectToPut, size: number): void => {
      done++;
      if (options.json)
        print(toJson({ name, bytes: size, ...space, ...(part && { region: part.text }) }));
      else if (made !== null) print(stdoutIsTerminal() ? printable(name) : name);
    };
    if (fromStdin) {
      const read = new Transfer();
      line = () => `putting: reading standard input, ${read.text}`;
      const parts = await readStdin(session, signal, read);
      const name = made ?? options.name ?? '';
      const said = { attributes, space: raw, part };
      const { object, data } = stdinObject(name, parts, format, said);
      transfer.expect(sizeOf(data));
      line = () => `putting: standard input, ${transfer.text}`;
      await underWay.offering(name, () => store.putBytes(object, data, put));
      told(object, sizeOf(data));
      return failures.end();
    }
    await forEachAtOnce(files, FILES_AT_ONCE, async (file) => {
      const { space } = file;
      const object = { name: made ?? file.name, space, attributes, region: part?.region };
      const offer = (): Promise<number> => putFile(store, object, file, put);
      try {
        told(object, await underWay.offering(object.name, offer));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.add(error);
      }
    });
    return failures.end();
  },
});

async function readStdin(session: PoolSession, signal: AbortSignal, read: Transfer) {
  const bytesMax = await payloadBytesMax(session);
  tellTerminal('the bytes of the object');
  return await allOfStdin(bytesMax, signal, read.add);
}

function sumOf(files: readonly FileToPut[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

function tellPut(files: readonly FileToPut[], sizes: readonly number[], json: boolean): void {
  if (!json) return;
  for (const [at, { name, space }] of files.entries()) {
    print(toJson({ name, bytes: sizes[at] ?? 0, ...space }));
  }
}

/** What is offered at once has names of its own, and replaces nothing. */
function checkTogether(
  words: readonly string[],
  { group, region, replace, ...options }: OptionValues<typeof OPTIONS>,
): void {
  if (words.length > 1 && region !== undefined) {
    throw new UsageError(
      '"--region" says what one FILE has of its object: put others by themselves',
    );
  }
  if (group === undefined) return;
  if (namesOne(options) || region !== undefined || replace) {
    throw new UsageError('--group takes no --name, --name-by, --region and --replace');
  }
}

function durabilityOf(text: string | undefined): PutOptions['durability'] {
  if (text === undefined || text === 'memory' || text === 'fsync') return text;
  throw new UsageError(`"--durability" takes memory or fsync, not "${text}"`);
}

/** The space of files without a header: a list of elements. */
function rawSpace(dtype: string | undefined, format: Format): ObjectToPut['space'] {
  if (dtype === undefined) return {};
  if (format === 'npy') throw new UsageError('a .npy file has its dtype: say no "--dtype"');
  return { dtype: canonicalDtype(dtype) };
}

interface FileToPut extends PutSource {
  readonly size: number;
  readonly offset: number;
  readonly space: ObjectToPut['space'];
}

/** Size, and the space of its object. Throws what makes it no file to put. */
function look(
  source: PutSource,
  format: Format,
  raw: ObjectToPut['space'],
  part: RegionToPut | null,
): FileToPut {
  const { path } = source;
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  if (!stats.isFile()) {
    throw new UsageError(`${quoted(path)} is no file; "-" with --name reads standard input`);
  }
  const { size } = stats;
  const isNpy = format === 'npy' || (format === 'auto' && path.endsWith('.npy'));
  const { space, dataOffset } = isNpy ? readNpyFile(path, size) : { space: raw, dataOffset: 0 };
  const file = { ...source, size, offset: dataOffset, space };
  if (part === null) return file;
  return { ...file, space: spaceOfAll(part, { path, space, size: size - dataOffset }) };
}

/** Puts a file; returns how many bytes. What a kernel makes when it is read (/proc) has size 0. */
async function putFile(
  store: Store,
  object: ObjectToPut,
  { path, offset, size }: FileToPut,
  options: PutOptions,
): Promise<number> {
  if (size > 0) {
    await store.putFile(object, { path, offset, size: size - offset }, options);
    return size - offset;
  }
  const bytes = allOf(path);
  await store.putBytes(object, [bytes], options);
  return bytes.length;
}

/** What an object of this pool may have at most: in its memory, or in a message. */
async function payloadBytesMax({ client, view }: PoolSession): Promise<number> {
  const memory = mapOf((await view.info())['memory']);
  return Math.max(numberOf(memory['objectLimit']), client.inlineBytesMax);
}

/** Standard input to its end; `too-large` as soon as it is. */
async function allOfStdin(
  bytesMax: number,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(STDIN, signal)) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk.slice());
    onBytes(chunk.length);
  }
  // Ctrl-C ends the producer of a pipe, too, and its end may be read before our own signal, which
  // is with us by then: two turns of the event loop hand it over.
  for (let turn = 0; turn < 2; turn++) await setImmediate();
  signal.throwIfAborted();
  return chunks;
}

function tooLarge(bytesMax: number): AttaccaError {
  return new AttaccaError(
    'too-large',
    `Cannot put standard input: it has more than ${formatBytes(bytesMax)}, the most that an ` +
      'object of this pool may have',
    { sizeMax: bytesMax },
  );
}

const sizeOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, { length }) => sum + length, 0);

interface Said extends Pick<ObjectToPut, 'attributes' | 'space'> {
  readonly part: RegionToPut | null;
}

function stdinObject(
  name: string,
  parts: readonly Uint8Array[],
  format: Format,
  { attributes, space, part }: Said,
): { object: ObjectToPut; data: readonly Uint8Array[] } {
  const path = 'standard input';
  let data = parts;
  let has = space;
  if (format === 'npy') {
    const bytes = Buffer.concat(parts);
    const header = parseNpyHeader(bytes, path);
    checkNpySize(header, path, bytes.length);
    data = [bytes.subarray(header.dataOffset)];
    has = header.space;
  }
  if (part === null) return { object: { name, space: has, attributes }, data };
  const all = spaceOfAll(part, { path, space: has, size: sizeOf(data) });
  return { object: { name, space: all, attributes, region: part.region }, data };
}

function lackOf(group: string | undefined): string {
  if (group === undefined) return 'it needs a FILE, or - for standard input';
  return 'a group needs its parts: FILEs or NAME=FILEs, or - for a list of them';
}
