import type { Definition } from '../../client/defining.js';
import type { Schema } from '../../core/schema/schema.js';
import type { Value, ValueMap } from '../../core/value.js';
import { formatDuration } from '../duration.js';
import {
  type Column,
  formatMap,
  formatTable,
  formatValue,
  mapOf,
  numberOf,
  printable,
  type Style,
  textOf,
} from '../format.js';

/** The schemas that a container names: a definition may hold one as a text. */
export function schemasOf({ schemas }: ValueMap): readonly string[] {
  return (Array.isArray(schemas) ? schemas : [schemas]).map(textOf).filter((name) => name !== '');
}

/** A container as a map, with what its definition leaves out. */
export function containerMap({ name, objects, definition }: Definition): ValueMap {
  const { attributes, tags, documentation } = definition;
  const lifetimeMs = numberOf(definition['lifetimeMs']);
  return {
    ...{ name, objects, attributes: mapOf(attributes), schemas: schemasOf(definition) },
    lifetimeMs: lifetimeMs === 0 ? null : lifetimeMs,
    ...{ tags: mapOf(tags), documentation: textOf(documentation) },
  };
}

/** A collection as a map; the selector null of a list. */
export function collectionMap({ name, objects, definition }: Definition): ValueMap {
  const { selector = null, tags, documentation } = definition;
  return { name, objects, selector, tags: mapOf(tags), documentation: textOf(documentation) };
}

/** What is told of a schema without its keys. */
export function schemaMap(schema: Schema): ValueMap {
  const { name, version, namespace, documentation, attributes } = schema;
  return { name, version, namespace, keys: attributes.length, documentation };
}

const SCHEMA_COLUMNS: readonly Column[] = [
  { head: 'NAME' },
  { head: 'VERSION', right: true },
  { head: 'KEYS', right: true },
  { head: 'MEANING' },
];

export function schemasTable(schemas: readonly ValueMap[], style: Style): string {
  const rows = schemas.map((schema) => [
    formatValue(schema['name']),
    formatValue(schema['version']),
    formatValue(schema['keys']),
    formatValue(schema['documentation']),
  ]);
  return formatTable(SCHEMA_COLUMNS, rows, style);
}

const CONTAINER_COLUMNS: readonly Column[] = [
  { head: 'NAME' },
  { head: 'OBJECTS', right: true },
  { head: 'ATTRIBUTES' },
  { head: 'SCHEMAS' },
  { head: 'LIFETIME' },
];

export function containersTable(containers: readonly ValueMap[], style: Style): string {
  const rows = containers.map((container) => [
    formatValue(container['name']),
    formatValue(container['objects']),
    formatMap(container['attributes']) || '-',
    namesText(container['schemas']) || '-',
    lifetimeText(container['lifetimeMs']) || '-',
  ]);
  return formatTable(CONTAINER_COLUMNS, rows, style);
}

const COLLECTION_COLUMNS: readonly Column[] = [
  { head: 'NAME' },
  { head: 'OBJECTS', right: true },
  { head: 'SELECTOR' },
];

export function collectionsTable(collections: readonly ValueMap[], style: Style): string {
  const rows = collections.map((collection) => [
    formatValue(collection['name']),
    formatValue(collection['objects']),
    formatValue(collection['selector']),
  ]);
  return formatTable(COLLECTION_COLUMNS, rows, style);
}

/** All that is known of a container, or of a collection, in lines. */
export function definitionText(definition: ValueMap, style: Style): string {
  const lines = [style.bold(formatValue(definition['name']))];
  const add = (label: string, text: string): void => {
    if (text !== '' && text !== '-') lines.push(`  ${label.padEnd(10)}  ${text}`);
  };
  add('objects', formatValue(definition['objects']));
  add('selector', formatValue(definition['selector']));
  add('attributes', formatMap(definition['attributes']));
  add('schemas', namesText(definition['schemas']));
  add('lifetime', lifetimeText(definition['lifetimeMs']));
  add('tags', formatMap(definition['tags']));
  add('meaning', formatValue(definition['documentation']));
  return lines.join('\n');
}

function namesText(names: Value | undefined): string {
  return (Array.isArray(names) ? names : []).map((name) => printable(textOf(name))).join(' ');
}

function lifetimeText(lifetimeMs: Value | undefined): string {
  return typeof lifetimeMs === 'number' ? formatDuration(lifetimeMs) : '';
}
