import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AxisSet } from '../../../src/core/regions/axis-set.js';
import { Region } from '../../../src/core/regions/region.js';
import { DTYPES, itemSizeOf, type NumericDtype } from '../../../src/core/space.js';
import { BLOSC_SHUFFLES, type ZarrCodec } from '../../../src/levels/zarr/codecs.js';
import type { ZarrArrayInfo } from '../../../src/levels/zarr/metadata.js';
import { ZarrStore } from '../../../src/levels/zarr/store.js';
import { fc } from '../../fast-check.js';
import { scratch } from '../scratch.js';

const INFO: ZarrArrayInfo = {
  ...{ dtype: 'float32', shape: [5, 7], chunk: [2, 3], byteOrder: 'little' },
  separator: '/',
  ...{ codecs: [], fillValue: 'NaN', dimensionNames: ['lat', null], attributes: { units: 'K' } },
};

const CODECS: readonly (readonly ZarrCodec[])[] = [
  ...[[], [{ name: 'gzip', level: 1 } as const], [{ name: 'crc32c' } as const]],
  [{ name: 'gzip', level: 0 }, { name: 'crc32c' }],
  [{ name: 'zstd', level: 0, checksum: false }],
  [{ name: 'zstd', level: 1, checksum: true }],
  [{ name: 'crc32c' }, { name: 'zstd', level: 19, checksum: false }, { name: 'crc32c' }],
  [
    { name: 'gzip', level: 1 },
    { name: 'zstd', level: -5, checksum: false },
  ],
  ...BLOSC_SHUFFLES.map((shuffle) => [
    {
      ...{ name: 'blosc' as const, cname: 'zstd' as const, clevel: 3, shuffle },
      ...{ typesize: 4, blocksize: 0 },
    },
  ]),
];

const PLAIN = { noNullPrototype: true } as const;

const infos: fc.Arbitrary<ZarrArrayInfo> = fc
  .record(
    {
      dtype: fc.constantFrom(...(Object.keys(DTYPES) as NumericDtype[]), 'string[3]' as const),
      salt: fc.nat(),
      axes: fc.array(
        fc.record({ size: fc.integer({ min: 0, max: 6 }), chunk: fc.integer({ min: 1, max: 8 }) }),
        { maxLength: 3 },
      ),
      byteOrder: fc.constantFrom('little' as const, 'big' as const),
      codecs: fc.constantFrom(...CODECS),
      separator: fc.constantFrom('/' as const, '.' as const),
    },
    PLAIN,
  )
  .map(({ dtype, axes, byteOrder, codecs, separator, salt }) => ({
    ...{ dtype, separator, dimensionNames: null, attributes: { a: [1, null, 'ü'] } },
    codecs: [...transposes(axes.length, salt), ...codecs],
    shape: axes.map(({ size }) => size),
    chunk: axes.map(({ chunk }) => chunk),
    byteOrder: dtype === 'string[3]' || itemSizeOf(dtype) === 1 ? ('little' as const) : byteOrder,
    fillValue: fillFor(dtype),
  }));

function fillFor(dtype: string): ZarrArrayInfo['fillValue'] {
  if (dtype === 'string[3]') return 'YWI=';
  if (dtype === 'bool') return true;
  return dtype.startsWith('complex') ? [1, 2] : 3;
}

/** None, or up to two of them, which turn the axes round. */
function transposes(dimensions: number, salt: number): readonly ZarrCodec[] {
  const axes = Array.from({ length: dimensions }, (_, at) => at);
  const turned = (by: number): ZarrCodec => ({
    name: 'transpose',
    order: axes.map((axis) => (axis + by) % dimensions),
  });
  return Array.from({ length: salt % 3 }, (_, at) => turned((salt >> 2) + at));
}

function bytesOf(size: number, salt: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 13 + salt) % 256);
}

