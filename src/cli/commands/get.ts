import type { DeriveOptions } from '../../client/deriving.js';
import type { PoolView } from '../../client/pool-view.js';
import { counted } from '../../core/counted.js';
import { type Context, defineCommand } from '../command.js';
import { refuseCubes } from '../cube-names.js';
import { parseTimeout } from '../duration.js';
import { EXIT, ExitWith, UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { FOLLOW_OPTIONS, isFollowing } from '../follow-options.js';
import type { Got } from '../following.js';
import { printable, quoted } from '../format.js';
import { toJson } from '../json.js';
import { forEachAtOnce } from '../names.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print, say, stdoutIsTerminal } from '../output.js';
import { locate } from '../pool/located.js';
import { joinPool } from '../pool/open.js';
import type { OutputFormat, WriteOptions } from '../pool/sink.js';
import { parseRegion } from '../region.js';
import { STORE_OPTION } from '../store/option.js';
import { type Chosen, chosenBy, NAMES_OPTIONS, sayUnknownKeys, selecting } from '../where.js';

const STDOUT = 1;
/** Objects that are waited for at the same time: each is announced, so providers keep it. */
const WAITS_MAX = 65_536;
/** A binary object is known by the begin of it. */
const SNIFF_BYTES = 4_096;

const OPTIONS = {
  output: {
    type: 'string',
    short: 'o',
    value: 'FILE',
    help: 'write the one object to FILE (-: standard output, ./-: a file of that name)',
  },
  directory: {
    type: 'string',
    short: 'd',
    value: 'DIR',
    help: 'write each object to a file of its name in DIR; / in a name makes directories',
  },
  as: {
    type: 'string',
    value: 'npy|raw',
    help: 'with the header of an .npy file, or the bytes alone (default: npy for -o FILE.npy, else raw)',
  },
  region: {
    type: 'string',
    short: 'r',
    value: 'REGION',
    help: 'only this part of each array, as numpy writes it: 0:10,-1 (docs/parts.md)',
  },
  expr: {
    type: 'string',
    value: 'EXPRESSION',
    help: 'what this makes of several objects: VARIABLE=NAME each, or NAME (docs/transforms.md)',
  },
  unpack: {
    type: 'boolean',
    help: 'values of packed numbers: x scale_factor + add_offset, NaN for _FillValue (CF)',
  },
  packed: {
    type: 'boolean',
    help: 'with --expr: computes with packed numbers as they are, which else are unpacked',
  },
  group: {
    type: 'string',
    value: 'NAME',
    help: 'all that is in a group, as soon as it is offered; with -d DIR (docs/groups.md)',
  },
  attributes: {
    type: 'boolean',
    help: 'print name, version, space and attributes as JSON; without -o and -d nothing else',
  },
  member: { type: 'string', value: 'NAME', help: 'who gets (default: get[*])' },
  all: { type: 'string', value: 'SELECTOR', help: 'as --where' },
  ...NAMES_OPTIONS,
  ...FOLLOW_OPTIONS,
  ...STORE_OPTION,
  ...POOL_OPTION,
  ...TIMEOUT_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

export const command = defineCommand({
  usage: [
    'NAME',
    'NAME -o FILE',
    'NAME... -d DIR',
    '--where SELECTOR -d DIR',
    '--all SELECTOR --follow -d DIR',
    '--group NAME -d DIR',
    '--expr EXPRESSION VARIABLE=NAME...',
    '--store DIR NAME...',
  ],
  about: `
    Waits until each object is offered, and writes it: to standard output, to FILE, or to a file of
    its name in DIR. A file appears whole or not at all. - stands for names on standard input, one a
    line. All names are required at once, so that nobody withdraws one while another is waited for.
    With --where everything that is selected and offered now; what comes later is not waited for,
    but with --follow: then each is written as it is offered, and kept for this command until then,
    whatever its producer does (docs/events.md); its file is printed when it is there. A later version
    of a name replaces its file.

    With --store what is kept in the store in DIR, of each name the newest version: nothing is waited
    for.

    With --as npy, numpy reads it: np.load(io.BytesIO(subprocess.check_output(['attacca', 'get', NAME,
    '--as', 'npy']))).`,
  options: OPTIONS,
  examples: [
    ['attacca get t/850/step=6 --as npy > t850.npy', 'an array for numpy'],
    ["attacca get t/850/step=6 --region '0:90,:' -o north.npy", 'half of it'],
    ['attacca get greeting', 'text on the terminal'],
    ["attacca ls 't/*' | attacca get - -d fields --as npy", 'many, in one go'],
    ['attacca get -w \'param = "t" and step < 6\' -d fields', 'by attributes and tags'],
    ['attacca get --all \'param = "t"\' --follow --complete -d fields', 'also all that comes'],
    ["attacca get --expr 'sqrt(u*u + v*v)' u=wind/u v=wind/v -o speed.npy", 'a derived variable'],
    ['attacca get --group step/24 -d fields', 'a whole time step'],
    ['attacca get t/850/step=6 --attributes --timeout 30s', 'what is said of it'],
    ['attacca get --store archive t/850/step=6 -o t850.npy', 'from a directory'],
  ],
  async run(context, { options: said, words }) {
    const options = withStdout(said);
    const format = formatOf(options);
    const timeoutMs = parseTimeout(options.timeout);
    const region = options.region === undefined ? undefined : parseRegion(options.region);
    if (options.group !== undefined) {
      return await getGrouped(context, options.group, words, options, timeoutMs);
    }
    const isFollowed = isFollowing(options);
    const ofQueue = options.queue === undefined ? undefined : '';
    const where = options.where ?? options.all ?? ofQueue;
    const chosen = await chosenBy(words, { where, null: options.null });
    checkPacking(options);
    if (options.expr !== undefined) {
      const writing = { format, signal: context.signal };
      return await getDerived(context, chosen, options, { timeoutMs, region, ...writing });
    }
    checkPlaces(chosen, { ...options, isNothing: options.forget });
    if (isFollowed) {
      if (options.store !== undefined) throw new UsageError('--store is no pool: no --follow');
      if (chosen.kind === 'names') throw new UsageError('--follow needs --all SELECTOR, no NAMEs');
      return await getFollowing(context, chosen.selector, options, { format, region, timeoutMs });
    }
    if (options.store !== undefined) {
      return await getStored(context, chosen, options, { format, signal: context.signal });
    }
    return await getChosen(context, chosen, options, { format, region, timeoutMs });
  },
});

/** `-o -` is standard output, as other tools have it; a file of that name is ./- */
function withStdout(options: Options): Options {
  if (options.output !== '-') return options;
  if (options.directory !== undefined) throw new UsageError('-o FILE is for one NAME, without -d');
  if (options.attributes) {
    throw new UsageError('-o - and --attributes are both for standard output: say one');
  }
  return { ...options, output: undefined };
}

/** What is named, or selected and offered now. */
async function getChosen(
  context: Context,
  chosen: Chosen,
  options: Options,
  { format, ...of }: Pick<WriteOptions, 'format'> & Pick<DeriveOptions, 'region' | 'timeoutMs'>,
): Promise<number> {
  const joining = joinPool(context, options);
  joining.catch(() => {});
  // While the pool answers: what is needed after.
  const [{ Progress }, { Transfer }, { waitLine }, sink] = await Promise.all([
    import('../progress.js'),
    import('../transfer.js'),
    import('../wait-line.js'),
    import('../pool/sink.js'),
  ]);
  const { signal } = context;
  const { unpack } = options;
  const { session, seat } = await joining;
  await using _session = session;
  const names = await namesToGet(chosen, session.view, signal);
  if (chosen.kind === 'selector' && names.length === 0 && !options.quiet) {
    say('nothing is selected');
    await sayUnknownKeys(session.view, chosen.selector, options);
  }
  if (chosen.kind === 'names') await refuseCubes(session, 'get', names, ' -o FILE');
  const failures = new Failures(context.command, options.json);
  const waiting = new Set<string>();
  const transfer = new Transfer();
  let done = 0;
  using _progress = new Progress(
    (elapsedMs) => {
      if (waiting.size > 0) return waitLine(session.view, waiting, elapsedMs, names.length);
      return `writing: ${done} of ${counted(names.length, 'object')}, ${transfer.text}`;
    },
    options.quiet,
    session.client.connection,
  );
  await forEachAtOnce(names, WAITS_MAX, async (name) => {
    waiting.add(name);
    try {
      const object = await locate(seat, name, { ...of, signal, unpack });
      waiting.delete(name);
      transfer.expect(object.size);
      try {
        await deliver(sink, object, options, { format, signal, onBytes: transfer.add });
        done++;
      } finally {
        object.release();
      }
    } catch (error) {
      waiting.delete(name);
      if (signal.aborted || error instanceof ExitWith) throw error;
      failures.add(error);
    }
  });
  return failures.end();
}

/** All that is selected, as it comes. */
async function getFollowing(
  context: Context,
  selector: string,
  options: Options,
  { format, ...of }: Pick<WriteOptions, 'format'> & Pick<DeriveOptions, 'region' | 'timeoutMs'>,
): Promise<number> {
  const [sink, { getAll }] = await Promise.all([
    import('../pool/sink.js'),
    import('../following.js'),
  ]);
  const { signal } = context;
  const how = { ...of, unpack: options.unpack };
  return await getAll(context, selector, options, how, async (object, onBytes) => {
    const path = await deliver(sink, object, options, { format, signal, onBytes });
    // It is there: whoever reads this may go on with it.
    if (path === null || options.json || options.attributes) return;
    print(stdoutIsTerminal() ? printable(path) : path);
  });
}

/** From a directory. */
async function getStored(
  context: Context,
  chosen: Chosen,
  options: Options,
  writing: WriteOptions,
): Promise<number> {
  const { store = '', pool, region, unpack, member, timeout } = options;
  if (pool !== undefined) throw new UsageError('say --pool or --store, not both');
  if (unpack || [region, member, timeout].some((each) => each !== undefined)) {
    throw new UsageError('--store gives objects as they are: without --region, --unpack, --member');
  }
  const [{ openStored, storedNames }, sink] = await Promise.all([
    import('../store/get-stored.js'),
    import('../pool/sink.js'),
  ]);
  const failures = new Failures(context.command, options.json);
  const names =
    chosen.kind === 'names' ? chosen.names : await storedNames(store, chosen.selector, options);
  await using objects = await openStored(store);
  for (const name of names) {
    try {
      await deliver(sink, await objects.find(name), options, writing);
    } catch (error) {
      if (writing.signal.aborted || error instanceof ExitWith) throw error;
      failures.add(error);
    }
  }
  return failures.end();
}

/** All that is in a group. */
async function getGrouped(
  context: Context,
  group: string,
  words: readonly string[],
  options: Options,
  timeoutMs: number | undefined,
): Promise<number> {
  const { directory, output, where, region, expr } = options;
  const others = [output, where, region, expr].some((each) => each !== undefined);
  if (words.length > 0 || directory === undefined || others) {
    throw new UsageError('--group takes -d DIR, and no NAME, -o, --where, --region and --expr');
  }
  const [{ getGroup }, { Progress }, { waitLine }] = await Promise.all([
    import('../pool/group-files.js'),
    import('../progress.js'),
    import('../wait-line.js'),
  ]);
  const { session, seat } = await joinPool(context, options);
  await using _session = session;
  const waiting = new Set([group]);
  using _progress = new Progress(
    (elapsedMs) => waitLine(session.view, waiting, elapsedMs, 1),
    options.quiet,
    session.client.connection,
  );
  const { signal } = context;
  const format = formatOf(options);
  const written = await getGroup(seat, group, directory, { format, signal, timeoutMs });
  if (options.json || options.attributes) for (const each of written) print(describe(each));
  return EXIT.ok;
}

function checkPacking({ expr, packed, unpack }: Options): void {
  if (packed && expr === undefined) throw new UsageError('--packed is for --expr');
  if (packed && unpack) throw new UsageError('--packed and --unpack are opposites: say one');
}

/** Computes with the objects, and writes what comes of it. */
async function getDerived(
  context: Context,
  chosen: Chosen,
  options: Options,
  { region, timeoutMs, ...writing }: WriteOptions & Pick<DeriveOptions, 'region' | 'timeoutMs'>,
): Promise<number> {
  const { expr = '', output, directory, attributes } = options;
  if (chosen.kind === 'selector' || directory !== undefined || attributes) {
    throw new UsageError('--expr takes VARIABLE=NAME..., without --where, -d and --attributes');
  }
  if (output === undefined && stdoutIsTerminal()) {
    throw new UsageError(
      'what is computed is binary: send it to a file with -o FILE, or into a pipe',
    );
  }
  const [{ derivedOf, variablesOf }, sink, { Progress }, { waitLine }] = await Promise.all([
    import('../derived.js'),
    import('../pool/sink.js'),
    import('../progress.js'),
    import('../wait-line.js'),
  ]);
  const variables = variablesOf(chosen.names);
  const { session, seat } = await joinPool(context, options);
  await using _session = session;
  const { signal } = context;
  const unpack = !options.packed;
  const names = Object.values(variables);
  const waiting = new Set(names);
  using _progress = new Progress(
    async (elapsedMs) => {
      for (const name of waiting) if (await isOffered(session.view, name)) waiting.delete(name);
      if (waiting.size > 0) return await waitLine(session.view, waiting, elapsedMs, names.length);
      return `computing with ${counted(names.length, 'object')}`;
    },
    options.quiet,
    session.client.connection,
  );
  const made = await derivedOf(seat, expr, variables, { region, timeoutMs, signal, unpack });
  try {
    if (output === undefined) await sink.writeObject(STDOUT, made, writing);
    else await sink.writeFileOf(output, made, writing);
    if (options.json && output !== undefined) {
      print(toJson({ expression: expr, bytes: made.size, ...made.space }));
    }
  } finally {
    await made.release();
  }
  return EXIT.ok;
}

/** Whether an object is there: what waits for others is then told of them. */
async function isOffered(view: PoolView, name: string): Promise<boolean> {
  const state = await view.stat(name).then(
    (stat) => stat['state'],
    () => null,
  );
  return state === 'offered';
}

/** Where the bytes go must fit how many objects there are, or may be. */
function checkPlaces(
  chosen: Chosen,
  {
    output,
    directory,
    attributes,
    isNothing,
  }: Pick<Options, 'output' | 'directory' | 'attributes'> & { readonly isNothing: boolean },
): void {
  const isOne = chosen.kind === 'names' && chosen.names.length === 1;
  if (!isOne && directory === undefined && !attributes && !isNothing) {
    const what = chosen.kind === 'names' ? 'several NAMEs need' : '--where needs';
    throw new UsageError(`${what} -d DIR`);
  }
  if (output !== undefined && (!isOne || directory !== undefined)) {
    throw new UsageError('-o FILE is for one NAME, without -d');
  }
}

/** Of those selected, what others only wait for has no bytes yet, and may never have any. */
async function namesToGet(
  chosen: Chosen,
  view: PoolView,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (chosen.kind === 'names') return chosen.names;
  const isOffered = '.state = "offered"';
  const { selector } = chosen;
  const offered = selector.trim() === '' ? isOffered : `(${selector}) and ${isOffered}`;
  const names: string[] = [];
  await selecting(offered, async () => {
    for await (const name of view.query(offered, { detail: 'name', signal })) names.push(name);
  });
  return names;
}

function formatOf({ as, output }: Options): OutputFormat {
  if (as === undefined) return output?.endsWith('.npy') === true ? 'npy' : 'raw';
  if (as === 'npy' || as === 'raw') return as;
  throw new UsageError(`"--as" takes npy or raw, not "${as}"`);
}

/** Writes an object to where it should go; returns the file, or null when it is none. */
async function deliver(
  sink: typeof import('../pool/sink.js'),
  object: Got,
  options: Options,
  writing: WriteOptions,
): Promise<string | null> {
  const { output, directory } = options;
  const { format } = writing;
  let path = output ?? null;
  if (directory !== undefined) {
    path = sink.pathInDirectory(directory, object.name, format === 'npy' ? '.npy' : '');
    await sink.makeDirectoryOf(path);
  }
  if (path !== null) await sink.writeFileOf(path, object, writing);
  else if (!options.attributes) {
    if (stdoutIsTerminal()) await mustBeText(object, format);
    await sink.writeObject(STDOUT, object, writing);
  }
  if (options.attributes || (options.json && path !== null)) print(describe(object));
  return path;
}

function describe(object: Pick<Got, 'name' | 'version' | 'size' | 'space' | 'attributes'>): string {
  const { name, version, size, space, attributes } = object;
  return toJson({ name, version, bytes: size, ...space, attributes });
}

/** Binary bytes would set a terminal on fire; text may be read there. */
async function mustBeText(object: Got, format: OutputFormat): Promise<void> {
  let isText = format === 'raw' && object.space.shape.length <= 1;
  if (isText) {
    for await (const chunk of object.chunks()) {
      const start = chunk.subarray(0, SNIFF_BYTES);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
      isText = !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\ufffd]/u.test(
        new TextDecoder().decode(start, { stream: true }),
      );
      break;
    }
  }
  if (isText) return;
  throw new UsageError(
    `${quoted(object.name)} is binary (${counted(object.size, 'byte')}): ` +
      'send it to a file with -o FILE, or into a pipe',
  );
}
