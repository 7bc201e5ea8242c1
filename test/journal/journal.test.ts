import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENTRIES_BYTES_MAX, RECORD_HEAD_BYTES } from '../../src/journal/record.js';
import { HEADER_BYTES, segmentName } from '../../src/journal/segment.js';
import { SimDisk } from '../../src/sim/disk.js';
import { entriesOf, openJournal, recovered, Schedule, SEGMENT_BYTES, write } from './support.js';

/** A journal whose disk answers when it is told to. */
async function steppedJournal(options: Parameters<typeof openJournal>[1] = {}) {
  const schedule = new Schedule();
  const disk = new SimDisk({ later: schedule.later });
  const told = openJournal(disk, options);
  assert.equal(told.journal.reserve(10), 'later', 'the first segment is being made');
  await schedule.endAll();
  assert.equal(told.ready, 1);
  const append = (size: number, frees = false): number => {
    assert.equal(told.journal.reserve(size, frees), 'ok');
    return told.journal.append({ now: 1, check: 2, entries: new Uint8Array(size) });
  };
  return { ...told, told, schedule, disk, append };
}

const names = async (disk: SimDisk, schedule: Schedule): Promise<string[]> => {
  const listed = disk.list();
  await schedule.endAll();
  return (await listed).map(({ name }) => name).sort();
};

test('what is appended while a group is written is the next group; each is told when it is durable', async () => {
  const { journal, schedule, append, durable } = await steppedJournal();
  assert.equal(append(10), 1);
  await schedule.endAll();
  assert.deepEqual(durable, [1]);
  append(10);
  const one = schedule.waiting.length;
  assert.deepEqual([append(10), append(10)], [3, 4]);
  assert.equal(schedule.waiting.length, one, 'one write is under way');
  assert.equal(journal.durable, 1);
  await schedule.end();
  assert.deepEqual(durable, [1, 2]);
  await schedule.endAll();
  assert.deepEqual(durable, [1, 2, 4]);
  assert.equal(journal.durable, journal.last);
});

test('entries are copied: the caller may use its bytes again', async () => {
  const disk = new SimDisk();
  const { journal } = openJournal(disk);
  await write(journal, [1]);
  const bytes = entriesOf(2, 5000);
  assert.equal(journal.reserve(5000), 'ok');
  journal.append({ now: 1, check: 0, entries: bytes });
  bytes.fill(0);
  await journal.close();
  const seen: Uint8Array[] = [];
  await recovered(disk, { apply: ({ entries }) => seen.push(entries.slice()) });
  assert.deepEqual(seen[1], entriesOf(2, 5000));
});

test('a segment is begun in order: header, name, directory, and only then records', async () => {
  const disk = new SimDisk();
  const order: string[] = [];
  const watched = new Proxy(disk, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...words: unknown[]) => {
        const told = words.filter((word) => typeof word !== 'object');
        order.push([String(key), ...told].join(' '));
        return Reflect.apply(value, target, words);
      };
    },
  });
  const { journal, closed } = openJournal(watched);
  const first = segmentName(1);
  const second = segmentName(3);
  await write(journal, [30_000, 20_000, 20_000]);
  await journal.close();
  assert.deepEqual(order, [
    `create spare ${SEGMENT_BYTES}`,
    'write spare 0 true',
    `rename spare ${first}`,
    'syncDirectory',
    `create spare ${SEGMENT_BYTES}`,
    `write ${first} ${HEADER_BYTES} true`,
    `write ${first} ${HEADER_BYTES + 30_040} true`,
    'write spare 0 true',
    `rename spare ${second}`,
    'syncDirectory',
    `create spare ${SEGMENT_BYTES}`,
    `write ${second} ${HEADER_BYTES} true`,
  ]);
  assert.deepEqual(closed, [2]);
});

test('a segment is filled to its last byte', async () => {
  const disk = new SimDisk();
  const { journal } = openJournal(disk);
  const whole = journal.entriesBytesMax;
  assert.equal(whole, SEGMENT_BYTES - HEADER_BYTES - RECORD_HEAD_BYTES);
  await write(journal, [whole, whole, 10, whole - 10 - 2 * RECORD_HEAD_BYTES, whole]);
  await journal.close();
  const { sizes } = await recovered(disk);
  assert.deepEqual(sizes, [whole, whole, 10, whole - 10 - 2 * RECORD_HEAD_BYTES, whole]);
});

