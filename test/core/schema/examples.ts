import assert from 'node:assert/strict';
import { AttaccaError, type ErrorCode } from '../../../src/core/errors.js';
import type { Value, ValueMap } from '../../../src/core/value.js';

/** An attribute as a document has it. */
export const attribute = (key: string, type: string, more: ValueMap = {}): ValueMap => ({
  key,
  type,
  ...more,
});

/** A document of Maestro's shape. */
export const documentOf = (
  name: string,
  attributes: readonly ValueMap[],
  more: ValueMap = {},
): ValueMap => ({
  'schema-name': name,
  'schema-version': 1,
  'schema-namespace': '',
  'maestro-attributes': attributes,
  ...more,
});

/** Fields of an example. */
export const FIELDS = documentOf('fields', [
  attribute('class', "enum('od', 'rd')", { required: true }),
  attribute('date', 'day()', { documentation: 'the day of the analysis' }),
  attribute('step', 'int(min=0, max=999)', { units: 'h', default: 0 }),
  attribute('param', 'str()'),
  attribute('time', 'timestamp()'),
  attribute('levels', 'list(int())'),
  attribute('flag', 'bool()'),
  attribute('scale', 'float()'),
]);

/** The AttaccaError that `action` ends with. */
export function failureOf(code: ErrorCode, action: () => unknown): AttaccaError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  return assert.fail(`it is not refused with ${code}`);
}

export const plainOf = (map: ValueMap | null): { [key: string]: Value } | null =>
  map === null ? null : { ...map };
