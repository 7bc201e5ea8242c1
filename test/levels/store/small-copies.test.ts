import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SmallCopies } from '../../../src/levels/store/small-copies.js';
import { fc } from '../../fast-check.js';

test('copies are what was copied, whatever is copied behind them', () => {
  const sizes = fc.array(fc.oneof(fc.nat(200), fc.nat(20_000)), { maxLength: 40 });
  const run = (all: readonly number[]): void => {
    const copies = new SmallCopies();
    const source = new Uint8Array(20_000);
    const made = all.map((size, at) => {
      source.fill(at + 1);
      return copies.copy(source, size);
    });
    for (const [at, bytes] of made.entries()) {
      assert.equal(bytes.length, all[at]);
      assert.ok(bytes.every((byte) => byte === at + 1));
      assert.equal(bytes.byteOffset % 8, 0);
      assert.ok(bytes.length > 0 ? bytes.buffer !== source.buffer : true);
    }
  };
  fc.assert(fc.property(sizes, run));
});
