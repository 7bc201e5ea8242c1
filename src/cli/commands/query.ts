import type { Found, QueryOptions } from '../../client/selecting.js';
import type { ValueMap } from '../../core/value.js';
import { type Context, defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { formatMap, printable, styleFor, Table, textOf } from '../format.js';
import { toJson } from '../json.js';
import { planText } from '../looking/plan-text.js';
import { ShownKeys } from '../looking/shown-keys.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION, parseCount } from '../options.js';
import { print, printAll, stdoutIsTerminal } from '../output.js';
import { openPool, type PoolSession } from '../pool/open.js';
import { checkedSelector, sayUnknownKeys, selecting } from '../where.js';

/** Rows that are held at a time: columns fit those that were written until then. */
const ROWS_AT_ONCE = 2_048;

const OPTIONS = {
  long: { type: 'boolean', short: 'l', help: 'a table, with attributes and tags' },
  show: {
    type: 'string',
    multiple: true,
    value: 'KEY,KEY',
    help: 'a table with these: attributes, tags, and .bytes, .dtype, ... of the pool itself',
  },
  sort: {
    type: 'string',
    value: '[-]KEY',
    help: 'in the order of a key, with - from the last to the first; without it in none',
  },
  limit: { type: 'string', value: 'N', help: 'at most so many' },
  count: { type: 'boolean', help: 'only how many there are' },
  explain: { type: 'boolean', help: 'only how it is answered: by which index, and from how many' },
  null: { type: 'boolean', short: '0', help: 'end each name with NUL, not a newline' },
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

export const command = defineCommand({
  usage: ['SELECTOR'],
  about: `
    Finds the objects that SELECTOR selects by their attributes and tags, and prints their names: 'step
    in 0..24 and param = "t"' (docs/selectors.md). The empty selector, and true, are all objects. A
    tag hides the attribute of the same key; .bytes, .dtype, .provider and the like are what the pool
    knows by itself.

    What is found is printed while it comes, in no order, and is never held as a whole. With --sort
    the pool sorts, a page at a time, which is made for the first of many; all names in the order of
    ls are had sooner by ls --where. With --json an object a line:
    name and attributes, with --show name and those keys.`,
  options: OPTIONS,
  examples: [
    ['attacca query \'param = "t" and step < 6\'', 'names'],
    [
      "attacca query 'has step' --show step,param,.bytes --sort -step",
      'a table, the last step first',
    ],
    ['attacca query \'name ~ "t/*"\' --count', 'how many'],
    ["attacca query 'step = 6' -0 | xargs -0 -n 1 ./plot", 'for other programs'],
  ],
  async run(context, { options, words }) {
    const [text, ...more] = words;
    if (text === undefined) throw new UsageError('it needs a SELECTOR; true selects everything');
    if (more.length > 0) throw new UsageError('it takes one SELECTOR; quote it for the shell');
    checkTogether(options);
    const shown = new ShownKeys(options.show);
    const limit = options.limit === undefined ? undefined : parseCount(options.limit, '--limit');
    const selector = await checkedSelector(text);
    await using session = await openPool(context, options);
    await selecting(selector, async () => {
      if (options.explain) await explain(session, selector, options);
      else {
        const found = options.count
          ? await count(session, selector, context, options)
          : await find(session, selector, { context, options, shown, limit });
        if (found === 0) await sayUnknownKeys(session.view, selector, options);
      }
    });
    return EXIT.ok;
  },
});

/** What says how objects are shown says nothing of a number or a plan. */
function checkTogether({ count: counts, explain: explains, ...options }: Options): void {
  if (counts && explains) throw new UsageError('say --count or --explain, not both');
  const alone = counts ? '--count' : '--explain';
  const { long, show, sort, limit, null: nulls } = options;
  const shows = long || show.length > 0 || sort !== undefined || limit !== undefined || nulls;
  if ((counts || explains) && shows) {
    throw new UsageError(`${alone} goes without --long, --show, --sort, --limit and --null`);
  }
  if (sort === '' || sort === '-') throw new UsageError('"--sort" needs a KEY, or -KEY');
  if (nulls && (long || show.length > 0 || options.json)) {
    throw new UsageError('--null is for names');
  }
}

async function explain({ view }: PoolSession, selector: string, { json }: Options): Promise<void> {
  const plan = await view.explainSelector(selector);
  print(json ? toJson(plan) : planText(plan));
}

async function count(
  { view }: PoolSession,
  selector: string,
  { signal }: Context,
  { json }: Options,
): Promise<number> {
  const found = await view.count(selector, { signal });
  print(json ? toJson({ count: found }) : String(found));
  return found;
}

/** Prints what is found; returns how many that are. */
async function find(
  { view }: PoolSession,
  selector: string,
  how: {
    readonly context: Context;
    readonly options: Options;
    readonly shown: ShownKeys;
    readonly limit: number | undefined;
  },
): Promise<number> {
  let found = 0;
  const { context, options, shown, limit } = how;
  const asked: QueryOptions = { sort: options.sort, limit, signal: context.signal };
  const hasKeys = options.show.length > 0;
  if (!options.json && !options.long && !hasKeys) {
    const end = options.null ? '\0' : '\n';
    for await (const names of batches(view.query(selector, { ...asked, detail: 'name' }))) {
      found += names.length;
      // To a program names go as they are; on a terminal they must not move the cursor.
      printAll(stdoutIsTerminal() ? names.map(printable) : names, end);
    }
    return found;
  }
  const detail = hasKeys ? shown.detail : 'attributes';
  const rows = mapsOf(
    detail === 'all'
      ? view.query(selector, { ...asked, detail })
      : view.query(selector, { ...asked, detail }),
  );
  if (options.json) {
    for await (const batch of batches(rows)) {
      found += batch.length;
      printAll(
        batch.map((row) => toJson(hasKeys ? shown.json(row) : row)),
        '\n',
      );
    }
    return found;
  }
  const style = styleFor(stdoutIsTerminal(), context.environment);
  let table: Table | null = null;
  for await (const batch of batches(rows)) {
    found += batch.length;
    table ??= new Table(hasKeys ? shown.columns(batch) : ALL_COLUMNS, style);
    print(table.lines(batch.map((row) => (hasKeys ? shown.cells(row) : allCells(row)))));
  }
  return found;
}

const ALL_COLUMNS = [{ head: 'NAME' }, { head: 'ATTRIBUTES' }];

function allCells(row: ValueMap): string[] {
  return [printable(textOf(row['name'])), formatMap(row['attributes'])];
}

async function* mapsOf(rows: AsyncIterable<ValueMap | Found>): AsyncGenerator<ValueMap> {
  for await (const row of rows) yield { ...row };
}

/** Rows as they come, many at a time. */
async function* batches<T>(rows: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < ROWS_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
