import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Region } from '../../../src/core/regions/region.js';
import { DTYPES, itemSizeOf, type NumericDtype } from '../../../src/core/space.js';
import type { ZarrCodec } from '../../../src/levels/zarr/codecs.js';
import type { ZarrArrayInfo } from '../../../src/levels/zarr/metadata.js';
import { ZarrStore } from '../../../src/levels/zarr/store.js';

/** Others that read what we write, and how they are installed. */
const INSTALL = 'pip install "zarr>=3" xarray numpy';
const MS_MAX = 60_000;

function python(program: string): { status: number | null; told: string } {
  const options = { encoding: 'utf8', timeout: MS_MAX } as const;
  const { status, stdout, stderr } = spawnSync('python3', ['-W', 'ignore', '-c', program], options);
  return { status, told: `${stdout ?? ''}${stderr ?? ''}` };
}

const isThere = python('import zarr, xarray; assert zarr.__version__ >= "3"').status === 0;
const skip = isThere ? false : `python3 has not all that reads Zarr 3: ${INSTALL}`;

const folder = mkdtempSync(join(tmpdir(), 'attacca-zarr-python-'));
after(() => rmSync(folder, { recursive: true }));

const SHAPE = [5, 3, 7];
const ZSTD: ZarrCodec = { name: 'zstd', level: 0, checksum: false };

const CODECS: Readonly<Record<string, readonly ZarrCodec[]>> = {
  none: [],
  gzip: [{ name: 'gzip', level: 5 }],
  zstd: [ZSTD],
  checked: [{ ...ZSTD, checksum: true }],
  low: [{ ...ZSTD, level: -3 }],
  crc: [{ name: 'zstd', level: 19, checksum: false }, { name: 'crc32c' }],
  turned: [{ name: 'transpose', order: [2, 0, 1] }, ZSTD],
  ...Object.fromEntries(
    (['lz4', 'lz4hc', 'blosclz', 'zstd', 'zlib'] as const).map((cname, at) => [
      `blosc_${cname}`,
      [
        {
          ...{ name: 'blosc' as const, cname, clevel: 5, typesize: 8, blocksize: 0 },
          shuffle: (['noshuffle', 'shuffle', 'bitshuffle'] as const)[at % 3] ?? 'shuffle',
        },
      ],
    ]),
  ),
};

function infoOf(changed: Partial<ZarrArrayInfo>): ZarrArrayInfo {
  return {
    ...{ dtype: 'float32', shape: SHAPE, chunk: [2, 3, 4], byteOrder: 'little', codecs: [ZSTD] },
    separator: '/',
    ...{ fillValue: 0, dimensionNames: ['a', 'b', 'c'], attributes: { units: 'K' } },
    ...changed,
  };
}

/** 0 or 1 in each byte: a number, and a truth value, in each type. */
function bytesOf(info: ZarrArrayInfo): Uint8Array {
  const size = Region.whole(info.shape).count * itemSizeOf(info.dtype);
  return Uint8Array.from({ length: size }, (_, at) => (at % 7 === 0 ? 1 : 0));
}

const fillOf = (dtype: string): ZarrArrayInfo['fillValue'] =>
  dtype === 'bool' ? false : dtype.startsWith('complex') ? [0, 0] : 0;

/** Arrays of each type and each codec. */
function arrays(): ReadonlyMap<string, ZarrArrayInfo> {
  const types = (Object.keys(DTYPES) as NumericDtype[]).flatMap((dtype) => {
    const info = infoOf({ dtype, fillValue: fillOf(dtype) });
    const big = infoOf({ dtype, fillValue: fillOf(dtype), byteOrder: 'big' });
    const isOne = itemSizeOf(dtype) === 1;
    return [[dtype, info] as const, ...(isOne ? [] : [[`big/${dtype}`, big] as const])];
  });
  const codecs = Object.entries(CODECS).map(
    ([name, each]) => [`codecs/${name}`, infoOf({ codecs: each })] as const,
  );
  const text = infoOf({ dtype: 'string[3]', fillValue: '' });
  return new Map([...types, ...codecs, ['text', text]]);
}