test('records that wait have a bound, and who waits is told', async () => {
  const told = await steppedJournal({ segmentBytes: 64 * 1024 * 1024 });
  const { journal, schedule, append } = told;
  assert.equal(journal.entriesBytesMax, ENTRIES_BYTES_MAX);
  append(10);
  append(ENTRIES_BYTES_MAX);
  append(ENTRIES_BYTES_MAX);
  assert.equal(journal.reserve(1), 'later');
  const { ready } = told.told;
  while (journal.reserve(ENTRIES_BYTES_MAX) === 'later') await schedule.end();
  assert.ok(told.told.ready > ready);
  await schedule.endAll();
  assert.equal(journal.durable, 3);
});

test('without a next segment the last quarter is for what frees things, and then nothing', async () => {
  const { journal, schedule, disk, append, room, told } = await steppedJournal();
  disk.capacityBytes = SEGMENT_BYTES;
  append(10);
  await schedule.endAll();
  // What still leaves a quarter is taken: the disk may have room again before that is needed.
  append(40_000);
  assert.equal(journal.reserve(8_000), 'full');
  assert.deepEqual(room, [false]);
  assert.equal(journal.reserve(1), 'full', 'until there is room again');
  append(8_000, true);
  assert.equal(journal.reserve(20_000, true), 'full');
  append(100, true);
  await schedule.endAll();
  journal.retryRoom();
  await schedule.endAll();
  assert.deepEqual(room, [false]);
  assert.equal(journal.reserve(1), 'full');
  disk.capacityBytes = 3 * SEGMENT_BYTES;
  journal.retryRoom();
  assert.equal(journal.reserve(20_000, true), 'later');
  const { ready } = told;
  await schedule.endAll();
  assert.deepEqual(room, [false, true]);
  assert.equal(told.ready, ready + 1);
  append(20_000);
  await schedule.endAll();
  assert.deepEqual(told.failed, []);
  assert.equal(journal.durable, 5);
});

test('as long as the next segment is being made the last quarter is kept, as it may not be', async () => {
  const { journal, schedule, append, durable, told } = await steppedJournal();
  append(10);
  // The write is the last that was asked for.
  while (durable.length === 0) await schedule.end(schedule.waiting.length - 1);
  assert.equal(journal.reserve(45_100), 'later');
  const { ready } = told;
  await schedule.endAll();
  assert.equal(told.ready, ready + 1);
  append(45_100);
  assert.equal(journal.reserve(20_000), 'ok', 'in the next segment');
  assert.equal(journal.reserve(journal.entriesBytesMax), 'ok', 'asked again, nothing was appended');
  append(1);
  await schedule.endAll();
  assert.equal(journal.durable, 3);
});

test('a disk that is full at the begin says so, and goes on when it is not', async () => {
  const disk = new SimDisk({ capacityBytes: 100 });
  const { journal, room } = openJournal(disk);
  assert.equal(journal.reserve(1), 'later');
  await journal.flush();
  while (journal.reserve(1) === 'later') await Promise.resolve();
  assert.equal(journal.reserve(1, true), 'full');
  disk.capacityBytes = 1 << 20;
  journal.retryRoom();
  await write(journal, [1]);
  assert.deepEqual(room, [false, true]);
});

test('on a full disk it goes on in the last segment, with what frees, until there is another', async () => {
  const disk = new SimDisk();
  await write(openJournal(disk).journal, [100]);
  const found = await recovered(disk);
  disk.capacityBytes = disk.bytesUsed;
  const { journal, room, closed } = openJournal(disk, found);
  assert.equal(await journal.begin(), false);
  assert.deepEqual(room, [false]);
  assert.equal(journal.reserve(1), 'full');
  for (const size of [30, 1_000]) {
    assert.equal(journal.reserve(size, true), 'ok');
    journal.append({ now: 1, check: 0, entries: entriesOf(journal.last + 1, size) });
    await journal.flush();
  }
  assert.deepEqual(disk.names(), [segmentName(1)]);
  const again = await recovered(disk);
  assert.deepEqual(again.sizes, [100, 30, 1_000]);
  disk.capacityBytes *= 3;
  journal.retryRoom();
  await write(journal, [10]);
  await journal.close();
  assert.deepEqual([room, closed], [[false, true], [3]]);
  assert.equal(disk.bytesOf(segmentName(1)).length, again.tail?.offset);
  assert.equal((await recovered(disk)).after.number, 4);
});

