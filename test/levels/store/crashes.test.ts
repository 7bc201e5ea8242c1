import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import { LIMITS } from '../../../src/core/limits.js';
import type { Level, LevelKey } from '../../../src/levels/level.js';
import { type DirectoryOptions, openStoreOn } from '../../../src/levels/store/index.js';
import { fc } from '../../fast-check.js';
import { CrashDisk } from './crash-disk.js';

const WRITE: DirectoryOptions = { access: 'write', packBytesMax: 4_000, arrayBytesMin: 9_000 };
const READ: DirectoryOptions = { ...WRITE, access: 'read' };

const keyOf = (name: string, version = 1): LevelKey => ({ pool: 'p', name, version });

function bytesFor(name: string, step: number, size: number): Uint8Array {
  const text = Buffer.from(`${name} ${step} `.repeat(1 + size));
  return new Uint8Array(text.subarray(0, size));
}

async function put(
  level: Level,
  name: string,
  bytes: Uint8Array,
  durability: 'memory' | 'fsync' = 'memory',
): Promise<void> {
  const space = {
    dtype: 'uint8',
    shape: [bytes.length],
    order: 'row',
    byteOrder: 'little',
  } as const;
  await level.put({ ...keyOf(name), space, attributes: { name } }, bytes, { durability });
}

async function outcome(level: Level, name: string): Promise<Uint8Array | string | null> {
  try {
    return (await level.get(keyOf(name)))?.bytes ?? null;
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    return error.code;
  }
}

const PACK = 'packs/00000001.pack';
const NAMES = ['a', 'bb', 'c/c', 'd', 'e'];
const sizeOf = (at: number): number => [10, 0, 100, 33, 64][at] as number;

async function smallStore(isClosed: boolean): Promise<{ disk: CrashDisk; ends: number[] }> {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 1 << 20 });
  const ends: number[] = [];
  for (const [at, name] of NAMES.entries()) {
    await put(level, name, bytesFor(name, 0, sizeOf(at)));
    ends.push(disk.bytesOf(PACK).length);
  }
  const before = disk.copy();
  await level.close();
  return { disk: isClosed ? disk : before, ends };
}

test('a pack that is cut at any byte has every record before it', async () => {
  for (const isClosed of [false, true]) {
    const { disk, ends } = await smallStore(isClosed);
    const whole = disk.bytesOf(PACK);
    for (let size = 0; size < whole.length; size++) {
      const cut = disk.copy();
      cut.damage(PACK, whole.slice(0, size));
      for (const options of [READ, WRITE]) {
        const level = await openStoreOn(cut, options);
        for (const [at, name] of NAMES.entries()) {
          const found = await outcome(level, name);
          const isThere = size >= (ends[at] as number);
          assert.deepEqual(
            found,
            isThere ? bytesFor(name, 0, sizeOf(at)) : null,
            `${size} ${name}`,
          );
        }
        if (options === WRITE) {
          await put(level, 'new', bytesFor('new', 0, 5));
          await level.close();
          const again = await openStoreOn(cut, READ);
          assert.deepEqual(await outcome(again, 'new'), bytesFor('new', 0, 5));
          // No crash cuts what was closed.
          const isDamaged = isClosed && size < (ends.at(-1) ?? 0);
          const kinds = again.problems
            .map(({ kind }) => kind)
            .filter((each) => each !== 'no-footer');
          assert.deepEqual(kinds, isDamaged ? ['cut-pack'] : [], `${size}`);
          if (!isDamaged) assert.deepEqual(again.problems, [], `${size}`);
        }
      }
    }
  }
});

