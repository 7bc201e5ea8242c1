import { strict as assert } from 'node:assert';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Region } from '../../../src/core/regions/region.js';
import { itemSizeOf } from '../../../src/core/space.js';
import { ZarrStore } from '../../../src/levels/zarr/store.js';

/** What zarr-python 3 and xarray wrote: make.py. */
const STORES = fileURLToPath(
  new URL('../../../../test/levels/zarr/stores.json.gz', import.meta.url),
);
const root = mkdtempSync(join(tmpdir(), 'attacca-zarr-'));
after(() => rmSync(root, { recursive: true }));
const FILES = JSON.parse(gunzipSync(readFileSync(STORES)).toString()) as Record<string, string>;
for (const [name, content] of Object.entries(FILES)) {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.from(content, 'base64'));
}

const open = (name: string): ZarrStore => ZarrStore.open(join(root, name));

async function bytesOf(store: ZarrStore, name: string): Promise<Buffer> {
  const array = store.openArray(name);
  const region = Region.whole(array.info.shape);
  const bytes = Buffer.alloc(region.count * itemSizeOf(array.info.dtype));
  await array.readRegion(region, bytes);
  return bytes;
}

const COUNT = [0, 1, 2, 3, 4, 5];
const little = (
  write: (bytes: Buffer, value: number, at: number) => void,
  size: number,
): Buffer => {
  const bytes = Buffer.alloc(6 * size);
  for (const value of COUNT) write(bytes, value, value * size);
  return bytes;
};

test('types, with the codecs that zarr-python takes when it is told none', async () => {
  const store = open('plain');
  const expected: Record<string, Uint8Array> = {
    bool: Buffer.from([0, 1, 1, 1, 1, 1]),
    i1: Buffer.from(COUNT),
    u2: little((bytes, value, at) => bytes.writeUInt16LE(value, at), 2),
    i8: little((bytes, value, at) => bytes.writeBigInt64LE(BigInt(value), at), 8),
    f2: Buffer.from('0000003c0040004200440045', 'hex'),
    f4: little((bytes, value, at) => bytes.writeFloatLE(value, at), 4),
    f8: little((bytes, value, at) => bytes.writeDoubleLE(value, at), 8),
    c8: little((bytes, value, at) => bytes.writeFloatLE(value, at), 8),
    scalar: Buffer.from('0000000000000c40', 'hex'),
    texts: Buffer.from('ab\0\0cde\0\0\0\0\0'),
    raw: Buffer.from('a\0b\0\0\0'),
    nan: Buffer.from('0000c03f0000c03f0000c07f0000c07f', 'hex'),
  };
  for (const [name, bytes] of Object.entries(expected)) {
    assert.deepEqual(await bytesOf(store, name), Buffer.from(bytes), name);
  }
  const { dtype, codecs } = store.openArray('texts').info;
  assert.deepEqual(
    { dtype, codecs },
    {
      dtype: 'string[4]',
      codecs: [{ name: 'zstd', level: 0, checksum: false }],
    },
  );
  const four = little((bytes, value, at) => bytes.writeInt32LE(value, at), 4);
  assert.deepEqual(await bytesOf(store, 'big_i4'), four);
});

test('what cannot be read is refused by name, and listed all the same', () => {
  const store = open('plain');
  const refused = {
    unknown_utf32: /data_type "fixed_length_utf32" is not known/u,
    unknown_struct: /data_type "structured" is not known/u,
    unknown_string: /data_type "string" is not known/u,
    unknown_shards: /has the codec "sharding_indexed" where bytes should be/u,
  };
  for (const [name, message] of Object.entries(refused)) {
    assert.ok(store.arrays().includes(name), name);
    assert.throws(() => store.openArray(name), { code: 'not-a-zarr-store', message });
  }
});

const VALUES = Buffer.from(Float32Array.from({ length: 105 }, (_, at) => at).buffer);

test('codecs of others: blosc in four kinds, gzip, checksums, turned axes, streams', async () => {
  const store = open('codecs');
  const names = store.arrays();
  assert.equal(names.length, 9);
  for (const name of names) {
    const swapped = Buffer.from(VALUES).swap32();
    assert.deepEqual(await bytesOf(store, name), name === 'big' ? swapped : VALUES, name);
  }
  assert.deepEqual(store.openArray('turned').info.codecs, [
    { name: 'transpose', order: [2, 0, 1] },
    { name: 'zstd', level: 0, checksum: false },
  ]);
  const head = readFileSync(join(root, 'codecs/stream/c/0/0/0')).subarray(0, 6);
  assert.equal((head[4] as number) & 0xe0, 0, 'no size is said');
});

