import { loadSchema, SHIPPED_SCHEMAS } from '../../client/schema-file.js';
import { counted } from '../../core/counted.js';
import { AttaccaError } from '../../core/errors.js';
import type { AttributeDefinition, Schema } from '../../core/schema/schema.js';
import { Schemas } from '../../core/schema/schemas.js';
import { didYouMean } from '../../core/suggest.js';
import type { Value, ValueMap } from '../../core/value.js';
import { parseAttributes } from '../attribute.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { formatTable, formatValue, printable, type Style, styleFor } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';

const ACTIONS = ['check', 'show', 'list'];
const TYPE_CHARACTERS_MAX = 40;

export const command = defineCommand({
  usage: ['check NAME|FILE [--attr KEY=VALUE]...', 'show NAME|FILE', 'list'],
  about: `
    A schema says of the keys of attributes which values they have; it stands in a YAML file, or comes
    with Attacca and has a NAME (attacca schema list). check reads it and says whether it is well
    formed, or where it is not; with --attr it checks these attributes, prints them as the schema has
    them, with the name that they make, or tells all that is wrong with them. No pool is needed.

    --namespace puts another namespace in front of the keys, as .maestro.ecmwf. for programs of
    Maestro.`,
  options: {
    attr: {
      type: 'string',
      short: 'a',
      multiple: true,
      value: 'KEY=VALUE',
      help: 'an attribute, written as for attacca put; may be given many times',
    },
    namespace: { type: 'string', value: 'TEXT', help: 'instead of the one in the file' },
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca schema check fields.yaml', 'is it well formed?'],
    ['attacca schema check ecmwf-mars -a class=od -a date=20260131 -a step=6', 'are these right?'],
    ['attacca schema show core', 'the keys, with what they mean'],
  ],
  async run(context, { options, words }) {
    const [action = '', nameOrFile, ...more] = words;
    if (!ACTIONS.includes(action)) {
      const what = action === '' ? 'it needs check, show or list' : `there is no "${action}".`;
      throw new UsageError(`${what}${didYouMean(action, ACTIONS)}`);
    }
    if (action !== 'check' && options.attr.length > 0) {
      throw new UsageError(`"--attr" is for attacca schema check, not for ${action}`);
    }
    const style = styleFor(stdoutIsTerminal(), context.environment);
    if (action === 'list') {
      if (nameOrFile !== undefined) throw new UsageError('list takes no words');
      return await list(options.json ? null : style);
    }
    if (nameOrFile === undefined || nameOrFile === '' || more.length > 0) {
      throw new UsageError(`${action} needs one NAME or FILE`);
    }
    const attributes = parseAttributes(options.attr);
    const { namespace } = options;
    const schema = await loadSchema(nameOrFile, namespace === undefined ? {} : { namespace });
    if (action === 'show')
      print(options.json ? toJson(described(schema)) : schemaText(schema, style));
    else if (options.attr.length > 0) {
      return check(schema, attributes, new Failures(context.command, options.json), options.json);
    } else if (options.json) print(toJson(headOf(schema)));
    else if (!options.quiet) print(`${headText(schema)}: well formed`);
    return EXIT.ok;
  },
});

/** What is told of a schema without its keys. */
function headOf(schema: Schema): ValueMap {
  const { name, version, namespace, documentation, attributes } = schema;
  return { name, version, namespace, keys: attributes.length, documentation };
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
    ...headOf(schema),
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

/** Style null: as JSON. */
async function list(style: Style | null): Promise<number> {
  const schemas = await Promise.all(SHIPPED_SCHEMAS.map((name) => loadSchema(name)));
  if (style === null) {
    for (const schema of schemas) print(toJson(headOf(schema)));
    return EXIT.ok;
  }
  const columns = [
    { head: 'NAME' },
    { head: 'VERSION', right: true },
    { head: 'KEYS', right: true },
    { head: 'MEANING' },
  ];
  const rows = schemas.map(({ name, version, attributes, documentation }) => [
    printable(name),
    String(version),
    String(attributes.length),
    printable(documentation),
  ]);
  print(formatTable(columns, rows, style));
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

function check(schema: Schema, given: ValueMap, failures: Failures, asJson: boolean): number {
  const { attributes, problems } = new Schemas([schema]).check(given, [schema.name]);
  for (const { text, ...fields } of problems) {
    failures.add(
      new AttaccaError('schema-mismatch', `Cannot take the attributes: ${text}`, fields),
    );
  }
  if (problems.length > 0) return failures.end();
  const name = nameOf(schema, attributes);
  if (asJson) print(toJson({ attributes, name }));
  else {
    for (const [key, value] of Object.entries(attributes)) {
      print(`${printable(key)}=${formatValue(value)}`);
    }
    if (typeof name === 'string') print(`name: ${printable(name)}`);
  }
  return EXIT.ok;
}
