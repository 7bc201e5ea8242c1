import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttaccaError } from '../../src/core/errors.js';
import type { Journal } from '../../src/journal/journal.js';
import { RECORD_HEAD_BYTES } from '../../src/journal/record.js';
import { damageError, readJournal } from '../../src/journal/recover.js';
import {
  encodeHeader,
  HEADER_BYTES,
  type Place,
  segmentName,
  snapshotName,
  type Tail,
} from '../../src/journal/segment.js';
import { writeSnapshot } from '../../src/journal/snapshot.js';
import { SimDisk } from '../../src/sim/disk.js';
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

/** Two segments of two records each, and one with two records that are small. */
const LARGE = 30_640;
const SIZES = [LARGE, LARGE, LARGE, LARGE, 100, 100];
const [ONE, TWO, THREE] = [1, 3, 5].map(segmentName) as [string, string, string];
const SECOND_AT = HEADER_BYTES + RECORD_HEAD_BYTES + LARGE;

async function written(sizes: readonly number[] = SIZES): Promise<SimDisk> {
  const disk = new SimDisk();
  const { journal } = openJournal(disk);
  await write(journal, sizes);
  await journal.close();
  return disk;
}

async function goOn(
  disk: SimDisk,
  after: Place,
  sizes: readonly number[],
  tail: Tail | null = null,
): Promise<Journal> {
  const { journal } = openJournal(disk, { after, tail });
  await write(journal, sizes);
  await journal.close();
  return journal;
}

/** The place behind a record. */
async function placeOf(disk: SimDisk, last: number): Promise<Place> {
  let place = { number: 0, crc: 0 };
  const options = { checksum, stepVersion: null, after: null };
  await readJournal(disk, {
    ...options,
    use: ({ number, crc }) => {
      if (number === last) place = { number, crc };
    },
  });
  return place;
}

async function snapshotAt(disk: SimDisk, last: number, stepVersion = STEP_VERSION) {
  const header = { stepVersion, after: await placeOf(disk, last), info: INFO };
  return writeSnapshot(disk, header, checksum, (sink) => {
    sink(Uint8Array.from([last]));
    sink(entriesOf(last, 5000));
  });
}

const namesOf = async (disk: SimDisk) => (await disk.list()).map(({ name }) => name).sort();

/** What files hold, to see that nothing has changed. */
async function contents(disk: SimDisk): Promise<string> {
  const parts = (await namesOf(disk)).map((name) => `${name} ${checksum(disk.bytesOf(name), 0)}`);
  return parts.join();
}

/** The damage that recovery refuses; checks that the directory is as it was. */
async function damageOf(disk: SimDisk): Promise<unknown> {
  const before = await contents(disk);
  const error: AttaccaError = await recovered(disk).then(
    () => assert.fail('it recovers'),
    (thrown) => thrown,
  );
  assert.equal(error.code, 'journal-damaged');
  assert.equal(await contents(disk), before);
  return error.fields;
}

test('an empty directory is a new journal', async () => {
  const result = await recovered(new SimDisk(), { begin: () => assert.fail('nothing begins') });
  assert.deepEqual(result.after, { number: 0, crc: 0 });
  assert.equal(result.header, null);
});

test('records come in order with what was said of them, the last segment is left, the spare goes', async () => {
  const disk = await written();
  let begun = 0;
  const result = await recovered(disk, {
    begin: (header, body) => {
      begun++;
      assert.equal(body, null);
      assert.deepEqual(header.info, INFO);
    },
    apply: ({ number, now, check, entries }) => {
      assert.deepEqual([now, check], [number / 2, number * 3]);
      assert.deepEqual(entries, entriesOf(number, SIZES[number - 1] ?? 0));
    },
  });
  assert.equal(begun, 1);
  assert.deepEqual([result.records, result.after.number, result.torn], [6, 6, null]);
  assert.deepEqual(await namesOf(disk), [ONE, TWO, THREE]);
  assert.equal(disk.bytesOf(ONE).length, SEGMENT_BYTES);
  const offset = HEADER_BYTES + 2 * 144;
  assert.deepEqual(result.tail, { file: THREE, offset, size: SEGMENT_BYTES });
  assert.equal(disk.bytesOf(THREE).length, SEGMENT_BYTES);
  await goOn(disk, result.after, [10], result.tail);
  assert.equal(disk.bytesOf(THREE).length, offset, 'it is cut when there is another');
  assert.deepEqual((await recovered(disk)).numbers, [1, 2, 3, 4, 5, 6, 7]);
});

