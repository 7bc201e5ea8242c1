import type { ContainerOptions } from '../../client/defining.js';
import type { ChangeOptions } from '../../client/selecting.js';
import { quoted as selectorText } from '../../core/selector/printer.js';
import { actionOf, noWords, oneName } from '../actions.js';
import { parseAttributes } from '../attribute.js';
import { CHANGE_OPTIONS, change } from '../changing.js';
import { type Context, defineCommand } from '../command.js';
import { parseLifetime } from '../duration.js';
import { EXIT } from '../exit.js';
import { quoted, styleFor } from '../format.js';
import { toJson } from '../json.js';
import { containerMap, containersTable, definitionText } from '../looking/definitions-text.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION } from '../options.js';
import { print, say, stdoutIsTerminal } from '../output.js';
import { joinPool, openPool } from '../pool/open.js';

const OPTIONS = {
  attr: {
    type: 'string',
    short: 'a',
    multiple: true,
    value: 'KEY=VALUE',
    help: 'what its objects get that do not say it, in the notation of put -a; may be given many times',
  },
  schema: {
    type: 'string',
    multiple: true,
    value: 'NAME',
    help: 'a schema that asks each of its objects for required keys (attacca schema add)',
  },
  lifetime: {
    type: 'string',
    value: 'TIME',
    help: 'of objects that the pool keeps, where the offer says none: 10m, 2h, 2d',
  },
  tag: {
    type: 'string',
    multiple: true,
    value: 'KEY=VALUE',
    help: 'of the container itself, for people',
  },
  doc: { type: 'string', value: 'TEXT', help: 'what it is for' },
  force: { type: 'boolean', short: 'f', help: 'rm: although objects are required, or depended on' },
  'dry-run': CHANGE_OPTIONS['dry-run'],
  yes: { type: 'boolean', short: 'y', help: 'rm on a terminal: do not ask' },
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

const ACTIONS = {
  add: ['attr', 'schema', 'lifetime', 'tag', 'doc'],
  ls: [],
  show: [],
  rm: ['force', 'dry-run', 'yes'],
} as const;

export const command = defineCommand({
  usage: [
    'add NAME [--attr KEY=VALUE]... [--schema NAME]... [--lifetime TIME]',
    'ls',
    'show NAME',
    'rm NAME [--dry-run] [--yes] [--force]',
  ],
  about: `
    A container owns objects, and gives them what they do not say themselves (docs/containers.md). An
    object is in the one that its offer names: put --container NAME. add again defines it anew, which
    holds for later offers.

    rm deletes all that is in it, and then the container; called on a terminal it asks first. What
    is required, or depended on, stays unless forced, and so does the container then.`,
  options: OPTIONS,
  examples: [
    ['attacca container add run42 -a class=od -a user=me --lifetime 2d', 'what its objects share'],
    ['attacca put t.npy --container run42 -a param=t', 'into it'],
    ['attacca query \'.container = "run42"\'', 'what is in it'],
    ['attacca container rm run42 --dry-run', 'what would go with it'],
  ],
  async run(context, line) {
    const { options } = line;
    const { action, rest } = actionOf(context.command, ACTIONS, line);
    if (action === 'add') return await add(context, options, oneName(action, rest));
    if (action === 'rm') return await remove(context, options, oneName(action, rest));
    const name = action === 'show' ? oneName(action, rest) : '';
    if (action === 'ls') noWords(action, rest);
    await using session = await openPool(context, options);
    const containers = (await session.view.catalog.containers(name)).map(containerMap);
    const style = styleFor(stdoutIsTerminal(), context.environment);
    if (options.json) for (const each of containers) print(toJson(each));
    else if (action === 'ls') print(containersTable(containers, style));
    else for (const each of containers) print(definitionText(each, style));
    return EXIT.ok;
  },
});

async function add(context: Context, options: Options, name: string): Promise<number> {
  const { attr, schema, tag } = options;
  const definition: ContainerOptions = {
    attributes: attr.length === 0 ? undefined : parseAttributes(attr, '--attr'),
    schemas: schema.length === 0 ? undefined : schema,
    lifetimeMs: parseLifetime(options.lifetime),
    tags: tag.length === 0 ? undefined : parseAttributes(tag, '--tag'),
    documentation: options.doc,
  };
  await using session = await openPool(context, options);
  await session.view.catalog.defineContainer(name, definition);
  if (options.json) print(toJson({ name, defined: true }));
  return EXIT.ok;
}

async function remove(context: Context, options: Options, name: string): Promise<number> {
  const { session } = await joinPool(context, options);
  await using _session = session;
  const { view } = session;
  const [known] = await view.catalog.containers(name);
  const { force } = options;
  let stays = false;
  const how = {
    verb: 'delete',
    past: 'deleted',
    one: (object: string) => view.delete(object, { force }),
    all: async (_selector: string, changing: ChangeOptions) => {
      const done = await view.catalog.deleteContainer(name, { ...changing, force });
      stays = changing.dryRun !== true && done.changed < done.selected;
      return done;
    },
  } as const;
  // Of one that is empty there is nothing to ask.
  const yes = options.yes || known?.objects === 0;
  const selector = `.container = ${selectorText(name)}`;
  const chosen = { kind: 'selector', selector } as const;
  const asked = { ...options, yes, where: undefined, null: false };
  const code = await change(context, session, asked, { chosen, how });
  if (stays && !options.json) say(`the container ${quoted(name)} stays, with what is left in it`);
  return code;
}
