import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '../../../src/levels/zarr/crc32c.js';
import { fc } from '../../fast-check.js';

/** Bit by bit, as the polynomial is defined (RFC 3720, appendix B.4 has the vectors below). */
function plainly(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f6_3b78;
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

test('the vectors of RFC 3720', () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a91_36aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8_ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd_794e);
});

test('any bytes at any offset, in one piece or in two', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(7), fc.nat(100), (all, from, cut) => {
      const bytes = all.subarray(Math.min(from, all.length));
      assert.equal(crc32c(bytes), plainly(bytes));
      assert.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), plainly(bytes));
    }),
  );
});