test('a full disk without a segment to go on in is refused', async () => {
  const disk = new SimDisk({ capacityBytes: 100 });
  const { journal } = openJournal(disk);
  await assert.rejects(journal.begin(), { code: 'disk-full', fields: { size: SEGMENT_BYTES } });
});

test('a journal that is given up ends when what is under way has ended', async () => {
  const { journal, schedule, append, durable, failed } = await steppedJournal();
  append(10);
  await schedule.endAll();
  append(10);
  append(10);
  const flushed = assert.rejects(journal.flush(), { code: 'internal' });
  let isOver = false;
  const abandoned = journal.abandon().then(() => {
    isOver = true;
  });
  await schedule.end(schedule.waiting.length);
  assert.equal(isOver, false);
  await schedule.endAll();
  await Promise.all([abandoned, flushed]);
  assert.deepEqual([isOver, durable, failed], [true, [1, 2], []]);
  assert.equal(schedule.waiting.length, 0, 'and no more is begun');
});

test('a write that fails ends all, once: nothing more is written or told', async () => {
  const { journal, schedule, disk, append, durable, failed } = await steppedJournal();
  append(10);
  await schedule.endAll();
  append(10);
  append(10);
  const flushed = assert.rejects(journal.flush(), { code: 'file-error' });
  disk.isFailing = true;
  await schedule.endAll();
  await flushed;
  disk.isFailing = false;
  assert.deepEqual([durable, failed], [[1], ['file-error']]);
  assert.equal(journal.reserve(1), 'later');
  // What had been reserved before may be appended, and goes nowhere.
  journal.append({ now: 1, check: 0, entries: entriesOf(4, 10) });
  journal.retryRoom();
  await schedule.endAll();
  await assert.rejects(journal.flush(), { code: 'file-error' });
  await assert.rejects(journal.close(), { code: 'file-error' });
  assert.deepEqual([durable, failed], [[1], ['file-error']]);
});

test('a spare that cannot be made for another reason than room ends all', async () => {
  const { schedule, disk, append, failed, durable } = await steppedJournal();
  append(10);
  while (durable.length === 0) await schedule.end(schedule.waiting.length - 1);
  disk.isFailing = true;
  await schedule.endAll();
  assert.deepEqual(failed, ['file-error']);
});

test('without sync nothing is synced but segments that are closed, and the end', async () => {
  const disk = new SimDisk();
  const told = openJournal(disk, { sync: false });
  await write(told.journal, [1000, 1000]);
  assert.equal(told.journal.durable, 2);
  // All that was not synced is lost.
  const nothing = () => 0;
  disk.crash(nothing);
  assert.equal((await recovered(disk)).after.number, 0);

  const again = openJournal(disk, { sync: false });
  await write(again.journal, [30_000, 30_000, 30_000]);
  disk.crash(nothing);
  assert.equal((await recovered(disk)).after.number, 2);
  const after = (await recovered(disk)).after;
  const last = openJournal(disk, { sync: false, after });
  await write(last.journal, [1000, 1000]);
  await last.journal.close();
  disk.crash(nothing);
  assert.equal((await recovered(disk)).after.number, 4);
});

test('segments that are covered are removed; the one that is written to stays', async () => {
  const { journal, schedule, disk, append } = await steppedJournal();
  for (let record = 0; record < 6; record++) {
    append(30_000);
    await schedule.endAll();
  }
  const removeCovered = async (first: number) => {
    const removed = journal.removeCovered(first);
    await schedule.endAll();
    await removed;
    return (await names(disk, schedule)).filter((name) => name !== 'spare');
  };
  const [one, two, three] = [1, 3, 5].map(segmentName);
  assert.deepEqual(await removeCovered(2), [one, two, three]);
  assert.deepEqual(await removeCovered(3), [two, three]);
  assert.deepEqual(await removeCovered(4), [two, three]);
  assert.deepEqual(await removeCovered(100), [three]);
});

test('closing writes what was appended; it may be done twice', async () => {
  const disk = new SimDisk();
  const { journal } = openJournal(disk);
  await write(journal, [10]);
  assert.equal(journal.reserve(10), 'ok');
  journal.append({ now: 1, check: 0, entries: entriesOf(2, 10) });
  await journal.close();
  await journal.close();
  assert.deepEqual((await recovered(disk)).numbers, [1, 2]);
  assert.throws(() => journal.reserve(1), /closed/);
});
