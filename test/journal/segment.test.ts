import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRecord, RecordCursor, recordBytes } from '../../src/journal/record.js';
import {
  BEGIN,
  decodeHeader,
  encodeHeader,
  findLater,
  HEADER_BYTES,
  INFO_BYTES_MAX,
  numberIn,
  scanRecords,
  segmentName,
  snapshotName,
} from '../../src/journal/segment.js';
import { refused } from '../core/refusal.js';
import { fc } from '../fast-check.js';
import { checksum, entriesOf } from './support.js';

const plain = { noNullPrototype: true } as const;
const u32 = fc.nat({ max: 0xffff_ffff });
const anyHeader = fc.record(
  {
    stepVersion: u32,
    after: fc.record({ number: fc.maxSafeNat(), crc: u32 }, plain),
    size: u32,
    info: fc.uint8Array({ maxLength: INFO_BYTES_MAX }),
  },
  plain,
);
const anyKind = fc.constantFrom('journal' as const, 'snapshot' as const);

test('a header is read as it was written; each flipped bit and each cut is found', () => {
  fc.assert(
    fc.property(anyHeader, anyKind, fc.nat(), (header, kind, pick) => {
      const page = encodeHeader(kind, header, checksum, header.size);
      assert.equal(page.length, HEADER_BYTES);
      assert.deepEqual(decodeHeader(kind, page, checksum, 'f'), header);
      const other = kind === 'journal' ? 'snapshot' : 'journal';
      assert.equal(decodeHeader(other, page, checksum, 'f'), null);
      assert.equal(decodeHeader(kind, page.subarray(0, pick % 4096), checksum, 'f'), null);
      const bit = pick % (HEADER_BYTES * 8);
      page[bit >> 3] = (page[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.equal(decodeHeader(kind, page, checksum, 'f'), null);
    }),
  );
});

test('another format is refused as that, though its header says other things', () => {
  const page = encodeHeader(
    'journal',
    { stepVersion: 1, after: BEGIN, info: new Uint8Array(9) },
    checksum,
  );
  page[8] = 2;
  page.fill(0xff, 16, 100);
  const crc = checksum(page.subarray(0, HEADER_BYTES - 4), 0);
  new DataView(page.buffer).setUint32(HEADER_BYTES - 4, crc, true);
  refused('journal-version', () => decodeHeader('journal', page, checksum, 'f'));
});

test('what does not fit a header is refused', () => {
  const header = { stepVersion: 1, after: BEGIN, info: new Uint8Array(INFO_BYTES_MAX + 1) };
  refused('too-large', () => encodeHeader('journal', header, checksum));
});

test('names sort as their numbers do, and are read as they were made', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      (one, other) => {
        assert.equal(numberIn('journal', segmentName(one)), one);
        assert.equal(numberIn('snapshot', snapshotName(one)), one);
        assert.equal(segmentName(one) < segmentName(other), one < other);
      },
    ),
  );
  const names = ['journal-1', 'journal-000000000000001G', 'journal-ffffffffffffffff', 'spare'];
  names.push('journal-0000000000000000', `lost-${segmentName(1)}`, `${segmentName(1)}-2`);
  for (const name of names) assert.equal(numberIn('journal', name), null, name);
  assert.equal(numberIn('snapshot', segmentName(1)), null);
});

/** A segment with a chain of records behind its header; each says `durable` of its number. */
function segment(sizes: readonly number[], durable: (number: number) => number, spare = 1000) {
  const total = sizes.reduce((sum, size) => sum + recordBytes(size), HEADER_BYTES);
  const bytes = new Uint8Array(total + spare);
  const view = new DataView(bytes.buffer);
  const starts: number[] = [];
  let at = HEADER_BYTES;
  let before = 0;
  for (const [index, size] of sizes.entries()) {
    const number = index + 1;
    const entries = entriesOf(number, size);
    const fields = { before, check: 0, number, durable: durable(number), now: 0, entries };
    starts.push(at);
    before = encodeRecord(view, at, fields, checksum);
    at += recordBytes(size);
  }
  const cursor = new RecordCursor(checksum);
  cursor.open(bytes);
  return { bytes, cursor, starts, end: at };
}

const anySizes = fc.array(fc.nat({ max: 400 }), { minLength: 2, maxLength: 30 });

test('a scan gives the records up to the first that is bad; a later one proves what was durable', () => {
  fc.assert(
    fc.property(anySizes, fc.nat(), fc.nat({ max: 3 }), (sizes, pick, lag) => {
      const { bytes, cursor, starts } = segment(sizes, (number) => Math.max(0, number - 1 - lag));
      const bad = pick % sizes.length;
      bytes[(starts[bad] as number) + 20] = 0x55;
      const seen: number[] = [];
      const read = scanRecords(cursor, BEGIN, ({ number }) => seen.push(number));
      assert.deepEqual(
        seen,
        sizes.slice(0, bad).map((_, index) => index + 1),
      );
      assert.equal(read.offset, starts[bad]);
      assert.equal(read.place.number, bad);
      const later = findLater(cursor, read.offset, bad + 1);
      assert.equal(later.last, bad + 1 === sizes.length ? 0 : sizes.length);
      assert.equal(later.proves, sizes.length - 1 - lag >= bad + 1);
    }),
  );
});

test('records of a former life of the same bytes are none', () => {
  const { bytes, cursor } = segment([100, 100, 100], () => 0);
  // The first two are written anew, and the third is left from before.
  const view = new DataView(bytes.buffer);
  let before = 0;
  for (const number of [1, 2]) {
    const entries = entriesOf(number + 50, 100);
    const at = HEADER_BYTES + (number - 1) * recordBytes(100);
    const fields = { before, check: 0, number, durable: 0, now: 0, entries };
    before = encodeRecord(view, at, fields, checksum);
  }
  const read = scanRecords(cursor, BEGIN, () => {});
  assert.equal(read.place.number, 2);
});

test('a search sums up a bounded number of bytes, whatever it is given', () => {
  const size = 256 * 1024;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  // Everywhere stands what could be the head of a large record, as heads overlap.
  for (let at = 0; at < size; at += 8) {
    view.setUint32(at, 0x8000, true);
    view.setUint32(at + 4, 0, true);
  }
  let summed = 0;
  const cursor = new RecordCursor((part, before) => {
    summed += part.length;
    return checksum(part, before);
  });
  cursor.open(bytes);
  const later = findLater(cursor, 0, 1);
  assert.ok(summed <= size * 9, `${summed}`);
  assert.equal(later.last, 0);
  // Numbers that are possible, every 40 bytes.
  for (let at = 0; at + 40 <= size; at += 40) {
    view.setUint32(at, 0x20000, true);
    view.setUint32(at + 16, 1, true);
    view.setUint32(at + 20, 0, true);
    view.setUint32(at + 24, 0, true);
    view.setUint32(at + 28, 0, true);
  }
  summed = 0;
  assert.ok(findLater(cursor, 0, 1).proves);
  assert.ok(summed <= size * 9, `${summed}`);
});