test('of a byte that is another one nothing comes but the right bytes, or that they are damaged', async () => {
  const { disk } = await smallStore(true);
  const whole = disk.bytesOf(PACK);
  let damagedCount = 0;
  for (let at = 64; at < whole.length; at++) {
    const aged = disk.copy();
    const bytes = whole.slice();
    bytes[at] = (bytes[at] as number) ^ (1 << (at & 7));
    aged.damage(PACK, bytes);
    const level = await openStoreOn(aged, READ);
    const found = await Promise.all(NAMES.map((name) => outcome(level, name)));
    const wrong = found.filter((bytesFound, index) => {
      const right = bytesFor(NAMES[index] as string, 0, sizeOf(index));
      return (
        typeof bytesFound === 'string' ||
        Buffer.compare(bytesFound ?? new Uint8Array([0]), right) !== 0
      );
    });
    assert.ok(wrong.length <= 1, `byte ${at}`);
    for (const each of wrong) assert.equal(each, 'store-damaged', `byte ${at}`);
    damagedCount += wrong.length;
    let listed = 0;
    for await (const entry of level.list()) {
      assert.ok(NAMES.includes(entry.name));
      listed++;
    }
    assert.ok(listed >= NAMES.length - 1);
  }
  assert.ok(damagedCount > 200, `${damagedCount}`);
});

test('a pack that lies in a pack is never taken for records of it', async () => {
  const { disk } = await smallStore(false);
  const pack = disk.bytesOf(PACK).slice();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 1 << 20 });
  await put(level, 'copy', pack);
  await level.delete(keyOf('a'));
  // The head of the copy is damaged: what comes behind is looked for within its bytes.
  const bytes = disk.bytesOf(PACK).slice();
  bytes[pack.length + 50] = 0xff;
  disk.damage(PACK, bytes);
  const reader = await openStoreOn(disk, READ);
  assert.equal(await outcome(reader, 'a'), null);
  assert.equal(await outcome(reader, 'copy'), null);
  assert.deepEqual(await outcome(reader, 'e'), bytesFor('e', 0, 64));
  assert.ok(reader.problems.some(({ kind }) => kind === 'torn'));
});

/** What may be found of a name: any of these, null is none. */
type Possible = Map<string, (Uint8Array | null)[]>;

function mayBe(possible: Possible, name: string): (Uint8Array | null)[] {
  return possible.get(name) ?? [null];
}

async function checkAll(level: Level, possible: Possible, names: readonly string[], why: string) {
  for (const name of names) {
    const found = await outcome(level, name);
    const isRight = mayBe(possible, name).some((each) =>
      each === null || typeof found === 'string' || found === null
        ? each === found
        : Buffer.compare(each, found) === 0,
    );
    assert.ok(isRight, `${why}: "${name}" is ${String(found).slice(0, 40)}`);
  }
}

const LIFE = fc.record({
  seed: fc.nat(),
  crashIn: fc.integer({ min: 1, max: 400 }),
  isPower: fc.boolean(),
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom('put', 'put', 'put', 'delete', 'compact', 'reopen', 'sync'),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      size: fc.oneof(fc.nat(200), fc.nat(3_000), fc.integer({ min: 9_000, max: 20_000 })),
      isSynced: fc.boolean(),
    }),
    { minLength: 5, maxLength: 40 },
  ),
});