test('what xarray writes: names of dimensions, groups in groups, with metadata of all', async () => {
  const store = open('weather');
  assert.deepEqual(store.attributes, { title: 'air' });
  assert.deepEqual(store.arrays(), ['ocean/deep/salt', 't', 'time', 'x']);
  assert.deepEqual(store.groups(), [
    { name: 'ocean', attributes: { a: 1 } },
    { name: 'ocean/deep', attributes: { depth: 3000 } },
  ]);
  assert.deepEqual(store.openArray('t').info.dimensionNames, ['time', 'x']);
  assert.deepEqual(await bytesOf(store, 'ocean/deep/salt'), Buffer.from('23002400', 'hex'));
  const air = new Float32Array((await bytesOf(store, 't')).buffer);
  assert.deepEqual([...air], [1.5, Number.NaN, 3, 4, 5, 6]);
});

test('an array that is the whole store has the name of its folder', async () => {
  const store = open('alone.zarr');
  assert.deepEqual([store.arrays(), store.groups(), store.attributes], [['alone'], [], {}]);
  assert.deepEqual(store.openArray('alone').info.attributes, { units: 'm' });
  const found = new BigInt64Array((await bytesOf(store, 'alone')).buffer);
  assert.deepEqual([...found], [0n, 1n, 2n, 3n]);
  const { info } = store.openArray('alone');
  assert.throws(() => store.createArray('b', info), { message: /nothing can be in it/u });
  assert.throws(() => store.createGroup('b', {}), { message: /nothing can be in it/u });
});

test('a new array or group is not hidden by what a group keeps of all in it', () => {
  const path = join(root, 'weather');
  const store = open('weather');
  const read = (): string => readFileSync(join(path, 'zarr.json'), 'utf8');
  assert.match(read(), /consolidated_metadata/u);
  store.createArray('ocean/new/a', store.openArray('x').info);
  assert.doesNotMatch(read(), /consolidated_metadata/u);
  const again = open('weather');
  assert.deepEqual(again.attributes, { title: 'air' });
  assert.deepEqual(
    again.groups().map(({ name }) => name),
    ['ocean', 'ocean/deep', 'ocean/new'],
  );
  again.createGroup('ocean/new', { b: 2 });
  assert.deepEqual(again.groups()[2], { name: 'ocean/new', attributes: { b: 2 } });
  assert.throws(() => again.createArray('x/a', again.openArray('x').info), {
    code: 'not-a-zarr-store',
    message: /is no group/u,
  });
  assert.throws(() => again.createGroup('x', {}), { message: /is no group/u });
});

test('a chunk that says another size, or is cut, is told by its path', async () => {
  const path = join(root, 'codecs');
  const store = open('codecs');
  const small = { ...store.openArray('stream').info, chunk: [1, 1, 1] };
  for (const name of store.arrays()) {
    const file = join(path, name, 'c/1/0/1');
    const good = readFileSync(file);
    const refused = async (bytes: Uint8Array): Promise<void> => {
      writeFileSync(file, bytes);
      await assert.rejects(() => bytesOf(store, name), {
        code: 'not-a-zarr-store',
        fields: { path: file },
      });
    };
    for (const size of [0, 1, 5, 16, good.length >> 1, good.length - 1]) {
      await refused(good.subarray(0, size));
    }
    // The chunk of an array whose chunks are smaller, and one whose chunks are larger.
    const { codecs } = store.openArray(name).info;
    for (const chunk of [small.chunk, [8, 8, 8]]) {
      const other = ZarrStore.create(join(root, 'other'), {}).createArray('a', {
        ...small,
        ...{ chunk, codecs },
      });
      await other.writeRegion(Region.whole([5, 3, 7]), VALUES);
      await refused(readFileSync(join(root, 'other/a/c/0/0/0')));
      rmSync(join(root, 'other'), { recursive: true });
    }
    // Behind its own frame another one, or anything.
    await refused(Buffer.concat([good, good]));
    await refused(Buffer.concat([good, Buffer.from('rest')]));
    writeFileSync(file, good);
    await bytesOf(store, name);
  }
});
