import { loadSchema, SHIPPED_SCHEMAS } from '../../client/schema-file.js';
import { assert } from '../../core/assert.js';
import { counted } from '../../core/counted.js';
import { AttaccaError } from '../../core/errors.js';
import { checkReserved } from '../../core/schema/reserved-keys.js';
import { type AttributeDefinition, parseSchema, type Schema } from '../../core/schema/schema.js';
import { Schemas } from '../../core/schema/schemas.js';
import { nearest } from '../../core/suggest.js';
import type { Value, ValueMap } from '../../core/value.js';
import { actionOf, noWords } from '../actions.js';
import { parseAttributes } from '../attribute.js';
import { type Context, defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { formatTable, formatValue, printable, quoted, type Style, styleFor } from '../format.js';
import { toJson } from '../json.js';
import { schemaMap, schemasTable } from '../looking/definitions-text.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION } from '../options.js';
import { print, say, stdoutIsTerminal } from '../output.js';
import { openPool } from '../pool/open.js';

const TYPE_CHARACTERS_MAX = 40;

const OPTIONS = {
  attr: {
    type: 'string',
    short: 'a',
    multiple: true,
    value: 'KEY=VALUE',
    help: 'an attribute, written as for attacca put; may be given many times',
  },
  namespace: { type: 'string', value: 'TEXT', help: 'instead of the one in the file' },
  name: { type: 'string', value: 'TEXT', help: 'instead of the one in the file, too' },
  'in-pool': { type: 'boolean', help: 'NAME is one that the pool knows; so it is with --pool' },
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

type Options = OptionValues<typeof OPTIONS>;

const ACTIONS = {
  check: ['attr', 'namespace', 'name', 'in-pool'],
  show: ['namespace', 'name', 'in-pool'],
  list: ['in-pool'],
  add: ['namespace', 'name'],
  rm: [],
} as const;

export const command = defineCommand({
  usage: [
    'check NAME|FILE [--attr KEY=VALUE]...',
    'show NAME|FILE',
    'list',
    'add NAME|FILE...',
    'rm NAME...',
  ],
  about: `
    A schema says of the keys of attributes which values they have (docs/schemas.md). check says
    whether it is well formed, or where it is not; with --attr it checks these attributes, prints them
    as the schema has them, with the name that they make, or tells all that is wrong with them.

    A NAME is that of a schema that comes with Attacca, and no pool is needed; with --in-pool, or
    --pool, check, show and list are about those that the pool knows.

    add lets the pool know schemas: it holds to them what is offered, expected and tagged from then on.
    One of the same name is replaced, unless its version is higher. rm takes away those that the pool knows.

    --namespace puts another namespace in front of the keys, as .maestro.ecmwf. for programs of
    Maestro; beside the one of the file it needs another --name, too.`,
  options: OPTIONS,
  examples: [
    ['attacca schema check fields.yaml', 'is it well formed?'],
    ['attacca schema check ecmwf-mars -a class=od -a date=20260131 -a step=6', 'are these right?'],
    ['attacca schema add core fields.yaml', 'the pool holds to them what comes'],
    ['attacca schema list --in-pool', 'which the pool knows'],
  ],
  async run(context, line) {
    const { options } = line;
    const { action, rest } = actionOf(context.command, ACTIONS, line);
    switch (action) {
      case 'add':
        return await add(context, options, rest);
      case 'rm':
        return await remove(context, options, rest);
      case 'list':
        noWords(action, rest);
        return await list(context, options);
      default:
        return await look(context, options, action, rest);
    }
  },
});

async function add(context: Context, options: Options, words: readonly string[]): Promise<number> {
  if (words.length === 0) throw new UsageError('add needs a NAME or FILE');
  const renames = options.name !== undefined || options.namespace !== undefined;
  if (renames && words.length > 1) {
    throw new UsageError('"--name" and "--namespace" are for one schema');
  }
  // All are read before any is sent.
  const schemas: Schema[] = [];
  for (const word of words) schemas.push(await read(word, options));
  await using session = await openPool(context, options);
  const failures = new Failures(context.command, options.json);
  for (const schema of schemas) {
    try {
      await session.view.catalog.defineSchema(schema);
      if (options.json) print(toJson({ name: schema.name, defined: true }));
    } catch (error) {
      failures.add(error);
    }
  }
  return failures.end();
}

async function remove(
  context: Context,
  options: Options,
  names: readonly string[],
): Promise<number> {
  if (names.length === 0) throw new UsageError('rm needs a NAME');
  await using session = await openPool(context, options);
  const failures = new Failures(context.command, options.json);
  for (const name of names) {
    try {
      await session.view.catalog.removeSchema(name);
      if (options.json) print(toJson({ name, removed: true }));
    } catch (error) {
      failures.add(error);
    }
  }
  return failures.end();
}

async function look(
  context: Context,
  options: Options,
  action: 'check' | 'show',
  words: readonly string[],
): Promise<number> {
  const [nameOrFile = '', ...more] = words;
  if (nameOrFile === '' || more.length > 0) {
    throw new UsageError(`${action} takes one NAME or FILE`);
  }
  const attributes = parseAttributes(options.attr);
  const schema = isInPool(options)
    ? first(await schemasIn(context, options, nameOrFile))
    : await read(nameOrFile, options);
  // What `add` would refuse is not well formed either.
  if (action === 'check') checkReserved(schema);
  const style = styleFor(stdoutIsTerminal(), context.environment);
  if (action === 'show')
    print(options.json ? toJson(described(schema)) : schemaText(schema, style));
  else if (options.attr.length > 0) {
    return check(schema, attributes, new Failures(context.command, options.json), options);
  } else if (options.json) print(toJson(schemaMap(schema)));
  else if (!options.quiet) print(`${headText(schema)}: well formed`);
  return EXIT.ok;
}

/** Whether it is about schemas that a pool knows. */
function isInPool(options: Options): boolean {
  const isMeant = options['in-pool'] || options.pool !== undefined;
  if (isMeant && (options.name !== undefined || options.namespace !== undefined)) {
    throw new UsageError('"--name" and "--namespace" are for what is read from a file');
  }
  return isMeant;
}

/** What comes with Attacca, or a file. */
async function read(nameOrFile: string, { name, namespace }: Options): Promise<Schema> {
  return await loadSchema(nameOrFile, {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
  });
}

/** What the pool knows: all, or the one of a name. */
async function schemasIn(context: Context, options: Options, name: string): Promise<Schema[]> {
  await using session = await openPool(context, options);
  const known = await session.view.catalog.schemas(name);
  return known.map(({ definition }) => parseSchema(definition));
}

/** The one schema of a name, which the pool has answered. */
function first([schema]: readonly Schema[]): Schema {
  assert(schema !== undefined, 'a pool answers with the schema of a name, or an error');
  return schema;
}

function headText({ name, version, attributes }: Schema): string {
  return `${printable(name)} ${version}, ${counted(attributes.length, 'key')}`;
}

function describedKey(definition: AttributeDefinition): ValueMap {
  const { key, type, required, units, documentation } = definition;
  return { key, type: type.text, required, default: definition.default, units, documentation };
}

function described(schema: Schema): ValueMap {
  return {
    ...schemaMap(schema),
    unknown: schema.unknown,
    naming: schema.naming?.text ?? null,
    attributes: schema.attributes.map(describedKey),
  };
}

function cut(text: string): string {
  return text.length <= TYPE_CHARACTERS_MAX ? text : `${text.slice(0, TYPE_CHARACTERS_MAX - 3)}...`;
}

const COLUMNS = ['KEY', 'TYPE', 'DEFAULT', 'UNITS', 'MEANING'].map((head) => ({ head }));

function schemaText(schema: Schema, style: Style): string {
  const { documentation, namespace, naming, unknown } = schema;
  const rows = schema.attributes.map((each) => [
    printable(each.shortKey),
    printable(cut(each.type.text)),
    each.required && each.default === null ? 'required' : formatValue(each.default),
    printable(each.units),
    printable(each.documentation),
  ]);
  const lines = [
    style.bold(headText(schema)),
    ...(documentation === '' ? [] : [printable(documentation)]),
    ...(namespace === '' ? [] : [`namespace: ${printable(namespace)}`]),
    ...(naming === null ? [] : [`names: ${printable(naming.text)}`]),
    `unknown keys: ${unknown}`,
    '',
    formatTable(COLUMNS, rows, style),
  ];
  return lines.join('\n');
}

/** What comes with Attacca, or what the pool knows. */
async function list(context: Context, options: Options): Promise<number> {
  const schemas = isInPool(options)
    ? await schemasIn(context, options, '')
    : await Promise.all(SHIPPED_SCHEMAS.map((name) => loadSchema(name)));
  if (options.json) {
    for (const schema of schemas) print(toJson(schemaMap(schema)));
    return EXIT.ok;
  }
  const style = styleFor(stdoutIsTerminal(), context.environment);
  print(schemasTable(schemas.map(schemaMap), style));
  return EXIT.ok;
}

/** The name that the attributes make; null when the schema names nothing, or not these. */
function nameOf({ naming }: Schema, attributes: ValueMap): Value {
  try {
    return naming?.nameOf(attributes) ?? null;
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'schema-mismatch') return null;
    throw error;
  }
}

/** Keys that are given and that the schema does not define, with what was likely meant, or null. */
function unknownTo(
  { attributes, namespace }: Schema,
  given: ValueMap,
): readonly { readonly key: string; readonly meant: string | null }[] {
  const keys = attributes.map(({ key }) => key);
  const isOther = (key: string): boolean =>
    // What begins with a point has another namespace: it is not for this schema to know.
    key.startsWith('.') && (namespace === '' || !key.startsWith(namespace));
  return Object.keys(given)
    .filter((key) => !keys.includes(key) && !isOther(key))
    .map((key) => {
      const inNamespace = attributes.find(({ shortKey }) => shortKey === key);
      return { key, meant: inNamespace?.key ?? nearest(key, keys)[0] ?? null };
    });
}

function check(
  schema: Schema,
  given: ValueMap,
  failures: Failures,
  { json, quiet }: Options,
): number {
  const { attributes, problems } = new Schemas([schema]).check(given, [schema.name]);
  for (const { text, ...fields } of problems) {
    failures.add(
      new AttaccaError('schema-mismatch', `Cannot take the attributes: ${text}`, fields),
    );
  }
  if (problems.length > 0) return failures.end();
  const name = nameOf(schema, attributes);
  const unknown = unknownTo(schema, given);
  if (json) print(toJson({ attributes, name, unknown }));
  else {
    for (const [key, value] of Object.entries(attributes)) {
      print(`${printable(key)}=${formatValue(value)}`);
    }
    if (typeof name === 'string') print(`name: ${printable(name)}`);
    for (const { key, meant } of quiet ? [] : unknown) {
      const mend = meant === null ? '' : `; did you mean ${quoted(meant)}?`;
      say(`${quoted(key)} is not a key of ${quoted(schema.name)}${mend}`);
    }
  }
  return EXIT.ok;
}
