import { strict as assert } from 'node:assert';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { packed, unpacked } from '../../src/transforms/codecs.js';

const exactly = (size: number) => ({ size, isExact: true }) as const;
const atMost = (size: number) => ({ size, isExact: false }) as const;

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** A window of a MiB. */
const WINDOW = 0x50;

/** Blocks of 128 KiB in four bytes each. */
function blocks(count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, at) => {
      const block = Buffer.alloc(4, 7);
      block.writeUIntLE((131_072 << 3) | 2 | (at === count - 1 ? 1 : 0), 0, 3);
      return block;
    }),
  );
}

/** A frame that says that it holds `size` bytes; null: that says nothing. */
function frame(size: number | null, count: number): Buffer {
  const said = Buffer.alloc(size === null ? 0 : 8);
  if (size !== null) said.writeBigUInt64LE(BigInt(size));
  const head = Buffer.from([...MAGIC, size === null ? 0 : 0xc0, WINDOW]);
  return Buffer.concat([head, said, blocks(count)]);
}

describe('unpacking', () => {
  test('zstd that does not say its size is unpacked into the room for it', async () => {
    const stream = frame(null, 3);
    const bytes = await unpacked('zstd', stream, exactly(3 * 131_072));
    assert.deepEqual(bytes, new Uint8Array(3 * 131_072).fill(7));
    for (const size of [1, 131_072, 3 * 131_072 - 1, 3 * 131_072 + 1, 2 ** 24]) {
      await assert.rejects(() => unpacked('zstd', stream, exactly(size)), `${size}`);
    }
    // Nobody knows: it is not tried.
    await assert.rejects(() => unpacked('zstd', stream, atMost(2 ** 24)), /something else/u);
  });

  test('zstd that holds more than it says, or than one frame, makes no byte more', async () => {
    const before = process.memoryUsage().rss;
    // 8 GiB, if all of it were unpacked.
    const bomb = blocks(65_536);
    const small = await packed({ codec: 'zstd', level: 3 }, new Uint8Array(300).fill(1));
    for (const head of [frame(300, 0), frame(null, 0), frame(2 ** 22, 0)]) {
      const lying = Buffer.concat([head, bomb]);
      for (const size of [300, 2 ** 22]) {
        await assert.rejects(() => unpacked('zstd', lying, exactly(size)));
        await assert.rejects(() => unpacked('zstd', Buffer.concat([small, lying]), exactly(300)));
      }
    }
    await assert.rejects(() => unpacked('zstd', Buffer.concat([small, small]), exactly(300)));
    await assert.rejects(() => unpacked('zstd', Buffer.concat([small, small]), exactly(600)));
    assert.ok(process.memoryUsage().rss - before < 256 * 1024 * 1024);
    assert.equal((await unpacked('zstd', small, exactly(300))).length, 300);
  });

  test('zstd with a checksum: content that was changed is told', async () => {
    // Of bytes that do not compress: they stand in the frame as they are.
    const bytes = Uint8Array.from({ length: 200 }, (_, at) => (at * at * 31) % 251);
    const good = await packed({ codec: 'zstd', level: 3, hasChecksum: true }, bytes);
    assert.deepEqual(await unpacked('zstd', good, exactly(200)), bytes);
    for (const at of [20, 100, good.length - 5, good.length - 4, good.length - 1]) {
      const changed = Buffer.from(good);
      changed[at] = (good[at] as number) ^ 1;
      await assert.rejects(() => unpacked('zstd', changed, exactly(200)), `${at}`);
    }
  });

  test('at most: what says that it is more is not unpacked', async () => {
    const bytes = new Uint8Array(3_000).fill(5);
    for (const codec of ['gzip', 'zstd', 'lz4', 'blosc'] as const) {
      const small = await packed({ codec, level: undefined }, bytes);
      assert.deepEqual(await unpacked(codec, small, atMost(3_000)), bytes, codec);
      assert.deepEqual(await unpacked(codec, small, atMost(9_000)), bytes, codec);
      await assert.rejects(() => unpacked(codec, small, atMost(2_999)), codec);
      await assert.rejects(() => unpacked(codec, small, exactly(3_001)), codec);
    }
    await assert.rejects(() => unpacked('gzip', gzipSync(Buffer.alloc(2 ** 24)), atMost(300)));
  });

  test('blosc that says another size than it has', async () => {
    const bytes = Uint8Array.from({ length: 40_000 }, (_, at) => (at * at) % 251);
    const small = await packed({ codec: 'blosc', level: undefined }, bytes);
    for (const size of [0, 1, 39_999, 40_001, 2 ** 31, 2 ** 32 - 1]) {
      const lying = Buffer.from(small);
      lying.writeUInt32LE(size, 4);
      await assert.rejects(() => unpacked('blosc', lying, exactly(40_000)), `${size}`);
    }
  });
});
