import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { NetCDFReader } from 'netcdfjs';
import { AttaccaError } from '../../src/core/errors.js';
import { FileSource, MemorySource } from '../../src/formats/bytes.js';
import type { Attribute, Dataset, ElementType, Variable } from '../../src/formats/dataset.js';
import { elementSize } from '../../src/formats/element-size.js';
import { Netcdf3File } from '../../src/formats/netcdf3/reader.js';
import type { Netcdf3Layout } from '../../src/formats/netcdf3/types.js';
import { layOut, Netcdf3Writer } from '../../src/formats/netcdf3/writer.js';
import { fc } from '../fast-check.js';
import { MemorySink } from './memory-sink.js';
import { sharedData } from './shared-data.js';

/** All of a file again, in pieces of so many rows. */
function copy(file: Netcdf3File, layout: Netcdf3Layout, piece: number): Uint8Array {
  const sink = new MemorySink();
  const writer = new Netcdf3Writer(sink, file.dataset, layout);
  for (const [place, variable] of file.dataset.variables.entries()) {
    const first = variable.dimensions[0];
    const rows = first === undefined ? 1 : (file.dataset.dimensions[first]?.size ?? 0);
    for (let from = 0; from < rows; from += piece) {
      const bytes = new Uint8Array(Math.min(piece, rows - from) * file.rowBytes(place));
      file.readRows(place, from, bytes);
      writer.writeRows(place, from, bytes);
    }
  }
  return sink.bytes;
}

function refusalOf(bytes: Uint8Array): AttaccaError | null {
  try {
    new Netcdf3File(new MemorySource('a.nc', bytes));
    return null;
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    assert.equal(error.code, 'not-a-netcdf-file');
    return error;
  }
}

const real = sharedData('eraint_uvz.nc');

test('a real file comes out as it was, byte for byte', { skip: real.skip }, () => {
  using source = new FileSource(real.path);
  const file = new Netcdf3File(source);
  assert.deepEqual(
    file.dataset.variables.map((each) => each.name),
    ['longitude', 'latitude', 'level', 'z', 'u', 'v', 'month'],
  );
  const original = readFileSync(real.path);
  for (const piece of [1, 7, 1_000]) {
    const written = copy(file, file.dataset.layout, piece);
    assert.ok(original.equals(written), `pieces of ${piece} rows`);
  }
});

test('a real file cut at every 64th byte is refused', { skip: real.skip }, () => {
  const original = readFileSync(real.path);
  const whole = new Netcdf3File(new MemorySource('a.nc', original));
  const end = whole.headerSize + 4_096;
  for (let size = 0; size < end; size += 64) {
    const refusal = refusalOf(original.subarray(0, size));
    assert.ok(refusal !== null, `cut after ${size} bytes`);
  }
  const last = refusalOf(original.subarray(0, original.length - 1));
  assert.match(last?.message ?? '', /has 4168979 bytes, but "month" ends at byte 4168980/u);
});

const TYPES: readonly ElementType[] = [
  ...(['int8', 'char', 'int16', 'int32', 'float32', 'float64'] as const),
  ...(['uint8', 'uint16', 'uint32', 'int64', 'uint64'] as const),
];

/** deepEqual tells an object without a prototype from a plain one. */
const PLAIN = { noNullPrototype: true } as const;

function attributes(types: readonly ElementType[]): fc.Arbitrary<readonly Attribute[]> {
  const one = fc
    .record(
      { type: fc.constantFrom(...types), count: fc.nat({ max: 5 }), seed: fc.nat(255) },
      PLAIN,
    )
    .map(({ type, count, seed }) => ({
      ...{ type, byteOrder: 'big' as const },
      bytes: Uint8Array.from({ length: count * elementSize(type) }, (_, at) => (seed + at) % 256),
    }));
  return fc
    .array(one, { maxLength: 3 })
    .map((each) => each.map((attribute, at) => ({ ...attribute, name: `größe${at}` })));
}

