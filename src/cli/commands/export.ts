import type { Pool } from '../../client/pool.js';
import { counted } from '../../core/counted.js';
import { exportFile } from '../../files/export.js';
import { FORMATS } from '../../files/formats.js';
import { defineCommand } from '../command.js';
import { refuseCubes } from '../cube-names.js';
import { parseTimeout } from '../duration.js';
import { UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { toJson } from '../json.js';
import { NULL_OPTION, namesOf } from '../names.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Progress } from '../progress.js';
import { shellQuote } from '../shell-quote.js';
import { Transfer } from '../transfer.js';
import { waitLine } from '../wait-line.js';
import { checkedSelector, sayUnknownKeys, selecting } from '../where.js';

const OPTIONS = {
  to: { type: 'string', short: 'o', value: 'FILE', help: 'the file that is made, or replaced' },
  where: {
    type: 'string',
    short: 'w',
    value: 'SELECTOR',
    help: 'all objects that it selects (docs/selectors.md)',
  },
  format: {
    type: 'string',
    value: FORMATS.map(({ name }) => name).join('|'),
    help: 'what is made; without it the end of its name tells (.nc: NetCDF-3, or as it was)',
  },
  'no-coords': {
    type: 'boolean',
    help: 'leave out the coordinates of the objects, which else come along if they are objects',
  },
  member: { type: 'string', value: 'NAME', help: 'who exports (default: export[*])' },
  ...NULL_OPTION,
  ...POOL_OPTION,
  ...TIMEOUT_OPTION,
  ...COMMON_OPTIONS,
} as const;

export const command = defineCommand({
  usage: ['NAME... --to FILE', '--where SELECTOR --to FILE'],
  about: `
    Writes objects into one file: NetCDF-3, NetCDF-4 (HDF5), Zarr 3, GRIB or npy. The object that tells
    what an imported file was (attacca import) gives that file: in its own format NetCDF-3, GRIB and, while
    its bytes are kept, HDF5 byte for byte, else with the same values, types, attributes and dimensions; in
    another one what that can hold. Other objects are a variable each, with their attributes; dims names their dimensions.
    Waits for objects that are not there. FILE is made beside its place and renamed when it is whole.`,
  options: OPTIONS,
  examples: [
    ['attacca export eraint_uvz --to again.nc', 'the file as it was'],
    ['attacca export eraint_uvz --to uvz.zarr', 'the same as a Zarr store'],
    ['attacca export t/850 u/850 --to both.nc', 'two objects as variables'],
    ["attacca export --where 'param = 167' --to t2m.grib", 'messages that are selected'],
  ],
  async run(context, { options, words }) {
    const { to } = options;
    if (to === undefined || to === '') throw new UsageError('it needs "--to FILE"');
    if ((words.length === 0) === (options.where === undefined)) {
      throw new UsageError('it needs NAMEs, or "--where SELECTOR"');
    }
    const given = await namesOf(words, options);
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    const { signal } = context;
    const names =
      options.where === undefined ? given : await selected(pool, options.where, signal, options);
    if (options.where === undefined)
      await refuseCubes(session, 'export', names, ` -o ${shellQuote(to)}`);
    let transfer = new Transfer();
    const waiting = new Set<string>();
    const line = (elapsedMs: number): string | Promise<string> =>
      waiting.size > 0
        ? waitLine(session.view, waiting, elapsedMs, names.length)
        : `exporting to ${quoted(to)}: ${transfer.text}`;
    using progress = new Progress(line, options.quiet, session.client.connection);
    const exported = await exportFile(pool, names, to, {
      ...{ signal, timeoutMs: parseTimeout(options.timeout), format: options.format },
      coords: !options['no-coords'],
      onBytes(bytes, expected) {
        if (bytes === 0) {
          transfer = new Transfer();
          transfer.expect(expected);
        } else transfer.add(bytes);
      },
      onWaiting(name) {
        waiting.clear();
        if (name !== null) waiting.add(name);
      },
    });
    progress.end();
    const { format, objects, asImported, original } = exported;
    if (options.json) {
      print(toJson({ file: to, format, objects: [...objects], asImported, original }));
    } else if (!options.quiet) {
      const wrote = `wrote ${counted(objects.length, 'object')} into ${quoted(to)} (${format})`;
      const anew =
        original === false ? ', made anew: its own bytes are gone, or its objects are others' : '';
      say(`attacca export: ${wrote}${anew}`);
    }
    return 0;
  },
});

/**
 * Objects that a selector selects and that are there. What tells of an imported file is none of its
 * variables, and is left out.
 */
async function selected(
  pool: Pool,
  where: string,
  signal: AbortSignal,
  how: { readonly json: boolean; readonly quiet: boolean },
): Promise<string[]> {
  const selector = await checkedSelector(where);
  const isOffered = '.state = "offered"';
  const offered = selector.trim() === '' ? isOffered : `(${selector}) and ${isOffered}`;
  const names: string[] = [];
  await selecting(offered, async () => {
    for await (const { name, attributes } of pool.query(offered, { sort: '.name', signal })) {
      const isTelling = ['file.header', 'file.original'].some(
        (key) => attributes[key] !== undefined,
      );
      if (!isTelling) names.push(name);
    }
  });
  if (names.length === 0 && selector.trim() !== '') await sayUnknownKeys(pool, selector, how);
  if (names.length === 0) throw new UsageError('no object is selected');
  return names;
}
