import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FileSource, MemorySource } from '../../src/formats/bytes.js';
import { type GribScan, scanGrib } from '../../src/formats/grib/scan.js';
import { Turns } from '../../src/formats/turns.js';
import { fc } from '../fast-check.js';
import { sharedData } from './shared-data.js';

/** A message of an edition with so many bytes in the middle, none of which is a letter. */
function message(edition: 1 | 2, middle: number): Buffer {
  const size = 16 + middle + 4;
  const bytes = Buffer.alloc(size, 9);
  bytes.write('GRIB', 0);
  bytes.writeUInt8(edition, 7);
  if (edition === 1) bytes.writeUIntBE(size, 4, 3);
  else bytes.writeBigUInt64BE(BigInt(size), 8);
  bytes.write('7777', size - 4);
  return bytes;
}

/** The file that the messages make, with the padding between them. */
function again(original: Uint8Array, { messages }: GribScan): Buffer {
  const pieces = messages.flatMap(({ offset, size, padding }) => [
    original.subarray(offset, offset + size),
    Buffer.alloc(padding),
  ]);
  return Buffer.concat(pieces);
}

const REAL = [
  ['era5-2mt-2019-03-uk.grib', 744],
  ['era5-levels-members.grib', 160],
] as const;

for (const [name, count] of REAL) {
  const { path, skip } = sharedData(name);
  test(`the messages of ${name} make it again, byte for byte`, { skip }, async () => {
    using source = new FileSource(path);
    const scan = await scanGrib(source);
    assert.equal(scan.messages.length, count);
    assert.deepEqual(scan.damaged, []);
    const original = readFileSync(path);
    assert.ok(again(original, scan).equals(original));
  });
}

const corrupted = sharedData('era5-levels-corrupted.grib');

test('of a damaged real file the good message is found', { skip: corrupted.skip }, async () => {
  using source = new FileSource(corrupted.path);
  const { messages, damaged } = await scanGrib(source);
  assert.deepEqual(messages, [{ offset: 22_068, size: 22_068, edition: 1, padding: 0 }]);
  const why = 'it says 1588 bytes, but does not end with 7777 there';
  assert.deepEqual(damaged, [{ offset: 0, size: 22_068, number: 1, why }]);
});

const piece = fc.oneof(
  fc.record({
    kind: fc.constant('good' as const),
    edition: fc.constantFrom(1 as const, 2 as const),
    middle: fc.integer({ min: 31, max: 5_000 }),
    padding: fc.constantFrom(0, 1, 18, 3_000),
  }),
  fc.record({
    kind: fc.constantFrom('cut' as const, 'flipped' as const, 'garbage' as const),
    middle: fc.integer({ min: 31, max: 5_000 }),
  }),
);

test('each good message is found among damaged ones, and each damage is told once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 8 }), async (pieces) => {
      const bytes: Buffer[] = [];
      const expected: (readonly [number, number])[] = [];
      let at = 0;
      let gaps = 0;
      let inGap = false;
      const add = (each: Buffer): void => {
        bytes.push(each);
        at += each.length;
      };
      for (const each of pieces) {
        if (each.kind === 'good') {
          const good = message(each.edition, each.middle);
          expected.push([at, good.length]);
          add(good);
          add(Buffer.alloc(each.padding));
          inGap = false;
          continue;
        }
        if (!inGap) gaps += 1;
        inGap = true;
        const bad = message(1, each.middle);
        if (each.kind === 'garbage') add(Buffer.alloc(each.middle, 5));
        else if (each.kind === 'cut') add(bad.subarray(0, bad.length - 5));
        else add(Buffer.concat([bad.subarray(0, bad.length - 1), Buffer.of(5)]));
      }
      // Whatever is there, one good message stands at the end, so that the file is one of GRIB.
      const last = message(2, 40);
      expected.push([at, last.length]);
      add(last);
      const { messages, damaged } = await scanGrib(
        new MemorySource('a.grib', Buffer.concat(bytes)),
      );
      assert.deepEqual(
        messages.map(({ offset, size }) => [offset, size]),
        expected,
      );
      assert.equal(damaged.length, gaps);
      assert.ok(damaged.every(({ why, size }) => why.length > 0 && size > 0));
    }),
  );
});

test('a cut file has its whole messages, and the rest is told', async () => {
  const whole = Buffer.concat([message(1, 50), message(2, 60)]);
  const first = message(1, 50).length;
  for (let size = 4; size < whole.length; size += 1) {
    const { messages, damaged } = await scanGrib(
      new MemorySource('a.grib', whole.subarray(0, size)),
    );
    assert.equal(messages.length, size >= first ? 1 : 0, `cut after ${size}`);
    assert.equal(damaged.length, size === first ? 0 : 1, `cut after ${size}`);
  }
});

test('lengths that no file has are told as damage, and what is no GRIB is refused', async () => {
  const huge = message(2, 50);
  huge.writeBigUInt64BE(2n ** 60n, 8);
  const { damaged } = await scanGrib(new MemorySource('a.grib', huge));
  assert.match(damaged[0]?.why ?? '', /it says 1152921504606846976 bytes, more than the file has/u);
  const large = message(1, 50);
  large.writeUIntBE(0xffffff, 4, 3);
  assert.equal((await scanGrib(new MemorySource('a.grib', large))).messages.length, 0);
  for (const text of ['', 'GRI', 'hello, world']) {
    await assert.rejects(scanGrib(new MemorySource('a.grib', Buffer.from(text))), {
      code: 'not-a-grib-file',
    });
  }
});

test('while a large file is looked through others have their turn, and it can be ended', async () => {
  // Nothing is read: zeros, with a message at their end.
  const end = message(2, 40);
  const size = 4 * 1024 * 1024 * 1024;
  const source = {
    ...{ name: 'large.grib', size },
    read(at: number, into: Uint8Array): void {
      into.fill(0);
      const from = size - end.length;
      if (at + into.length > from) into.set(end.subarray(Math.max(0, at - from)), from - at);
    },
  };
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  const enough = new RangeError('enough');
  const goOn = (): void => {
    if (turns >= 3) throw enough;
  };
  await assert.rejects(scanGrib(source, new Turns(goOn)), (error) => error === enough);
  clearInterval(timer);
  assert.ok(turns >= 3);
});