test('an array that is written is read again, with all that is told of it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'attacca-zarr-'));
  try {
    await fc.assert(
      fc.asyncProperty(infos, fc.nat(255), async (info, salt) => {
        const path = join(root, 'store');
        rmSync(path, { recursive: true, force: true });
        const store = ZarrStore.create(path, { title: 'x' });
        const whole = Region.whole(info.shape);
        const bytes = bytesOf(whole.count * itemSizeOf(info.dtype), salt);
        await store.createArray('a', info).writeRegion(whole, bytes);
        const again = ZarrStore.open(path);
        assert.deepEqual(again.attributes, { title: 'x' });
        assert.deepEqual(again.arrays(), ['a']);
        const array = again.openArray('a');
        assert.deepEqual(array.info, info);
        const found = new Uint8Array(bytes.length);
        await array.readRegion(whole, found);
        assert.deepEqual(found, bytes);
      }),
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('regions are written and read as in one plain array', async () => {
  const root = mkdtempSync(join(tmpdir(), 'attacca-zarr-'));
  const cut = (size: number): fc.Arbitrary<AxisSet> =>
    fc
      .tuple(fc.nat({ max: size - 1 }), fc.nat({ max: size - 1 }))
      .map(([one, other]) => AxisSet.range(Math.min(one, other), Math.max(one, other) + 1));
  const box = fc.tuple(cut(5), cut(7)).map((axes) => Region.box([5, 7], axes));
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(box, { minLength: 1, maxLength: 6 }), async (regions) => {
        const path = join(root, 'store');
        rmSync(path, { recursive: true, force: true });
        const array = ZarrStore.create(path, {}).createArray('a', {
          ...INFO,
          dtype: 'uint8',
          fillValue: 9,
        });
        const model = new Uint8Array(35).fill(9);
        for (const [salt, region] of regions.entries()) {
          const bytes = bytesOf(region.count, salt);
          await array.writeRegion(region, bytes);
          let next = 0;
          for (let row = 0; row < 5; row += 1) {
            for (let column = 0; column < 7; column += 1) {
              if (!region.has([row, column])) continue;
              model[row * 7 + column] = bytes[next] as number;
              next += 1;
            }
          }
        }
        const found = new Uint8Array(35);
        await array.readRegion(Region.whole([5, 7]), found);
        assert.deepEqual(found, model);
      }),
      { numRuns: 50 },
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('what was never written has the fill value, bit for bit', async (t) => {
  const store = ZarrStore.create(await scratch(t), {});
  const region = Region.box([5, 7], [AxisSet.range(4, 5), AxisSet.range(6, 7)]);
  const cases: readonly (readonly [Partial<ZarrArrayInfo>, readonly number[]])[] = [
    [{ fillValue: 'NaN' }, [0, 0, 0xc0, 0x7f]],
    [{ fillValue: '0x7fc00001' }, [1, 0, 0xc0, 0x7f]],
    [{ fillValue: '-Infinity', byteOrder: 'big' }, [0xff, 0x80, 0, 0]],
    [{ dtype: 'int16', fillValue: -2 }, [0xfe, 0xff]],
    [{ dtype: 'int64', fillValue: -1, byteOrder: 'big' }, Array.from({ length: 8 }, () => 255)],
    [{ dtype: 'int64', fillValue: '-9223372036854775808' }, [0, 0, 0, 0, 0, 0, 0, 128]],
    [{ dtype: 'uint64', fillValue: '18446744073709551615' }, Array.from({ length: 8 }, () => 255)],
    [{ dtype: 'int64', fillValue: '9007199254740993' }, [1, 0, 0, 0, 0, 0, 32, 0]],
    [{ dtype: 'float64', fillValue: '18446744073709551616' }, [0, 0, 0, 0, 0, 0, 240, 67]],
    [{ dtype: 'bool', fillValue: true }, [1]],
    [{ dtype: 'complex64', fillValue: [1, 'NaN'] }, [0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f]],
    [{ dtype: 'float16', fillValue: 1 }, [0, 0x3c]],
    [{ dtype: 'string[4]', fillValue: 'YWI=' }, [0x61, 0x62, 0, 0]],
  ];
  for (const [at, [changed, expected]] of cases.entries()) {
    const array = store.createArray(`a${at}`, { ...INFO, ...changed });
    const bytes = new Uint8Array(expected.length);
    await array.readRegion(region, bytes);
    assert.deepEqual([...bytes], expected, JSON.stringify(changed));
  }
});

test('integers beyond 2^53 are written as they were read, whatever attributes say', async (t) => {
  const root = await scratch(t);
  const store = ZarrStore.create(root, {});
  const fillValue = '-9223372036854775808';
  const note = ', "fill_value": 12345678901234567890,';
  const attributes = { note, fill_value: fillValue };
  store.createArray('a', { ...INFO, dtype: 'int64', fillValue, attributes });
  const path = join(root, 'a', 'zarr.json');
  assert.match(readFileSync(path, 'utf8'), /^ {2}"fill_value": -9223372036854775808,$/mu);
  const { info } = ZarrStore.open(root).openArray('a');
  assert.deepEqual([info.fillValue, info.attributes], [fillValue, attributes]);
  for (const [dtype, value] of [
    ['int64', '9223372036854775808'],
    ['uint64', '-9223372036854775808'],
    ['int32', '9007199254740993'],
  ] as const) {
    const wrong = (): unknown => store.createArray('b', { ...INFO, dtype, fillValue: value });
    assert.throws(wrong, { code: 'not-a-zarr-store' }, `${dtype} ${value}`);
  }
});

test('of many writes into one chunk, through one array at once, none is lost', async (t) => {
  const store = ZarrStore.create(await scratch(t), {});
  const shape = [24];
  const array = store.createArray('a', {
    ...{ ...INFO, dtype: 'uint8', shape, chunk: [24], fillValue: 0, dimensionNames: null },
  });
  const writes = Array.from({ length: 24 }, (_, at) => {
    const region = Region.box(shape, [AxisSet.range(at, at + 1)]);
    return array.writeRegion(region, Uint8Array.of(at + 1));
  });
  await Promise.all(writes);
  const read = new Uint8Array(24);
  await array.readRegion(Region.whole(shape), read);
  assert.deepEqual(
    [...read],
    Array.from({ length: 24 }, (_, at) => at + 1),
  );
});

test('the checksum is the one that others use', async (t) => {
  const path = await scratch(t);
  const info: ZarrArrayInfo = { ...INFO, dtype: 'uint8', shape: [9], chunk: [9], fillValue: 0 };
  const codecs: readonly ZarrCodec[] = [{ name: 'crc32c' }];
  const array = ZarrStore.create(path, {}).createArray('a', {
    ...info,
    codecs,
    dimensionNames: null,
  });
  await array.writeRegion(Region.whole([9]), Buffer.from('123456789'));
  const file = readFileSync(join(path, 'a/c/0'));
  assert.equal(file.readUInt32LE(9), 0xe306_9283, 'the check value of CRC-32C');
});

test('a damaged chunk is told and never taken for data; nothing is left of a write', async (t) => {
  const path = await scratch(t);
  const whole = Region.whole([5, 7]);
  for (const [at, codecs] of CODECS.entries()) {
    const array = ZarrStore.create(path, {}, { sync: true }).createArray(`a${at}`, {
      ...INFO,
      codecs,
    });
    await array.writeRegion(whole, bytesOf(140, 1));
    const folder = join(path, `a${at}`, 'c/0');
    assert.deepEqual(readdirSync(folder).sort(), ['0', '1', '2']);
    const file = join(folder, '1');
    const good = readFileSync(file);
    for (let size = 0; size < good.length; size += 1) {
      writeFileSync(file, good.subarray(0, size));
      await assert.rejects(() => array.readRegion(whole, new Uint8Array(140)), {
        code: 'not-a-zarr-store',
      });
    }
    if (codecs.at(-1)?.name !== 'crc32c') continue;
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const flipped = Buffer.from(good);
      flipped[bit >> 3] = (good[bit >> 3] as number) ^ (1 << (bit & 7));
      writeFileSync(file, flipped);
      await assert.rejects(() => array.readRegion(whole, new Uint8Array(140)), {
        code: 'not-a-zarr-store',
      });
    }
  }
  const bomb = ZarrStore.open(path).openArray('a1');
  const { gzipSync } = await import('node:zlib');
  writeFileSync(join(path, 'a1/c/0/1'), gzipSync(Buffer.alloc(16 * 1024 * 1024)));
  await assert.rejects(() => bomb.readRegion(whole, new Uint8Array(140)), /gzip does not unpack/u);
  writeFileSync(join(path, 'a1/c/0/1'), Buffer.alloc(1024 * 1024));
  await assert.rejects(() => bomb.readRegion(whole, new Uint8Array(140)), { code: 'too-large' });
});

test('what a zarr.json says wrongly, or is not known, is refused by name', async (t) => {
  const path = await scratch(t);
  assert.throws(() => ZarrStore.open(path), {
    code: 'not-a-zarr-store',
    message: /no zarr\.json/u,
  });
  const store = ZarrStore.create(path, {});
  store.createArray('a', INFO);
  const file = join(path, 'a/zarr.json');
  const good = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const grid = (chunk_shape: unknown): unknown => ({
    name: 'regular',
    configuration: { chunk_shape },
  });
  const bytes = { name: 'bytes', configuration: { endian: 'little' } };
  const transpose = (order: unknown): unknown => ({ name: 'transpose', configuration: { order } });
  const blosc = (changed: object): unknown => {
    const right = { cname: 'lz4', clevel: 5, shuffle: 'shuffle', typesize: 4, blocksize: 0 };
    return { name: 'blosc', configuration: { ...right, ...changed } };
  };
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ zarr_format: 2 }, /not of Zarr 3/u],
    [{ node_type: 'group' }, /is no array/u],
    [{ data_type: 'string' }, /data_type "string" is not known/u],
    [{ data_type: { name: 'fixed_length_utf32' } }, /data_type "fixed_length_utf32" is not/u],
    [{ data_type: { name: 'structured' } }, /data_type "structured" is not known/u],
    [{ data_type: 'r12' }, /have 1 to 65536 bytes, not 1.5/u],
    [{ data_type: { name: 'raw_bytes' } }, /not undefined/u],
    [{ shape: [5, -7] }, /shape is no list/u],
    [{ shape: Array.from({ length: 17 }, () => 1) }, /17 dimensions/u],
    [{ chunk_grid: grid([2]) }, /other dimensions/u],
    [{ chunk_grid: grid([0, 3]) }, /chunk_shape is no list/u],
    [{ chunk_grid: grid([2 ** 40, 2 ** 20]) }, /more than 536870912 bytes/u],
    [{ codecs: [] }, /codec "" where bytes should be/u],
    [{ codecs: [{ name: 'sharding_indexed' }] }, /codec "sharding_indexed" where bytes/u],
    [{ codecs: [bytes, transpose([1, 0])] }, /"transpose" stands where/u],
    [{ codecs: [transpose([1, 1]), bytes] }, /"transpose" has a configuration.*\[1,1\]/u],
    [{ codecs: [transpose('C'), bytes] }, /"transpose" has a configuration/u],
    [{ codecs: [transpose([0]), bytes] }, /"transpose" has a configuration/u],
    [{ codecs: [bytes, bytes] }, /"bytes" is not known/u],
    [{ codecs: [bytes, { name: 'zip9' }] }, /"zip9" is not known; known are transpose/u],
    [{ codecs: [bytes, { name: 'gzip', configuration: { level: 10 } }] }, /"gzip" has a conf/u],
    [{ codecs: [bytes, { name: 'zstd', configuration: { level: 23 } }] }, /"zstd" has a conf/u],
    [{ codecs: [bytes, blosc({ cname: 'lzma' })] }, /"blosc" has a configuration/u],
    [{ codecs: [bytes, blosc({ shuffle: 1 })] }, /"blosc" has a configuration/u],
    [{ codecs: [bytes, blosc({ typesize: 0 })] }, /"blosc" has a configuration/u],
    [{ codecs: [{ name: 'bytes' }] }, /no byte order/u],
    [{ fill_value: 'x' }, /fill_value "x" is no float32/u],
    [{ fill_value: null }, /fill_value null is no float32/u],
    [{ data_type: 'r16', fill_value: [1, 256] }, /fill_value \[1,256\] is no string\[2\]/u],
    [{ data_type: 'r16', fill_value: 'YWJj' }, /fill_value "YWJj" is no string\[2\]/u],
    [{ data_type: 'r16', fill_value: 'a' }, /fill_value "a" is no string\[2\]/u],
    [{ dimension_names: ['a'] }, /not one for each/u],
    [{ chunk_key_encoding: { name: 'v2' } }, /chunk_key_encoding is not known/u],
    [{ attributes: [] }, /attributes are no object/u],
  ];
  for (const [changed, message] of cases) {
    writeFileSync(file, JSON.stringify({ ...good, ...changed }));
    assert.throws(() => store.openArray('a'), { code: 'not-a-zarr-store', message });
  }
  for (const text of ['', '[]', '{', 'null']) {
    writeFileSync(file, text);
    assert.throws(() => store.openArray('a'), { code: 'not-a-zarr-store' });
  }
  for (const name of ['', '.', '..', 'a/', '/a', 'a//b', 'a/../b', '../x', '__x', 'zarr.json']) {
    assert.throws(() => store.createArray(name, INFO), { code: 'bad-name' }, name);
  }
  assert.ok(!existsSync(join(path, '../x')));
});
