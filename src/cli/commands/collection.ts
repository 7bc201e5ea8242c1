import type { ChangeOptions } from '../../client/selecting.js';
import { AttaccaError } from '../../core/errors.js';
import { quoted as selectorText } from '../../core/selector/printer.js';
import { actionOf, noWords, oneName } from '../actions.js';
import { parseAttributes } from '../attribute.js';
import { CHANGE_OPTIONS, chosenToChange } from '../changing.js';
import { gather } from '../collecting.js';
import { type Context, defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { quoted, styleFor } from '../format.js';
import { toJson } from '../json.js';
import { collectionMap, collectionsTable, definitionText } from '../looking/definitions-text.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { joinPool, openPool, type PoolSession } from '../pool/open.js';
import { selecting } from '../where.js';

const OPTIONS = {
  where: {
    type: 'string',
    short: 'w',
    value: 'SELECTOR',
    help: 'add: what defines it, asked anew each time; put, take: all objects that are selected',
  },
  tag: {
    type: 'string',
    multiple: true,
    value: 'KEY=VALUE',
    help: 'of the collection itself, for people, in the notation of put -a; may be given many times',
  },
  doc: { type: 'string', value: 'TEXT', help: 'what it is for' },
  null: CHANGE_OPTIONS.null,
  'dry-run': CHANGE_OPTIONS['dry-run'],
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

const ACTIONS = {
  add: ['where', 'tag', 'doc'],
  ls: [],
  show: [],
  put: ['where', 'null', 'dry-run'],
  take: ['where', 'null', 'dry-run'],
  rm: [],
} as const;

export const command = defineCommand({
  usage: [
    'add NAME [--where SELECTOR]',
    'ls',
    'show NAME',
    'put NAME OBJECT...',
    'put NAME --where SELECTOR',
    'take NAME OBJECT...',
    'take NAME --where SELECTOR',
    'rm NAME',
  ],
  about: `
    A collection is a selector with a name, or, without --where, a list that objects are put into and
    taken out of (docs/containers.md). An object may be in many. Selectors ask for it: .collection =
    "late". add again defines it anew.

    rm takes the collection away; its objects stay. - stands for OBJECTs on standard input, one a
    line. show counts what a selector selects; ls does not.`,
  options: OPTIONS,
  examples: [
    ["attacca collection add late --where 'step > 120'", 'by a selector'],
    ['attacca collection add train --doc "years to learn from"', 'a list'],
    ["attacca collection put train --where 'date < 2020-01-01'", 'into the list'],
    ['attacca get -w \'.collection = "train"\' -d train', 'what is in it, as files'],
  ],
  async run(context, line) {
    const { options } = line;
    const { action, rest } = actionOf(context.command, ACTIONS, line);
    switch (action) {
      case 'add':
        return await add(context, options, oneName(action, rest));
      case 'ls':
        noWords(action, rest);
        return await list(context, options);
      case 'show':
        return await show(context, options, oneName(action, rest));
      case 'rm':
        return await remove(context, options, oneName(action, rest));
      default:
        return await putOrTake(context, options, action, rest);
    }
  },
});

async function add(context: Context, options: Options, name: string): Promise<number> {
  const { where, tag, doc } = options;
  // What a shell variable leaves that is not set would be all that the pool has.
  if (where !== undefined) await chosenToChange([], { ...options, yes: true });
  const tags = tag.length === 0 ? undefined : parseAttributes(tag, '--tag');
  await using session = await openPool(context, options);
  const { view } = session;
  // Before it is defined, so that what is wrong is shown at its place in the selector.
  if (where !== undefined) await selecting(where, () => view.explainSelector(where));
  await view.catalog.defineCollection(name, { selector: where, tags, documentation: doc });
  if (options.json) print(toJson({ name, defined: true }));
  return EXIT.ok;
}

async function list(context: Context, options: Options): Promise<number> {
  await using session = await openPool(context, options);
  const collections = (await session.view.catalog.collections()).map(collectionMap);
  if (options.json) for (const each of collections) print(toJson(each));
  else print(collectionsTable(collections, styleFor(stdoutIsTerminal(), context.environment)));
  return EXIT.ok;
}

async function show(context: Context, options: Options, name: string): Promise<number> {
  await using session = await openPool(context, options);
  const { view } = session;
  const style = styleFor(stdoutIsTerminal(), context.environment);
  const failures = new Failures(context.command, options.json);
  for (const definition of await view.catalog.collections(name)) {
    const objects = await countIn(context, session, name, failures);
    const known = collectionMap({ ...definition, objects });
    print(options.json ? toJson(known) : definitionText(known, style));
  }
  return failures.end();
}

/** Null when its selector is none any more: schemas have come that it does not suit. */
async function countIn(
  { signal }: Context,
  { view }: PoolSession,
  collection: string,
  failures: Failures,
): Promise<number | null> {
  try {
    return await view.count(`.collection = ${selectorText(collection)}`, { signal });
  } catch (error) {
    if (!(error instanceof AttaccaError) || error.code !== 'bad-selector') throw error;
    failures.add(error);
    return null;
  }
}

async function remove(context: Context, options: Options, name: string): Promise<number> {
  const { signal } = context;
  const { session } = await joinPool(context, options);
  await using _session = session;
  await session.view.catalog.deleteCollection(name, { signal });
  if (options.json) print(toJson({ name, removed: true }));
  return EXIT.ok;
}

async function putOrTake(
  context: Context,
  options: Options,
  action: 'put' | 'take',
  words: readonly string[],
): Promise<number> {
  const [name = '', ...objects] = words;
  if (name === '') throw new UsageError(`${action} needs the NAME of a collection`);
  const chosen = await chosenToChange(objects, { ...options, yes: true });
  const { session } = await joinPool(context, options);
  await using _session = session;
  const { catalog } = session.view;
  const isPut = action === 'put';
  const how = {
    verb: action,
    past: isPut ? 'put' : 'took',
    where: `${isPut ? 'into' : 'out of'} ${quoted(name)}`,
    all: (selector: string, changing: ChangeOptions) =>
      isPut
        ? catalog.collect(name, selector, changing)
        : catalog.uncollect(name, selector, changing),
  } as const;
  return await gather(context, session, options, { chosen, how });
}