async function livesAreKept(makeDisk: () => CrashDisk): Promise<void> {
  await fc.assert(
    fc.asyncProperty(LIFE, async ({ seed, crashIn, isPower, steps }) => {
      const disk = makeDisk();
      let level = await openStoreOn(disk, WRITE);
      const names = ['a', 'b', 'c', 'd', 'e', 'f'];
      /** What of a name a crash may leave: the last that is safe, and all that came after. */
      const possible: Possible = new Map();
      const isSafe = (isSynced: boolean): boolean => isSynced || !isPower;
      disk.crashIn = crashIn;
      try {
        for (const [step, { kind, name, size, isSynced }] of steps.entries()) {
          const durability = isSynced ? 'fsync' : 'memory';
          if (kind === 'put') {
            const bytes = bytesFor(name, step, size);
            possible.set(name, [...mayBe(possible, name), bytes]);
            await put(level, name, bytes, durability);
            if (isSafe(isSynced)) possible.set(name, [bytes]);
          } else if (kind === 'delete') {
            possible.set(name, [...mayBe(possible, name), null]);
            await level.delete(keyOf(name), { durability });
            if (isSafe(isSynced)) possible.set(name, [null]);
          } else if (kind === 'sync') {
            await level.sync();
            for (const each of names) possible.set(each, mayBe(possible, each).slice(-1));
          } else if (kind === 'compact') await level.compact();
          else {
            await level.close();
            level = await openStoreOn(disk, WRITE);
          }
        }
      } catch (error) {
        assert.ok(disk.isDown, String(error));
      }
      await level.close().catch(() => {});
      let state = seed;
      const dice = (sides: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return (state >>> 8) % sides;
      };
      if (isPower) disk.losePower(dice);
      else disk.restart();
      await checkAll(await openStoreOn(disk, READ), possible, names, 'read');
      const again = await openStoreOn(disk, WRITE);
      await checkAll(again, possible, names, 'written');
      await put(again, 'new', bytesFor('new', 0, 50));
      await again.compact();
      await again.close();
      const last = await openStoreOn(disk, READ);
      await checkAll(last, possible, names, 'opened again');
      assert.deepEqual(await outcome(last, 'new'), bytesFor('new', 0, 50));
    }),
    { numRuns: 400 },
  );
}

test('what was acknowledged is there after a crash at any call, of the process or the host', async () => {
  await livesAreKept(() => new CrashDisk());
});

test('a disk that does not sync what it is told to is found out', async () => {
  class Forgetful extends CrashDisk {
    override async sync(): Promise<void> {}
  }
  await assert.rejects(
    livesAreKept(() => new Forgetful()),
    /Property failed/u,
  );
});

test('a full disk refuses puts by name, half of nothing is in, and there is room again later', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  await put(level, 'a', bytesFor('a', 0, 2_000), 'fsync');
  const used = disk.paths().reduce((sum, path) => sum + disk.bytesOf(path).length, 0);
  for (const [name, size, more] of [
    ...[
      ['b', 3_000, 1_000],
      ['c', 3_000, 0],
      ['d', 30_000, 20_000],
    ],
    ...[['e', 30_000, 300]],
  ] as const) {
    disk.bytesMax = used + more;
    const error = await put(level, name, bytesFor(name, 0, size)).catch((cause: unknown) => cause);
    assert.ok(error instanceof AttaccaError && error.code === 'disk-full', String(error));
    assert.equal(error.retryable, true);
    assert.equal(await outcome(level, name), null);
    assert.deepEqual(await outcome(level, 'a'), bytesFor('a', 0, 2_000));
  }
  disk.bytesMax = Number.POSITIVE_INFINITY;
  assert.deepEqual(await disk.list('drafts'), []);
  assert.equal((await disk.list('arrays')).length, 1);
  for (const [name, size] of [
    ['b', 3_000],
    ['d', 30_000],
  ] as const) {
    await put(level, name, bytesFor(name, 0, size), 'fsync');
    assert.deepEqual(await outcome(level, name), bytesFor(name, 0, size));
  }
  await level.close();
  const again = await openStoreOn(disk, READ);
  assert.deepEqual(again.problems, []);
  assert.deepEqual(await outcome(again, 'd'), bytesFor('d', 0, 30_000));
});

