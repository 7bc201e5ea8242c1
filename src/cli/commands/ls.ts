import { globSelector } from '../../client/selecting.js';
import { counted } from '../../core/counted.js';
import type { ValueMap } from '../../core/value.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { type Context, defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { numberOf, printable, styleFor } from '../format.js';
import { toJson } from '../json.js';
import { compareBytes, compareNames, objectsTable } from '../looking/objects-table.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION } from '../options.js';
import { print, printAll, say, stdoutIsTerminal } from '../output.js';
import { openPool, type PoolSession } from '../pool/open.js';
import { STORE_OPTION } from '../store/option.js';
import { checkedSelector, sayUnknownKeys, selecting, WHERE_OPTION } from '../where.js';

const OPTIONS = {
  long: {
    type: 'boolean',
    short: 'l',
    help: 'a table: state, version, bytes, dtype, shape, scope, provider',
  },
  attributes: { type: 'boolean', short: 'A', help: 'attributes and tags too, with -l' },
  null: { type: 'boolean', short: '0', help: 'end each name with NUL, not a newline' },
  ...WHERE_OPTION,
  ...STORE_OPTION,
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

export const command = defineCommand({
  usage: ['[GLOB]', '--where SELECTOR', '--store DIR [GLOB]'],
  about: `
    Lists the names of objects that match GLOB (* any run of characters, ? one, [a-z] one of a set),
    in the order of their bytes; without GLOB all of them. Quote it, or the shell takes it for files.
    With --where those that SELECTOR selects. With --store what is kept in the store in DIR. To a file or
    a pipe names go as they are, for a program; -l, and a terminal, shows what is in them that a terminal
    would obey as \\u001b.`,
  options: OPTIONS,
  examples: [
    ["attacca ls -l 't/*'", 'a table'],
    ["attacca ls 't/*' | attacca get - -d fields", 'names for another command'],
    ['attacca ls -w \'param = "t" and step in 0..24\'', 'by attributes and tags'],
    ['attacca ls -l --store archive', 'what is kept in a directory'],
    ["attacca ls --json | jq 'select(.bytes > 1e6) | .name'", 'with jq'],
  ],
  async run(context, { options, words }) {
    const selector = await selectorOf(words, options.where);
    if (options.store !== undefined) return await listStore(selector, context, options);
    await using session = await openPool(context, options);
    return await selecting(selector, async () => {
      const count = await list(session, selector, context, options);
      if (count === 0 && options.where !== undefined) {
        await sayUnknownKeys(session.view, selector, options);
      }
      return EXIT.ok;
    });
  },
});

async function selectorOf(words: readonly string[], where: string | undefined): Promise<string> {
  const [glob, ...more] = words;
  if (more.length > 0) {
    throw new UsageError('it takes one GLOB; quote it, so that the shell does not fill it in');
  }
  if (where === undefined) return globSelector(glob ?? '*');
  if (glob === undefined) return await checkedSelector(where);
  throw new UsageError('say GLOB or --where SELECTOR, not both; name ~ "GLOB" is a selector too');
}

/** What is kept in a directory: each name once, but with -l, -A and --json each version. */
async function listStore(
  selector: string,
  { environment }: Context,
  options: OptionValues<typeof OPTIONS>,
): Promise<number> {
  const { store = '', json, long, attributes } = options;
  if (options.pool !== undefined) throw new UsageError('say --pool or --store, not both');
  const { storedJson, storedObjects, storedTable } = await import('../store/stored.js');
  const entries = await storedObjects(store, selector, options);
  if (json) printAll(entries.map(storedJson), '\n');
  else if (long || attributes) {
    print(storedTable(entries, { attributes }, styleFor(stdoutIsTerminal(), environment)));
  } else {
    const names = [...new Set(entries.map(({ name }) => name))];
    const shown = stdoutIsTerminal() ? names.map(printable) : names;
    printAll(shown, options.null ? '\0' : '\n');
  }
  return EXIT.ok;
}

/** Prints what is selected; returns how many that are. */
async function list(
  { view }: PoolSession,
  selector: string,
  { signal, environment }: Context,
  options: OptionValues<typeof OPTIONS>,
): Promise<number> {
  if (options.json || options.long || options.attributes) {
    const rows: ValueMap[] = [];
    for await (const row of view.query(selector, { detail: 'all', signal })) rows.push(row);
    rows.sort(compareNames);
    if (options.json) printAll(rows.map(toJson), '\n');
    else printTable(rows, options.attributes, environment, options.quiet);
    return rows.length;
  }
  const names: string[] = [];
  for await (const name of view.query(selector, { detail: 'name', signal })) names.push(name);
  names.sort(compareBytes);
  // To a program names go as they are; on a terminal they must not move the cursor.
  const shown = stdoutIsTerminal() ? names.map(printable) : names;
  printAll(shown, options.null ? '\0' : '\n');
  return names.length;
}

function printTable(
  rows: readonly ValueMap[],
  attributes: boolean,
  environment: NodeJS.ProcessEnv,
  quiet: boolean,
): void {
  print(objectsTable(rows, { attributes }, styleFor(stdoutIsTerminal(), environment)));
  if (quiet) return;
  const bytes = rows.reduce((sum, row) => sum + numberOf(row['bytes']), 0);
  if (stdoutIsTerminal()) say(`${counted(rows.length, 'object')}, ${formatBytes(bytes)}`);
}
