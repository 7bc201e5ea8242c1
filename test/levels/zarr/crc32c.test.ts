import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32cInScript, crc32cOfProcess, loadCrc32c } from '../../../src/levels/zarr/crc32c.js';
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

const native = await crc32cOfProcess();
const withoutLibrary = await loadCrc32c(() => Promise.reject(new Error('no binary')));
const ways = { native, withoutLibrary };
const where = `${process.platform} ${process.arch}`;
const whyNot = native === crc32cInScript && `@node-rs/crc32 has no binary for ${where}`;

test('the processor sums, by the library', { skip: whyNot }, () => {
  assert.notEqual(native, crc32cInScript);
});

test('where the library has no binary there is a sum without it', () => {
  assert.equal(withoutLibrary, crc32cInScript);
});

test('the vectors of RFC 3720', () => {
  for (const [way, crc32c] of Object.entries(ways)) {
    assert.equal(crc32c(new Uint8Array(32)), 0x8a91_36aa, way);
    assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8_ab43, way);
    assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd_794e, way);
  }
});

test('any bytes at any offset, in one piece or in two', () => {
  const cases = fc.tuple(fc.uint8Array({ maxLength: 100 }), fc.nat(7), fc.nat(100));
  for (const [way, crc32c] of Object.entries(ways)) {
    fc.assert(
      fc.property(cases, ([all, from, cut]) => {
        const bytes = all.subarray(Math.min(from, all.length));
        assert.equal(crc32c(bytes), plainly(bytes), way);
        const before = crc32c(bytes.subarray(0, cut));
        assert.equal(crc32c(bytes.subarray(cut), before), plainly(bytes), way);
      }),
    );
  }
});

test('both are one over megabytes, of memory that threads share, too', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(3 * 2 ** 20 + 5));
  for (let at = 0; at < shared.length; at++) shared[at] = Math.imul(at, 2_654_435_761) >>> 13;
  for (const bytes of [shared, shared.slice(), shared.subarray(3)]) {
    assert.equal(native(bytes), crc32cInScript(bytes));
  }
});
