import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../src/core/errors.js';
import { encodeRecord, recordBytes } from '../../src/journal/record.js';
import { readJournal } from '../../src/journal/recover.js';
import {
  encodeHeader,
  HEADER_BYTES,
  SEGMENT_BYTES_MAX,
  segmentName,
  snapshotName,
} from '../../src/journal/segment.js';
import { writeSnapshot } from '../../src/journal/snapshot.js';
import { type Dice, SimDisk } from '../../src/sim/disk.js';
import { seedOf } from '../fast-check.js';
import { random } from '../pool/random.js';
import {
  checksum,
  entriesOf,
  INFO,
  openJournal,
  recovered,
  SEGMENT_BYTES,
  STEP_VERSION,
  write,
} from './support.js';

const SEED = seedOf(process.env['ATTACCA_SEED']);

/** A journal of several segments with two snapshots. */
async function written(dice: Dice): Promise<{ disk: SimDisk; sizes: number[] }> {
  const disk = new SimDisk();
  const { journal } = openJournal(disk);
  const sizes = Array.from({ length: 5 + dice(20) }, () => dice(dice(2) === 0 ? 20_000 : 300));
  await write(journal, sizes);
  await journal.close();
  for (const last of [1 + dice(3), 4 + dice(sizes.length - 4)]) {
    let crc = 0;
    const use = (record: { number: number; crc: number }) => {
      if (record.number === last) crc = record.crc;
    };
    await readJournal(disk, { checksum, stepVersion: null, after: null, use });
    const header = { stepVersion: STEP_VERSION, after: { number: last, crc }, info: INFO };
    await writeSnapshot(disk, header, checksum, (sink) => sink(entriesOf(last, 3000)));
  }
  return { disk, sizes };
}

const putBytes = (disk: SimDisk, name: string, bytes: Uint8Array) =>
  disk.put(name, (sink) => sink(bytes));

/** Does something to the files that no crash does. */
async function spoil(disk: SimDisk, dice: Dice): Promise<void> {
  const names = (await disk.list()).map(({ name }) => name).filter((name) => name !== 'spare');
  const pick = () => names[dice(names.length)] as string;
  const name = pick();
  const bytes = disk.bytesOf(name);
  const at = dice(bytes.length + 1);
  switch (dice(8)) {
    case 0:
      return disk.truncate(name, at);
    case 1:
      return disk.remove(name).then(() => putBytes(disk, pick() === name ? pick() : 'x', bytes));
    case 2:
      return putBytes(
        disk,
        name,
        bytes.map(() => dice(256)),
      );
    case 3:
      return putBytes(disk, name, disk.bytesOf(pick()));
    case 4:
      return putBytes(disk, name, new Uint8Array(dice(3 * SEGMENT_BYTES)));
    case 5: {
      const other = disk.bytesOf(pick());
      const from = dice(other.length + 1) & ~7;
      const piece = other.subarray(from, from + Math.min(dice(9000), bytes.length - (at & ~7)));
      bytes.set(piece, at & ~7);
      return putBytes(disk, name, bytes);
    }
    case 6:
      for (let count = 0; count < 20; count++) {
        bytes[dice(bytes.length)] = dice(256);
      }
      return putBytes(disk, name, bytes);
    default: {
      const number = 1 + dice(dice(2) === 0 ? 40 : Number.MAX_SAFE_INTEGER);
      const other = dice(2) === 0 ? segmentName(number) : snapshotName(number);
      return putBytes(disk, other, dice(2) === 0 ? bytes : new Uint8Array(0));
    }
  }
}