/** Datasets with and without records, of classic types alone or of all. */
const datasets: fc.Arbitrary<Dataset> = fc
  .record({
    types: fc.constantFrom(TYPES.slice(0, 6), TYPES),
    sizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    records: fc.option(fc.nat({ max: 4 })),
  })
  .chain(({ types, sizes, records }) => {
    const dimensions = sizes.map((size, at) => {
      const unlimited = at === 0 && records !== null;
      return { name: `d${at}`, size: unlimited ? (records ?? 0) : size, unlimited };
    });
    const fixed = dimensions.flatMap((each, at) => (each.unlimited ? [] : [at]));
    const places = fc.record({
      isRecord: fc.boolean(),
      rest: fixed.length === 0 ? fc.constant([]) : fc.subarray(fixed),
    });
    const variable = fc.record({
      type: fc.constantFrom(...types),
      places,
      attributes: attributes(types),
    });
    return fc.record(
      {
        dimensions: fc.constant(dimensions),
        attributes: attributes(types),
        variables: fc.array(variable, { maxLength: 4 }).map((all) =>
          all.map(
            (each, at): Variable => ({
              ...{ name: `v${at}`, type: each.type, byteOrder: 'big', attributes: each.attributes },
              dimensions:
                each.places.isRecord && records !== null
                  ? [0, ...each.places.rest]
                  : each.places.rest,
            }),
          ),
        ),
      },
      PLAIN,
    );
  });

function rowsOf(dataset: Dataset, variable: Variable): number {
  const first = variable.dimensions[0];
  return first === undefined ? 1 : (dataset.dimensions[first]?.size ?? 0);
}

function write(dataset: Dataset): { bytes: Uint8Array; data: readonly Uint8Array[] } {
  const sink = new MemorySink();
  const writer = new Netcdf3Writer(sink, dataset);
  const data = dataset.variables.map((variable, place) => {
    let size = elementSize(variable.type);
    for (const each of variable.dimensions) size *= dataset.dimensions[each]?.size ?? 0;
    const bytes = Uint8Array.from({ length: size }, (_, at) => (at * 7 + place * 31 + 1) % 256);
    writer.writeRows(place, 0, bytes);
    return bytes;
  });
  return { bytes: sink.bytes, data };
}

test('what is written is read again, and written again the same', () => {
  fc.assert(
    fc.property(datasets, (dataset) => {
      const { bytes, data } = write(dataset);
      const file = new Netcdf3File(new MemorySource('a.nc', bytes));
      const { layout, ...read } = file.dataset;
      assert.deepEqual(read, dataset);
      const { header, ...made } = layout;
      assert.deepEqual(made, layOut(dataset));
      assert.deepEqual(header, bytes.slice(0, file.headerSize));
      for (const [place, variable] of dataset.variables.entries()) {
        const found = new Uint8Array(rowsOf(dataset, variable) * file.rowBytes(place));
        file.readRows(place, 0, found);
        assert.deepEqual(found, data[place]);
      }
      assert.deepEqual(copy(file, layout, 2), bytes);
      assert.deepEqual(copy(file, made, 1), bytes, 'its header is made anew');
    }),
  );
});