test('a torn tail is cut and told', async () => {
  const disk = await written();
  disk.flip(THREE, HEADER_BYTES + 144 + 50, 1);
  const result = await recovered(disk);
  assert.equal(result.after.number, 5);
  const { torn } = result;
  assert.equal(torn?.file, THREE);
  assert.equal(torn?.offset, HEADER_BYTES + 144);
  assert.ok((torn?.bytes ?? 0) > 100 && (torn?.bytes ?? 0) <= 144);
  await goOn(disk, result.after, [33]);
  assert.deepEqual((await recovered(disk)).sizes, [...SIZES.slice(0, 5), 33]);
});

test('what a crash has torn is cleared, and nothing of it is taken for what comes there', async () => {
  const disk = await written();
  disk.flip(THREE, HEADER_BYTES + 50, 1);
  // The record behind says of none before it that it was durable.
  disk.flip(THREE, HEADER_BYTES + 144 + 24, 0);
  const used = disk.bytesOf(THREE).subarray(HEADER_BYTES);
  assert.ok(used.some((byte) => byte !== 0));
  const { tail, after } = await recovered(disk);
  assert.equal(after.number, 4);
  assert.equal(tail?.offset, HEADER_BYTES);
  assert.ok(
    disk
      .bytesOf(THREE)
      .subarray(HEADER_BYTES)
      .every((byte) => byte === 0),
  );
});

test('a record that is damaged, and proved by its segment or by a later one, is refused', async () => {
  const disk = await written();
  disk.flip(ONE, SECOND_AT + 500, 1);
  assert.deepEqual(await damageOf(disk), { file: ONE, offset: SECOND_AT, first: 2, last: 6 });
  disk.flip(ONE, SECOND_AT + 500, 1);
  disk.flip(THREE, HEADER_BYTES + 8, 1);
  assert.deepEqual(await damageOf(disk), { file: THREE, offset: HEADER_BYTES, first: 5, last: 6 });
});

test('a segment or a header that is missing is refused', async () => {
  const disk = await written();
  await disk.remove(TWO);
  const { place, end } = { place: 3, end: SECOND_AT + RECORD_HEAD_BYTES + LARGE };
  assert.deepEqual(await damageOf(disk), { file: ONE, offset: end, first: place, last: 6 });
  await disk.remove(ONE);
  assert.deepEqual(await damageOf(disk), { file: ONE, offset: 0, first: 1, last: 6 });

  const other = await written();
  other.flip(TWO, 100, 1);
  assert.deepEqual(await damageOf(other), { file: TWO, offset: 0, first: 3, last: 6 });
  other.flip(TWO, 100, 1);
  // Records are written behind a header that is synced: this one was whole.
  other.flip(THREE, 100, 1);
  assert.deepEqual(await damageOf(other), { file: THREE, offset: 0, first: 5, last: 6 });
});

test('a last segment without a header is damage: it got its name when the header was synced', async () => {
  for (const bytes of [new Uint8Array(SEGMENT_BYTES).fill(9, 0, 3000), new Uint8Array(0)]) {
    const disk = await written(SIZES.slice(0, 4));
    await disk.put(THREE, (sink) => sink(bytes));
    assert.deepEqual(await damageOf(disk), { file: THREE, offset: 0, first: 5, last: 5 });
    const result = await recovered(disk, { repair: true });
    assert.deepEqual(await namesOf(disk), [ONE, TWO, `lost-${THREE}`]);
    await goOn(disk, result.after, [10]);
    assert.deepEqual((await recovered(disk)).numbers, [1, 2, 3, 4, 5]);
  }
});

test('a last segment that ends in a record was made shorter: a crash makes none so', async () => {
  const second = HEADER_BYTES + 144;
  for (const size of [second + 1, second + 30, second + 43, second + 139]) {
    const disk = await written();
    await disk.truncate(THREE, size);
    assert.deepEqual(await damageOf(disk), { file: THREE, offset: second, first: 6, last: 6 });
    assert.deepEqual((await recovered(disk, { repair: true })).numbers, [1, 2, 3, 4, 5]);
    assert.equal((await recovered(disk)).torn, null);
  }
});

