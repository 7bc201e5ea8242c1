import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareValues } from '../../src/core/value-order.js';
import { fc } from '../fast-check.js';

/** From few characters, of each length in UTF-8, so that texts often begin alike. */
const anyText = fc
  .array(fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffee', '\u{10000}', '\u{1f4a9}'))
  .map((characters) => characters.join(''));

test('texts are in the order of their bytes, characters beyond U+FFFF too', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      const expected = Buffer.compare(Buffer.from(one), Buffer.from(other));
      const order = Math.sign(compareValues(one, other, false));
      assert.ok(order === expected);
      assert.ok(Math.sign(compareValues(one, other, true)) === -expected);
    }),
  );
});
