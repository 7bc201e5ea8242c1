import assert from 'node:assert/strict';
import { AttaccaError } from '../../../src/core/errors.js';
import { parseSelector } from '../../../src/core/selector/parser.js';

/** Why a text is no selector, and at which character; null when it is one. */
export function refusalOf(text: string): { why: string; position: number } | null {
  try {
    parseSelector(text);
    return null;
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    assert.equal(error.code, 'bad-selector');
    assert.ok(!error.retryable);
    const prefix = 'Cannot read the selector: ';
    assert.ok(error.message.startsWith(prefix), error.message);
    const { position } = error.fields;
    assert.ok(typeof position === 'number' && position >= 0);
    assert.ok(position <= Array.from(text).length, 'it points into the text, or at its end');
    return { why: error.message.slice(prefix.length), position };
  }
}
