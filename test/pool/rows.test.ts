import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HANDLE_FLAG, PART_FLAG, VERSION_FLAG } from '../../src/pool/rows.js';

test('each flag of a row is a bit of its own', () => {
  for (const flags of [HANDLE_FLAG, PART_FLAG, VERSION_FLAG]) {
    let all = 0;
    for (const [name, bit] of Object.entries(flags)) {
      assert.equal(bit & (bit - 1), 0, name);
      assert.equal(all & bit, 0, `${name} has the bit of another`);
      all |= bit;
    }
  }
});