test('another reader finds in a written file what was written', () => {
  const dataset: Dataset = {
    dimensions: [
      { name: 'time', size: 3, unlimited: true },
      { name: 'x', size: 4, unlimited: false },
    ],
    attributes: [{ name: 'title', type: 'char', byteOrder: 'big', bytes: Buffer.from('test') }],
    variables: [
      { name: 't', type: 'int16', byteOrder: 'big', dimensions: [0, 1], attributes: [] },
      { name: 'mask', type: 'int8', byteOrder: 'big', dimensions: [1], attributes: [] },
      { name: 'h', type: 'float64', byteOrder: 'big', dimensions: [0], attributes: [] },
    ],
  };
  const sink = new MemorySink();
  const writer = new Netcdf3Writer(sink, dataset);
  const int16 = new DataView(new ArrayBuffer(24));
  for (let at = 0; at < 12; at += 1) int16.setInt16(at * 2, at - 4);
  const float64 = new DataView(new ArrayBuffer(24));
  for (let at = 0; at < 3; at += 1) float64.setFloat64(at * 8, at + 0.5);
  writer.writeRows(0, 0, new Uint8Array(int16.buffer));
  writer.writeRows(1, 0, Uint8Array.of(1, 0, 1, 1));
  writer.writeRows(2, 0, new Uint8Array(float64.buffer));
  const other = new NetCDFReader(sink.bytes);
  assert.deepEqual(other.getDataVariable('t'), [
    ...[
      [-4, -3, -2, -1],
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ],
  ]);
  assert.deepEqual(other.getDataVariable('mask').flat(), [1, 0, 1, 1]);
  assert.deepEqual(other.getDataVariable('h'), [0.5, 1.5, 2.5]);
  assert.equal(other.getAttribute('title'), 'test');
});

test('a file that is still written has the records that are there', () => {
  const dataset: Dataset = {
    dimensions: [{ name: 'time', size: 5, unlimited: true }],
    attributes: [],
    variables: [
      { name: 'a', type: 'int32', byteOrder: 'big', dimensions: [0], attributes: [] },
      { name: 'b', type: 'int8', byteOrder: 'big', dimensions: [0], attributes: [] },
    ],
  };
  const { bytes } = write(dataset);
  bytes.fill(0xff, 4, 8);
  const file = new Netcdf3File(new MemorySource('a.nc', bytes.subarray(0, bytes.length - 3)));
  assert.equal(file.dataset.dimensions[0]?.size, 4, 'the last record is not all there');
});

test('a file with any bytes changed is read within its size, or refused', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(datasets, changes, (dataset, changed) => {
      const { bytes } = write(dataset);
      for (const [at, value] of changed) bytes[at % Math.min(bytes.length, 200)] = value;
      if (refusalOf(bytes) !== null) return;
      const file = new Netcdf3File(new MemorySource('a.nc', bytes));
      for (const [place, variable] of file.dataset.variables.entries()) {
        const size = rowsOf(file.dataset, variable) * file.rowBytes(place);
        assert.ok(size <= bytes.length * file.dataset.variables.length, 'no more than is there');
        file.readRows(place, 0, new Uint8Array(size));
      }
    }),
  );
});

test('sizes that no file has are refused before anything is made of them', () => {
  const huge = [0x10, 0, 0, 0, 0, 0, 0, 0];
  const records = [0, 0, 0, 0, 0, 0, 0, 0];
  const cases: readonly (readonly [string, readonly number[], RegExp])[] = [
    ['wrong magic', [0x89, 0x48, 0x44, 0x46], /does not begin with "CDF"/u],
    ['empty', [], /does not begin with "CDF"/u],
    ['version', [0x43, 0x44, 0x46, 3], /version 3 of NetCDF-3/u],
    ['records of 2^60', [0x43, 0x44, 0x46, 5, ...huge], /more records than 2\^53/u],
    ['2^60 dimensions', [0x43, 0x44, 0x46, 5, ...records, 0, 0, 0, 10, ...huge], /a size of 1152/u],
    [
      '2^32 dimensions',
      [0x43, 0x44, 0x46, 1, 0, 0, 0, 0, 0, 0, 0, 10, 255, 255, 255, 255],
      /room/u,
    ],
  ];
  for (const [name, bytes, message] of cases) {
    assert.match(refusalOf(Uint8Array.from(bytes))?.message ?? '', message, name);
  }
});

test('a type that NetCDF-3 does not have is refused', () => {
  const variables: readonly Variable[] = [
    { name: 'c', type: 'complex64', byteOrder: 'big', dimensions: [], attributes: [] },
  ];
  assert.throws(
    () => new Netcdf3Writer(new MemorySink(), { dimensions: [], attributes: [], variables }),
    { code: 'bad-space', message: /NetCDF-3 has no such type/u },
  );
});
