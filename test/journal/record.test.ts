import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ENTRIES_BYTES_MAX,
  encodeRecord,
  RECORD_HEAD_BYTES,
  RecordCursor,
  recordBytes,
} from '../../src/journal/record.js';
import { fc } from '../fast-check.js';
import { checksum } from './support.js';

const u32 = fc.nat({ max: 0xffff_ffff });

const anyRecord = fc
  .record(
    {
      before: u32,
      check: u32,
      number: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      durable: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }),
      now: fc.double({ noNaN: true }),
      entries: fc.uint8Array({ maxLength: 300 }),
    },
    { noNullPrototype: true },
  )
  .filter(({ number, durable }) => durable < number);

const anyPlace = fc.integer({ min: 0, max: 4 }).map((words) => words * 8);

/** A record in a buffer of just its size behind `at`. */
function encoded(record: Parameters<typeof encodeRecord>[2], at: number) {
  const bytes = new Uint8Array(at + recordBytes(record.entries.length)).fill(0xaa);
  const crc = encodeRecord(new DataView(bytes.buffer), at, record, checksum);
  const cursor = new RecordCursor(checksum);
  cursor.open(bytes);
  return { bytes, crc, cursor };
}

test('a record is read as it was written, and touches nothing beside it', () => {
  fc.assert(
    fc.property(anyRecord, anyPlace, (record, at) => {
      const { bytes, crc, cursor } = encoded(record, at);
      assert.ok(bytes.subarray(0, at).every((byte) => byte === 0xaa));
      assert.ok(cursor.look(at) && cursor.holds());
      const { before, check, number, durable, now, entries } = cursor;
      assert.deepEqual({ before, check, number, durable, now, entries }, record);
      assert.equal(cursor.crc, crc);
      assert.equal(cursor.next, bytes.length);
      assert.equal(cursor.next % 8, 0);
    }),
  );
});

test('each flipped bit of a record, but for those that fill it up, is found', () => {
  fc.assert(
    fc.property(anyRecord, fc.nat(), (record, pick) => {
      const { bytes, cursor } = encoded(record, 0);
      const bit = pick % ((RECORD_HEAD_BYTES + record.entries.length) * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.ok(!(cursor.look(0) && cursor.holds()));
    }),
  );
});

test('a record that is cut is none', () => {
  fc.assert(
    fc.property(anyRecord, fc.nat(), (record, pick) => {
      const { bytes, cursor } = encoded(record, 0);
      cursor.open(bytes.subarray(0, pick % (RECORD_HEAD_BYTES + record.entries.length)));
      assert.ok(!cursor.look(0));
    }),
  );
});

test('zeros are no record, and what claims to be too large is none', () => {
  const cursor = new RecordCursor(checksum);
  const bytes = new Uint8Array(ENTRIES_BYTES_MAX + 4096);
  cursor.open(bytes);
  assert.ok(!cursor.look(0));
  const view = new DataView(bytes.buffer);
  view.setUint32(16, 1, true);
  view.setUint32(0, RECORD_HEAD_BYTES + ENTRIES_BYTES_MAX, true);
  assert.ok(cursor.look(0));
  assert.ok(!cursor.holds());
  view.setUint32(0, RECORD_HEAD_BYTES + ENTRIES_BYTES_MAX + 1, true);
  assert.ok(!cursor.look(0));
  assert.ok(!cursor.look(bytes.length - 8));
});