test('garbage that a crash leaves in place of a record is torn, whatever size it claims', async () => {
  const disk = await written();
  const second = HEADER_BYTES + 144;
  const bytes = disk.bytesOf(THREE);
  // As of a record that would end behind the segment.
  new DataView(bytes.buffer).setUint32(second, SEGMENT_BYTES, true);
  bytes.fill(7, second + 4, second + 12);
  await disk.put(THREE, (sink) => sink(bytes));
  const result = await recovered(disk);
  assert.deepEqual([result.after.number, result.torn?.offset], [5, second]);
});

test('a segment of another history is refused', async () => {
  const disk = await written();
  const foreign = await written([LARGE, LARGE, LARGE - 1, LARGE - 1, 100]);
  await disk.put(THREE, (sink) => sink(foreign.bytesOf(THREE)));
  assert.deepEqual(await damageOf(disk), { file: THREE, offset: 0, first: 5, last: 5 });
});

test('repair cuts where it is damaged, keeps aside what it cuts, and goes on', async () => {
  const disk = await written();
  disk.flip(ONE, SECOND_AT + 500, 1);
  const lost = disk.bytesOf(ONE).subarray(SECOND_AT);
  const result = await recovered(disk, { repair: true });
  assert.deepEqual(result.numbers, [1]);
  assert.equal(result.damage?.first, 2);
  assert.equal(result.damage?.last, 6);
  const aside = [ONE, TWO, THREE].map((name) => `lost-${name}`);
  assert.deepEqual(await namesOf(disk), [ONE, ...aside].sort());
  assert.deepEqual(disk.bytesOf(aside[0] ?? ''), lost);
  await goOn(disk, result.after, SIZES);
  const after = await recovered(disk);
  assert.deepEqual(after.sizes, [LARGE, ...SIZES]);
  // The same numbers may be lost again.
  disk.flip(segmentName(2), HEADER_BYTES + 50, 1);
  assert.deepEqual((await recovered(disk, { repair: true })).numbers, [1]);
  assert.deepEqual((await recovered(disk)).numbers, [1]);
  const again = await namesOf(disk);
  for (const name of aside) assert.ok(again.includes(name));
  assert.ok(again.includes(`lost-${segmentName(2)}`));
});

test('a snapshot is restored, and only records behind it are applied', async () => {
  const disk = await written();
  assert.equal(await snapshotAt(disk, 2), 1);
  assert.equal(await snapshotAt(disk, 4), 3);
  const result = await recovered(disk, {
    begin: (header, body) => {
      assert.equal(header.after.number, 4);
      const state = new Uint8Array(6000);
      assert.equal(body?.(state), 5001);
      assert.deepEqual(state.subarray(1, 5001), entriesOf(4, 5000));
      assert.equal(body?.(state), 0);
    },
  });
  assert.deepEqual([result.snapshot, result.numbers], [4, [5, 6]]);
  // Two are kept: what came before the older one is needed by nobody.
  assert.equal(await snapshotAt(disk, 6), 5);
  assert.deepEqual(
    (await namesOf(disk)).filter((name) => name.startsWith('snapshot')),
    [4, 6].map(snapshotName),
  );
});

test('a snapshot that is damaged anywhere is no loss while there is one before it', async () => {
  for (const offset of [0, 30, 4000, 4095, 4096, 5000, 9096, 9100]) {
    const disk = await written();
    await snapshotAt(disk, 2);
    await snapshotAt(disk, 4);
    disk.flip(snapshotName(4), offset, 2);
    const result = await recovered(disk, {
      begin: (header) => assert.equal(header.after.number, 2),
    });
    assert.deepEqual([result.snapshot, result.numbers], [2, [3, 4, 5, 6]]);
    assert.deepEqual(result.spoiled, [snapshotName(4)]);
    assert.ok((await namesOf(disk)).includes(`lost-${snapshotName(4)}`));
    assert.deepEqual((await recovered(disk)).numbers, [3, 4, 5, 6]);
  }
});

test('a snapshot is judged when all of it was read, whoever read it and however that ended', async () => {
  const disk = await written();
  await snapshotAt(disk, 2);
  const failure = new Error('of who restores');
  const begin = (): never => {
    throw failure;
  };
  await assert.rejects(recovered(disk, { begin }), failure);
  disk.flip(snapshotName(2), 5000, 2);
  const headers: number[] = [];
  const { spoiled } = await recovered(disk, {
    begin: (header) => {
      headers.push(header.after.number);
      if (headers.length === 1) throw failure;
    },
  });
  assert.deepEqual(headers, [2, 0]);
  assert.deepEqual(spoiled, [snapshotName(2)]);
});

