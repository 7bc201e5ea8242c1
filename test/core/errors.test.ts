import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { AttaccaError, ERROR_CODES, isErrorCode } from '../../src/core/errors.js';
import { nameIn, pageAt, rowsOf } from './page.js';

const rows = rowsOf(pageAt('docs/errors.md'), 'code', 'retryable', 'meaning', 'what to do');

test('docs/errors.md has a row for every code, in the order of the code, and no other', () => {
  assert.deepEqual(
    rows.map(([code]) => nameIn(code)),
    Object.keys(ERROR_CODES),
  );
});

test('docs/errors.md says of every code whether it is retryable, what it means, what to do', () => {
  for (const [code, retryable, meaning, help] of rows) {
    const expected = Object.entries(ERROR_CODES).find(([name]) => name === nameIn(code))?.[1];
    assert.equal(retryable, expected === true ? 'yes' : 'no', code);
    assert.ok(meaning === '*Reserved*' || (meaning !== '' && help !== ''), code);
  }
});

test('an error says by its code whether it is retryable', () => {
  assert.equal(new AttaccaError('deadline-passed', 'm').retryable, true);
  assert.equal(new AttaccaError('bad-name', 'm', { name: 'x' }).fields['name'], 'x');
  assert.ok(isErrorCode('bad-name') && !isErrorCode('toString'));
});