test('an array goes from a disk without a free byte, and what comes next finds its room', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  await put(level, 'small', bytesFor('small', 0, 500), 'fsync');
  await put(level, 'large', bytesFor('large', 0, 30_000), 'fsync');
  const bytesUsed = (): number =>
    disk.paths().reduce((sum, path) => sum + disk.bytesOf(path).length, 0);
  const all = bytesUsed();
  disk.bytesMax = all;
  const refused = await put(level, 'other', bytesFor('other', 0, 400)).catch((cause) => cause);
  assert.ok(refused instanceof AttaccaError && refused.code === 'disk-full', String(refused));
  const key = { pool: 'p', name: 'large', version: 1 };
  assert.equal(await level.delete(key, { durability: 'fsync' }), true);
  await put(level, 'next', bytesFor('next', 0, 20_000), 'fsync');
  assert.equal((await disk.list('arrays')).filter(({ isFolder }) => isFolder).length, 1);
  await level.close();
  const again = await openStoreOn(disk, WRITE);
  assert.deepEqual(again.problems, []);
  assert.equal(await outcome(again, 'large'), null);
  for (const [name, size] of [['small', 500] as const, ['next', 20_000] as const]) {
    assert.deepEqual(await outcome(again, name), bytesFor(name, 0, size));
  }
  // Kept back again: the next one, too.
  disk.bytesMax = bytesUsed();
  assert.equal(await again.delete({ ...key, name: 'next' }, { durability: 'fsync' }), true);
  await again.close();
});

test('of many puts at once those go in for which a full disk has room', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  await put(level, 'a', bytesFor('a', 0, 100), 'fsync');
  const used = disk.paths().reduce((sum, path) => sum + disk.bytesOf(path).length, 0);
  disk.bytesMax = used + 5_000;
  const sizes = { big: 3_000, large: 3_000, small: 500, huge: 4_000, little: 200 };
  const all = Object.entries(sizes).map(([name, size]) =>
    put(level, name, bytesFor(name, 0, size), 'fsync').then(
      () => name,
      (error: unknown) => (error instanceof AttaccaError ? error.code : String(error)),
    ),
  );
  assert.deepEqual(await Promise.all(all), ['big', 'disk-full', 'small', 'disk-full', 'little']);
  for (const name of ['big', 'small', 'little'] as const) {
    assert.deepEqual(await outcome(level, name), bytesFor(name, 0, sizes[name]));
  }
  await level.close();
});

test('many puts share one sync', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 1 << 20 });
  await put(level, 'first', bytesFor('first', 0, 10), 'fsync');
  const before = disk.syncs;
  const names = Array.from({ length: 500 }, (_, at) => `n${at}`);
  await Promise.all(names.map((name) => put(level, name, bytesFor(name, 0, 100), 'fsync')));
  assert.ok(disk.syncs - before <= 2, `${disk.syncs - before} syncs`);
  await level.close();
});

test('packs that are mostly dead go, and what counts of them stays', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  const names = Array.from({ length: 200 }, (_, at) => `n${at}`);
  for (const name of names) await put(level, name, bytesFor(name, 0, 300));
  const { bytesUsed } = await level.capacity();
  for (const [at, name] of names.entries()) if (at % 10 !== 0) await level.delete(keyOf(name));
  await level.compact();
  assert.ok((await level.capacity()).bytesUsed < bytesUsed / 3, String(bytesUsed));
  await level.close();
  const again = await openStoreOn(disk, WRITE);
  for (const [at, name] of names.entries()) {
    const found = await outcome(again, name);
    assert.deepEqual(found, at % 10 === 0 ? bytesFor(name, 0, 300) : null, name);
  }
  await again.close();
});

test('of a pack that is moved no more is in memory than waits to be written', async (t) => {
  const limits: { storeQueueBytesMax: number } = LIMITS;
  const before = limits.storeQueueBytesMax;
  t.after(() => {
    limits.storeQueueBytesMax = before;
  });
  limits.storeQueueBytesMax = 80_000;
  let ahead = 0;
  let most = 0;
  class Counted extends CrashDisk {
    override async read(...args: Parameters<CrashDisk['read']>): Promise<number | null> {
      ahead += args[2].length;
      most = Math.max(most, ahead);
      return await super.read(...args);
    }

    override async write(...args: Parameters<CrashDisk['write']>): Promise<void> {
      await super.write(...args);
      for (const piece of args[2]) ahead -= piece.length;
    }
  }
  const disk = new Counted();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 900_000 });
  const names = Array.from({ length: 120 }, (_, at) => `n${at}`);
  for (const name of names) await put(level, name, bytesFor(name, 0, 8_000));
  // Another pack is written to now; deleting moves what is left of this one.
  ahead = 0;
  most = 0;
  for (const name of names.filter((_, at) => at % 5 > 1)) await level.delete(keyOf(name));
  await level.compact();
  assert.ok(most > 8_000, `it was moved: ${most} bytes`);
  assert.ok(most < 80_000, `${most} bytes were read and not yet written`);
  for (const name of names.filter((_, at) => at % 5 <= 1)) {
    assert.deepEqual(await outcome(level, name), bytesFor(name, 0, 8_000), name);
  }
  await level.close();
});