test('the name of a damaged snapshot proves that its records had been there', async () => {
  const disk = await written();
  await snapshotAt(disk, 2);
  await snapshotAt(disk, 6);
  await disk.truncate(snapshotName(6), 5000);
  disk.flip(THREE, HEADER_BYTES + 144 + 50, 1);
  assert.deepEqual(await damageOf(disk), {
    file: THREE,
    offset: HEADER_BYTES + 144,
    first: 6,
    last: 6,
  });
  const result = await recovered(disk, { repair: true });
  assert.deepEqual(result.numbers, [3, 4, 5]);
  assert.deepEqual((await recovered(disk)).numbers, [3, 4, 5]);
});

test('damage in what a snapshot covers is told and is no loss', async () => {
  const disk = await written();
  await snapshotAt(disk, 4);
  await snapshotAt(disk, 6);
  disk.flip(ONE, SECOND_AT + 1, 1);
  disk.flip(THREE, HEADER_BYTES + 8, 1);
  const result = await recovered(disk);
  assert.deepEqual([result.after.number, result.spoiled], [6, [THREE]]);
  const { journal } = openJournal(disk, { after: result.after });
  await write(journal, [10]);
  await journal.close();
  assert.deepEqual((await recovered(disk)).numbers, [7]);
});

test('records of another step are refused, snapshots of an older one are not', async () => {
  const disk = await written();
  const before = await contents(disk);
  for (const stepVersion of [STEP_VERSION - 1, STEP_VERSION + 1]) {
    await assert.rejects(recovered(disk, { stepVersion }), { code: 'journal-version' });
  }
  assert.equal(await contents(disk), before);
  await snapshotAt(disk, 6);
  await assert.rejects(recovered(disk, { stepVersion: STEP_VERSION - 1 }), {
    code: 'journal-version',
  });
  // A clean stop leaves no record behind the last snapshot: there is nothing to refuse.
  const result = await recovered(disk, { stepVersion: STEP_VERSION + 1 });
  assert.deepEqual([result.after.number, result.records], [6, 0]);
});

test('a file of a newer format is refused, and is not taken for a damaged one', async () => {
  const disk = await written();
  const page = encodeHeader(
    'journal',
    { stepVersion: 1, after: { number: 6, crc: 0 }, info: INFO },
    checksum,
  );
  page[8] = 9;
  const view = new DataView(page.buffer);
  view.setUint32(HEADER_BYTES - 4, checksum(page.subarray(0, HEADER_BYTES - 4), 0), true);
  await disk.put(segmentName(7), (sink) => sink(page));
  for (const repair of [false, true]) {
    await assert.rejects(recovered(disk, { repair }), { code: 'journal-version' });
  }
});

test('what a crash has left is removed: spare, draft; what is not ours stays', async () => {
  const disk = await written();
  await disk.put('draft', (sink) => sink(INFO));
  await disk.put('session-key', (sink) => sink(INFO));
  await recovered(disk);
  assert.deepEqual(await namesOf(disk), [ONE, TWO, THREE, 'session-key']);
});

test('reading for others changes nothing, and tells how it ends', async () => {
  const disk = await written();
  const read = async (options: { after: Place | null; upTo?: number }) => {
    const numbers: number[] = [];
    const base = { checksum, stepVersion: null, ...options };
    const walk = await readJournal(disk, { ...base, use: ({ number }) => numbers.push(number) });
    return { ...walk, numbers };
  };
  const before = await contents(disk);
  assert.deepEqual((await read({ after: null })).numbers, [1, 2, 3, 4, 5, 6]);
  const two = await placeOf(disk, 2);
  const closed = await read({ after: two, upTo: 4 });
  assert.deepEqual([closed.numbers, closed.damage], [[3, 4], null]);
  assert.equal(await contents(disk), before);
  await disk.remove(ONE);
  assert.deepEqual((await read({ after: null })).numbers, [3, 4, 5, 6]);
  disk.flip(TWO, SECOND_AT, 1);
  const { damage } = await read({ after: two, upTo: 4 });
  assert.ok(damage !== null);
  assert.match(damageError(damage).message, /records 4 to 4 are lost/);
  const torn = await read({ after: await placeOf(disk, 4), upTo: 4 });
  assert.deepEqual(torn.numbers, []);
});