/** Recovers, and watches what it takes. */
async function tried(disk: SimDisk, sizes: readonly number[], repair: boolean): Promise<string> {
  const files = await disk.list();
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  let read = 0;
  let summed = 0;
  const watched = new Proxy(disk, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (key === 'read') {
        return async (name: string, offset: number, into: Uint8Array) => {
          read += into.length;
          assert.ok(into.length <= 3 * SEGMENT_BYTES, 'memory for one segment');
          return target.read(name, offset, into);
        };
      }
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  let last = 0;
  let isBegun = false;
  try {
    await recovered(watched, {
      repair,
      checksum: (part, before) => {
        summed += part.length;
        return checksum(part, before);
      },
      begin: ({ after }, body) => {
        isBegun = true;
        last = body === null ? 0 : after.number;
        const state = new Uint8Array(4000);
        if (body !== null) assert.deepEqual(state.subarray(0, body(state)), entriesOf(last, 3000));
      },
      apply: ({ number, entries }) => {
        assert.ok(isBegun);
        assert.equal(number, ++last);
        assert.deepEqual(entries, entriesOf(number, sizes[number - 1] ?? -1));
      },
    });
    return 'recovered';
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    return error.code;
  } finally {
    assert.ok(read <= 3 * bytes, `${read} of ${bytes} are read`);
    assert.ok(summed <= 16 * bytes + 10 * HEADER_BYTES, `${summed} of ${bytes} are summed up`);
  }
}

test('whatever lies in the directory is recovered, refused or repaired: never hung, never wrong', async () => {
  const seen = new Map<string, number>();
  for (let index = 0; index < 150; index++) {
    const dice = random(SEED + index);
    const { disk, sizes } = await written(dice);
    for (let count = dice(4); count >= 0; count--) await spoil(disk, dice);
    const outcome = await tried(disk, sizes, false);
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    if (outcome === 'recovered') continue;
    assert.equal(outcome, 'journal-damaged');
    assert.equal(await tried(disk, sizes, true), 'recovered', `seed ${SEED + index}`);
    assert.equal(await tried(disk, sizes, false), 'recovered', `seed ${SEED + index}`);
  }
  assert.ok((seen.get('recovered') ?? 0) > 10, JSON.stringify([...seen]));
  assert.ok((seen.get('journal-damaged') ?? 0) > 30, JSON.stringify([...seen]));
});

test('records that claim to prove anything cost no more time than others', async () => {
  const disk = new SimDisk();
  const bytes = new Uint8Array(1024 * 1024);
  const header = { stepVersion: STEP_VERSION, after: { number: 0, crc: 0 }, info: INFO };
  bytes.set(encodeHeader('journal', header, checksum));
  const view = new DataView(bytes.buffer);
  // Heads of records as large as can be, wherever one can stand, with numbers that are possible.
  for (let at = HEADER_BYTES + 48; at + 40 <= bytes.length; at += 40) {
    view.setUint32(at, Math.max(40, bytes.length - at), true);
    view.setUint32(at + 16, 2, true);
    view.setUint32(at + 24, 1, true);
  }
  await putBytes(disk, segmentName(1), bytes);
  assert.equal(await summedUp(disk), 'journal-damaged');
});

/** What recovery says, for a bounded number of bytes that it sums up. */
async function summedUp(disk: SimDisk): Promise<string> {
  let summed = 0;
  const outcome = await recovered(disk, {
    checksum: (part, before) => {
      summed += part.length;
      return checksum(part, before);
    },
  }).then(
    () => 'recovered',
    (error: AttaccaError) => error.code,
  );
  assert.ok(summed < 10 * 1024 * 1024, `${summed}`);
  return outcome;
}

test('a file that is larger than any segment is not read', async () => {
  const disk = new SimDisk();
  const name = segmentName(1);
  const listed = { name, size: SEGMENT_BYTES_MAX + 4096 };
  const large = new Proxy(disk, {
    get(target, key) {
      if (key === 'list') return async () => [listed];
      if (key === 'read') return assert.fail('it is read');
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  await assert.rejects(recovered(large), { code: 'journal-damaged' });
});

test('a record with a good sum and a number that does not follow is none', async () => {
  const disk = new SimDisk();
  const bytes = new Uint8Array(SEGMENT_BYTES);
  const header = { stepVersion: STEP_VERSION, after: { number: 0, crc: 0 }, info: INFO };
  bytes.set(encodeHeader('journal', header, checksum));
  const entries = entriesOf(1, 100);
  const fields = { before: 0, check: 0, durable: 0, now: 0, entries };
  const view = new DataView(bytes.buffer);
  encodeRecord(view, HEADER_BYTES, { ...fields, number: 1 }, checksum);
  encodeRecord(view, HEADER_BYTES + recordBytes(100), { ...fields, number: 2 }, checksum);
  await putBytes(disk, segmentName(1), bytes);
  assert.deepEqual((await recovered(disk)).numbers, [1]);
});
