import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AttaccaError } from '../../src/core/errors.js';
import type { Disk } from '../../src/journal/disk.js';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytes = (content: string): Uint8Array => Buffer.from(content, 'latin1');

/** A disk to test, empty; the test closes it. */
type MakeDisk = (t: TestContext) => Promise<Disk>;

async function readAll(disk: Disk, name: string, size = 1 << 16): Promise<Uint8Array> {
  const target = new Uint8Array(size);
  return target.subarray(0, await disk.read(name, 0, target));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: AttaccaError) => error.code,
  );
}

function testFiles(kind: string, make: MakeDisk): void {
  test(`${kind}: a new file is zero, is written within its size, and is replaced when made again`, async (t) => {
    const disk = await make(t);
    await disk.create('a', 8192);
    assert.deepEqual(await disk.list(), [{ name: 'a', size: 8192 }]);
    assert.ok((await readAll(disk, 'a')).every((byte) => byte === 0));
    await disk.write('a', 4094, bytes('hello'), false);
    await disk.write('a', 8191, bytes('!'), true);
    await disk.write('a', 0, new Uint8Array(0), true);
    const after = await readAll(disk, 'a');
    assert.equal(text(after.subarray(4094, 4099)), 'hello');
    assert.equal(after.length, 8192);
    assert.equal(after[8191], 33);
    await disk.create('a', 4096);
    assert.ok((await readAll(disk, 'a')).every((byte) => byte === 0));
    assert.deepEqual(await disk.list(), [{ name: 'a', size: 4096 }]);
    await disk.close();
  });

  test(`${kind}: reading ends where the file does`, async (t) => {
    const disk = await make(t);
    await disk.create('a', 1000);
    assert.equal(await disk.read('a', 990, new Uint8Array(100)), 10);
    assert.equal(await disk.read('a', 1000, new Uint8Array(100)), 0);
    assert.equal(await disk.read('a', 5000, new Uint8Array(100)), 0);
    await disk.truncate('a', 10);
    assert.equal(await disk.read('a', 0, new Uint8Array(100)), 10);
    await disk.close();
  });

  test(`${kind}: what is put is got, in pieces of any size`, async (t) => {
    const disk = await make(t);
    const whole = new Uint8Array(3_000_017).map((_, index) => (index * 31) >> 3);
    const cuts = [0, 1, 8, 8, 70_000, 1_500_000, 2_900_000, whole.length];
    await disk.put('a', (sink) => {
      const reused = new Uint8Array(whole.length);
      for (let index = 1; index < cuts.length; index++) {
        const piece = whole.subarray(cuts[index - 1], cuts[index]);
        // Borrowed until it returns, and not longer.
        reused.set(piece);
        sink(reused.subarray(0, piece.length));
        reused.fill(255);
      }
    });
    const got = await disk.get('a', (source, size) => {
      const target = new Uint8Array(size);
      let at = 0;
      for (const piece of [1, 3, 500_000, 1_200_000, 7, size]) {
        at += source(target.subarray(at, Math.min(at + piece, size)));
      }
      assert.equal(source(new Uint8Array(10)), 0);
      return target.subarray(0, at);
    });
    assert.deepEqual(Buffer.compare(got, whole), 0);
    await disk.put('a', (sink) => sink(bytes('short')));
    assert.equal(text(await readAll(disk, 'a')), 'short');
    await disk.close();
  });
}

function testNames(kind: string, make: MakeDisk): void {
  test(`${kind}: files keep their contents when they are renamed, and replace others`, async (t) => {
    const disk = await make(t);
    await disk.create('a', 10);
    await disk.write('a', 0, bytes('of a'), true);
    await disk.create('b', 20);
    await disk.rename('a', 'b');
    await disk.syncDirectory();
    assert.deepEqual(await disk.list(), [{ name: 'b', size: 10 }]);
    await disk.write('b', 4, bytes(' too'), true);
    assert.equal(text((await readAll(disk, 'b')).subarray(0, 8)), 'of a too');
    await disk.create('a', 5);
    assert.equal((await readAll(disk, 'a')).length, 5);
    assert.equal(text((await readAll(disk, 'b')).subarray(0, 8)), 'of a too');
    await disk.remove('b');
    assert.deepEqual(await disk.list(), [{ name: 'a', size: 5 }]);
    await disk.close();
  });

  test(`${kind}: what is not there is a file-error that names it`, async (t) => {
    const disk = await make(t);
    const target = new Uint8Array(1);
    assert.equal(await codeOf(disk.read('none', 0, target)), 'file-error');
    assert.equal(await codeOf(disk.write('none', 0, target, true)), 'file-error');
    assert.equal(await codeOf(disk.truncate('none', 0)), 'file-error');
    assert.equal(await codeOf(disk.get('none', () => 0)), 'file-error');
    assert.equal(await codeOf(disk.rename('none', 'other')), 'file-error');
    await assert.rejects(disk.remove('none'), (error: AttaccaError) => {
      assert.equal(error.fields['system'], 'ENOENT');
      assert.match(error.message, /none/);
      return true;
    });
    assert.deepEqual(await disk.list(), []);
    await disk.close();
  });

  test(`${kind}: a put that fails half-way leaves no file; closing twice is once`, async (t) => {
    const disk = await make(t);
    const failing = disk.put('a', (sink) => {
      sink(bytes('half'));
      throw new RangeError('of the state');
    });
    await assert.rejects(failing, RangeError);
    assert.deepEqual(await disk.list(), []);
    await disk.close();
    await disk.close();
  });
}

/** What every disk of a journal does. `kind` stands in the titles. */
export function testDisk(kind: string, make: MakeDisk): void {
  testFiles(kind, make);
  testNames(kind, make);
}
