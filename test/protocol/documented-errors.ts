import { strict as assert } from 'node:assert';
import type { Value } from '../../src/core/value.js';
import { nameIn, pageAt, rowsOf } from '../core/page.js';

type Fields = { readonly [name: string]: Value };

const isTextList = (value: Value | undefined): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** The types in the table of errors, as the specification writes them. */
const TYPES: { readonly [type: string]: (value: Value | undefined) => boolean } = {
  string: (value) => typeof value === 'string',
  int64: (value) => Number.isSafeInteger(value),
  'list of string': isTextList,
  'list of map': (value) => Array.isArray(value) && value.every((item) => typeof item === 'object'),
  'any value': () => true,
};
/** Some names as code, and then their type. */
const FIELDS =
  /((?:`\w+`, )*`\w+`) (list of string|list of map|string|int64|any value)( or null)?/g;

/** The fields that the specification gives an error, by name. */
function typesIn(cell: string): Map<string, { type: string; isNullable: boolean }> {
  const types = new Map<string, { type: string; isNullable: boolean }>();
  for (const [, names = '', type = '', nullable] of cell.matchAll(FIELDS)) {
    for (const name of names.split(', ')) {
      types.set(nameIn(name), { type, isNullable: nullable !== undefined });
    }
  }
  return types;
}

const documented = new Map(
  rowsOf(pageAt('spec/protocol.md'), 'code', 'retryable', 'fields').map(
    ([code, retryable, fields = '']) => [
      nameIn(code),
      { retryable: retryable === 'yes', types: typesIn(fields) },
    ],
  ),
);

/** The codes in the table of errors, and whether they are retryable. */
export function documentedCodes(): ReadonlyMap<string, { readonly retryable: boolean }> {
  return documented;
}

/** Checks an error that came from a pool: code and fields stand in the table, with their types. */
export function checkDocumented(code: string, fields: Fields): void {
  const found = documented.get(code);
  assert.ok(found !== undefined, `spec/protocol.md has "${code}" in its table of errors`);
  for (const [name, value] of Object.entries(fields)) {
    const said = found.types.get(name);
    assert.ok(said !== undefined, `spec/protocol.md gives "${code}" the field "${name}"`);
    const isSo = (said.isNullable && value === null) || TYPES[said.type]?.(value) === true;
    assert.ok(isSo, `"${name}" of "${code}" is a ${said.type}`);
  }
}
