import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Label } from '../../src/core/cubes/axis.js';
import { convertElements } from '../../src/core/regions/cast.js';
import type { Dtype } from '../../src/core/space.js';
import { Timestamp } from '../../src/core/value.js';
import type { DatasetFormat } from '../../src/files/format.js';
import { formatNamed } from '../../src/files/formats.js';
import { type LabelledArray, writeLabelled } from '../../src/files/labelled.js';
import type { ElementType } from '../../src/formats/dataset.js';

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'attacca-labelled-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function named(name: string): DatasetFormat {
  const format = formatNamed(name);
  assert.ok(format.kind === 'dataset');
  return format;
}

interface Read {
  readonly type: ElementType;
  readonly dims: readonly (string | undefined)[];
  readonly shape: readonly (number | undefined)[];
  /** Numbers, or the text that all elements make. */
  readonly values: readonly number[] | string;
  readonly attributes: readonly string[];
}

/** What a file has, by the names of its variables. */
async function read(path: string, format: DatasetFormat): Promise<Map<string, Read>> {
  await using file = await format.open(path);
  const { dimensions, variables } = file.dataset;
  const found = new Map<string, Read>();
  for (const [
    place,
    { name, type, byteOrder, dimensions: own, attributes },
  ] of variables.entries()) {
    const shape = own.map((at) => dimensions[at]?.size ?? 0);
    const count = shape.reduce((product, size) => product * size, 1);
    const isText = type === 'char' || type.startsWith('string[');
    const size = isText ? Number(/\d+/u.exec(type)?.[0] ?? 1) : sizeOf(type);
    const bytes = new Uint8Array(count * size);
    await file.readInto(place, bytes, () => {});
    const numbers = new Float64Array(isText ? 0 : count);
    if (!isText) {
      const target = { bytes: new Uint8Array(numbers.buffer), dtype: 'float64' } as const;
      convertElements({ bytes, dtype: type, byteOrder }, { ...target, byteOrder: 'little' });
    }
    found.set(name, {
      ...{ type, shape, dims: own.map((at) => dimensions[at]?.name) },
      values: isText ? Buffer.from(bytes).toString() : [...numbers],
      attributes: attributes.map((each) => `${each.name}:${each.type}`),
    });
  }
  return found;
}

function sizeOf(type: ElementType): number {
  return type === 'bool' ? 1 : Number(/\d+/u.exec(type)?.[0]) / 8;
}

function arrayOf(
  dtype: Dtype,
  bytes: ArrayBufferView,
  coords: LabelledArray['coords'],
): LabelledArray {
  return {
    ...{ name: 'ens/t', dims: ['step', 'x'], coords },
    space: { dtype, shape: [2, 3], order: 'row', byteOrder: 'little' },
    bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    attributes: { units: 'K', _FillValue: -1, long_name: 'Temperature', flag: [1, 2] },
  };
}

for (const name of ['netcdf3', 'hdf5', 'zarr']) {
  test(`an array and its labels are variables of ${name}`, async (t) => {
    const format = named(name);
    const folder = await folderOf(t);
    const path = join(folder, `a${format.extensions[0]}`);
    const values = [1.5, 2, -3, 4, 5, 6e30];
    const days = ['2026-01-31', '2026-02-01T06:00Z'].map((day) => Timestamp.parse(day));
    const data = Float32Array.from(values);
    // Written twice: what is there is replaced.
    for (const steps of [[0, 6], days] as readonly (readonly Label[])[]) {
      const array = arrayOf('float32', data, { step: steps, x: [0, 0.5, 1e9] });
      await writeLabelled(array, path, format);
    }
    const found = await read(path, format);
    const main = found.get('ens_t');
    assert.deepEqual(main?.dims, ['step', 'x']);
    assert.deepEqual(main.values, [...data]);
    assert.deepEqual(main.type, 'float32');
    assert.ok(main.attributes.includes('_FillValue:float32') || name === 'zarr');
    assert.ok(main.attributes.some((each) => each.startsWith('units:')));
    assert.deepEqual(found.get('x')?.values, [0, 0.5, 1e9]);
    assert.deepEqual(found.get('step')?.values, [1_769_817_600, 1_769_925_600]);
    assert.deepEqual(found.get('step')?.dims, ['step']);
    assert.ok(found.get('step')?.attributes.some((each) => each.startsWith('units:')));
    assert.deepEqual(await readdir(folder), [`a${format.extensions[0]}`]);
  });

  test(`labels of every type are what ${name} has of them`, async (t) => {
    const format = named(name);
    const path = join(await folderOf(t), 'b');
    const data = Int16Array.of(1, 2, 3, 4, 5, 6);
    const read2 = async (step: readonly Label[]): Promise<Read | undefined> => {
      await writeLabelled(arrayOf('int16', data, { step }), path, format);
      const found = await read(path, format);
      assert.deepEqual(found.get('ens_t')?.values, [...data]);
      assert.equal(found.has('x'), false);
      return found.get('step');
    };
    assert.deepEqual((await read2([-7, 8]))?.values, [-7, 8]);
    assert.deepEqual((await read2([0, 2 ** 40]))?.values, [0, 2 ** 40]);
    assert.deepEqual((await read2([false, true]))?.values, [0, 1]);
    const texts = await read2(['t', 'q\u00e4']);
    assert.equal(texts?.values, 't\0\0q\u00e4');
    assert.deepEqual(texts.shape, name === 'netcdf3' ? [2, 3] : [2]);
    for (const labels of [
      [Uint8Array.of(1), Uint8Array.of(2)],
      ['a', 1],
    ] as const) {
      await assert.rejects(read2([...labels]), { code: 'bad-space' });
    }
  });
}

test('what a format has not, and a name that comes twice, are refused', async (t) => {
  const path = join(await folderOf(t), 'c');
  const wide = arrayOf('complex64', new Float32Array(12), { step: [0, 6] });
  await assert.rejects(writeLabelled(wide, path, named('netcdf3')), { code: 'bad-space' });
  await writeLabelled(wide, path, named('hdf5'));
  const twice = { ...wide, name: 'step' };
  await assert.rejects(writeLabelled(twice, path, named('hdf5')), { code: 'bad-name' });
  assert.equal((await read(path, named('hdf5'))).get('ens_t')?.type, 'complex64');
});