test('one that reads goes on while the writer puts, deletes and compacts', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  const names = Array.from({ length: 60 }, (_, at) => `n${at}`);
  for (const name of names) await put(level, name, bytesFor(name, 0, 300));
  const reader = await openStoreOn(disk, READ);
  for (const name of names.slice(2)) await level.delete(keyOf(name));
  await level.compact();
  await put(level, 'new', bytesFor('new', 0, 100));
  for (const name of names.slice(0, 2)) {
    assert.deepEqual(await outcome(reader, name), bytesFor(name, 0, 300));
  }
  await reader.refresh();
  assert.deepEqual(await outcome(reader, 'new'), bytesFor('new', 0, 100));
  assert.equal(await outcome(reader, names[5] as string), null);
  const error = await put(reader, 'x', bytesFor('x', 0, 1)).catch((cause: unknown) => cause);
  assert.ok(error instanceof AttaccaError && error.code === 'store-denied', String(error));
  await level.close();
});

test('a list beside deletions that move packs has each object once', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 100_000 });
  const names = Array.from({ length: 3_000 }, (_, at) => `n${at}`);
  await Promise.all(names.map((name) => put(level, name, bytesFor(name, 0, 200), 'memory')));
  const gone = names.filter((_, at) => at % 3 !== 0);
  const deleting = Promise.all(gone.map((name) => level.delete(keyOf(name))));
  for (let round = 0; round < 5; round++) {
    const seen: string[] = [];
    for await (const { name } of level.list()) {
      seen.push(name);
      if (seen.length % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(new Set(seen).size, seen.length, 'no object is there twice');
    assert.ok(names.filter((_, at) => at % 3 === 0).every((name) => seen.includes(name)));
  }
  await deleting;
  await level.compact();
  const left: string[] = [];
  for await (const { name } of level.list()) left.push(name);
  assert.equal(left.length, 1_000);
  await level.close();
});

test('what was written to a pack that is given up is synced with the rest', async () => {
  class Stuck extends CrashDisk {
    isStuck = false;
    override async truncate(path: string, size: number): Promise<void> {
      if (this.isStuck) throw new AttaccaError('file-error', 'Cannot cut: stuck');
      await super.truncate(path, size);
    }
  }
  const disk = new Stuck();
  const level = await openStoreOn(disk, WRITE);
  await put(level, 'a', bytesFor('a', 0, 100), 'memory');
  const used = disk.paths().reduce((sum, path) => sum + disk.bytesOf(path).length, 0);
  [disk.bytesMax, disk.isStuck] = [used, true];
  await assert.rejects(put(level, 'b', bytesFor('b', 0, 1_000), 'memory'));
  [disk.bytesMax, disk.isStuck] = [Number.POSITIVE_INFINITY, false];
  await put(level, 'c', bytesFor('c', 0, 100), 'fsync');
  await level.sync();
  disk.losePower(() => 0);
  const again = await openStoreOn(disk, WRITE);
  assert.deepEqual(await outcome(again, 'a'), bytesFor('a', 0, 100));
  assert.deepEqual(await outcome(again, 'c'), bytesFor('c', 0, 100));
  await again.close();
});
