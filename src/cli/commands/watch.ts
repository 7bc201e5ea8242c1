import { type WatchedFile, type WatchOptions, watch } from '../../apps/index.js';
import { checkPattern } from '../../apps/watch/watch.js';
import { counted } from '../../core/counted.js';
import { AttaccaError } from '../../core/errors.js';
import { compileGlob } from '../../core/glob.js';
import { encodeUtf8 } from '../../core/utf8.js';
import { parseAttributes } from '../attribute.js';
import { defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { printable, quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION, parseCount, TIMEOUT_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Stopping } from '../stopping.js';

export const command = defineCommand({
  usage: ['DIR'],
  about: `
    Offers each file in DIR, and in directories within it, that is closed after it was written, or
    renamed into place: a program that writes files joins unchanged. The object is called as the path
    within DIR, and the pool keeps it; a file that is written again is its next version. With --import
    it is read as attacca import does. Prints the names.

    Hidden files, drafts (.tmp, .part, ~ and the like), symbolic links and stores are left out. Ctrl-C and
    SIGTERM end it, behind what was closed by then. Needs Linux. With --json a line for each file: path,
    names, bytes, state (offered, unchanged, failed).`,
  options: {
    import: {
      type: 'boolean',
      help: 'make objects of what the files hold: NetCDF, HDF5, GRIB, npy, Zarr',
    },
    glob: {
      type: 'string',
      short: 'g',
      multiple: true,
      value: 'GLOB',
      help: 'only files whose path within DIR matches (* matches / too)',
    },
    name: {
      type: 'string',
      value: 'PATTERN',
      help: 'name of the object: {path} (default), {dir}, {file}, {stem}, {ext}; of --import {stem}',
    },
    from: {
      type: 'string',
      value: 'WHEN',
      help: 'now (default), or start: what is there, too, unless the pool has it as it is',
    },
    attr: {
      type: 'string',
      short: 'a',
      multiple: true,
      value: 'KEY=VALUE',
      help: 'an attribute of all objects, in the notation of put',
    },
    promise: {
      type: 'string',
      multiple: true,
      value: 'GLOB',
      help: 'names that will come until it ends: then who still waits for one is told',
    },
    count: { type: 'string', short: 'n', value: 'N', help: 'end after so many files' },
    member: { type: 'string', value: 'NAME', help: 'who offers (default: watch[*])' },
    ...POOL_OPTION,
    ...TIMEOUT_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca watch out --from start', 'each file of a program that writes to out'],
    ["attacca watch out --import -g '*.nc' --promise 'run/*' --name 'run/{stem}'", 'its variables'],
  ],
  ownSignals: true,
  async run(context, { options, words }) {
    const [directory, extra] = words;
    if (directory === undefined || extra !== undefined) throw new UsageError('it takes one DIR');
    const { from = 'now', json, quiet } = options;
    if (from !== 'now' && from !== 'start') {
      throw new UsageError(`--from is now or start, not "${from}"`);
    }
    mustName(options.name);
    const globs = options.glob.map((text) => compileGlob(text));
    const count = options.count === undefined ? undefined : parseCount(options.count, '--count');
    const attributes = parseAttributes(options.attr, '--attr');
    const timeoutMs = parseTimeout(options.timeout);
    const failures = new Failures(context.command, json);
    using stopping = new Stopping(() => (quiet ? '' : 'attacca watch: offers what was closed'));
    const { session, seat } = await joinPool({ ...context, signal: stopping.stop }, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    let files = 0;
    const onFile = ({ path, names, bytes, outcome, error }: WatchedFile): void => {
      if (outcome === 'failed') failures.add(ofFile(path, error));
      if (outcome === 'offered') files++;
      if (json) print(toJson({ path, names, bytes, state: outcome }));
      else for (const name of names) print(printable(name));
    };
    const asked: WatchOptions = {
      ...{ from, import: options.import, name: options.name, promise: options.promise },
      ...{ attributes, count, timeoutMs, signal: stopping.stop, onFile },
      accepts:
        globs.length === 0
          ? undefined
          : (path) => globs.some((glob) => glob.matches(encodeUtf8(path))),
      onReady: () => {
        if (!quiet) say(`attacca watch: watches ${directory}`);
      },
    };
    const tell = (count: number): void => {
      if (!quiet && !json) say(`attacca watch: offered ${counted(count, 'file')}`);
    };
    const { offered } = await stopping.withPool(
      session.client.connection,
      () => watch(pool, directory, asked),
      () => tell(files),
    );
    tell(offered);
    const code = failures.end();
    await stopping.leave(pool, session.client.connection);
    return code === EXIT.ok ? EXIT.ok : code;
  },
});

function mustName(pattern = ''): void {
  try {
    checkPattern(pattern);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** What is wrong with one of many files says with which. */
function ofFile(path: string, error: unknown): unknown {
  if (!(error instanceof AttaccaError) || error.message.includes(`"${path}"`)) return error;
  const message = `${quoted(path)}: ${error.message}`;
  return new AttaccaError(error.code, message, { ...error.fields, path }, { cause: error });
}