test('zarr-python reads what we write, and we read what it makes of it', { skip }, async () => {
  const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
  const store = ZarrStore.create(ours, { title: 'Grüße' });
  store.createGroup('codecs', { inner: true });
  for (const [name, info] of arrays()) {
    await store.createArray(name, info).writeRegion(Region.whole(SHAPE), bytesOf(info));
  }
  const { status, told } = python(`
import zarr
ours = zarr.open_group(${JSON.stringify(ours)}, mode="r")
theirs = zarr.open_group(${JSON.stringify(theirs)}, mode="w", zarr_format=3)
theirs.attrs.update(ours.attrs)
for name, each in sorted(ours.members(max_depth=None)):
    if isinstance(each, zarr.Group):
        theirs.create_group(name, attributes=dict(each.attrs))
    else:
        one = theirs.create_array(name, data=each[:], chunks=each.chunks, filters=each.filters,
            compressors=each.compressors, serializer=each.serializer, fill_value=each.fill_value,
            dimension_names=each.metadata.dimension_names, attributes=dict(each.attrs))
        assert (one[:] == each[:]).all()
zarr.consolidate_metadata(${JSON.stringify(theirs)})
`);
  assert.equal(status, 0, told);
  const again = ZarrStore.open(theirs);
  assert.deepEqual(again.attributes, { title: 'Grüße' });
  assert.deepEqual(again.arrays(), [...arrays().keys()].sort());
  assert.deepEqual(again.groups(), [
    { name: 'big', attributes: {} },
    { name: 'codecs', attributes: { inner: true } },
  ]);
  for (const [name, info] of arrays()) {
    const array = again.openArray(name);
    assert.deepEqual(array.info, info, name);
    const found = new Uint8Array(bytesOf(info).length);
    await array.readRegion(Region.whole(SHAPE), found);
    assert.deepEqual(found, bytesOf(info), name);
  }
});

test('xarray reads what we write, and we read what it writes', { skip }, async () => {
  const [ours, theirs] = [join(folder, 'ours-x'), join(folder, 'theirs-x')];
  const store = ZarrStore.create(ours, { title: 'air' });
  const info = infoOf({ shape: [2, 3], chunk: [1, 3], dimensionNames: ['time', 'x'] });
  const attributes = { units: 'hours since 2024-01-01' };
  const time = infoOf({ dtype: 'int64', shape: [2], chunk: [2], dimensionNames: ['time'] });
  const values = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  await store.createArray('t', info).writeRegion(Region.whole([2, 3]), values);
  await store
    .createArray('time', { ...time, attributes })
    .writeRegion(Region.whole([2]), new Uint8Array(BigInt64Array.of(0n, 6n).buffer));
  const { status, told } = python(`
import xarray
d = xarray.open_zarr(${JSON.stringify(ours)}, consolidated=False)
print(dict(d.sizes), d.title, d.t.units, d.t.values.tolist())
print(d.time.values.astype("datetime64[h]").tolist()[1].isoformat())
d.to_zarr(${JSON.stringify(theirs)}, mode="w", zarr_format=3)
(d.drop_encoding() * 2).to_zarr(${JSON.stringify(`${theirs}-2`)}, mode="w", zarr_format=3)
`);
  assert.equal(status, 0, told);
  assert.deepEqual(told.trim().split('\n'), [
    "{'time': 2, 'x': 3} air K [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]",
    '2024-01-01T06:00:00',
  ]);
  for (const [path, factor] of [[theirs, 1] as const, [`${theirs}-2`, 2] as const]) {
    const array = ZarrStore.open(path).openArray('t');
    assert.deepEqual(array.info.dimensionNames, ['time', 'x']);
    const found = new Uint8Array(24);
    await array.readRegion(Region.whole([2, 3]), found);
    const expected = [1, 2, 3, 4, 5, 6].map((each) => each * factor);
    assert.deepEqual([...new Float32Array(found.buffer)], expected, path);
  }
});
