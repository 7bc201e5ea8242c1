import { strict as assert } from 'node:assert';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AttaccaError } from '../../src/core/errors.js';
import { MemorySource } from '../../src/formats/bytes.js';
import type { Attribute, Dataset, Variable } from '../../src/formats/dataset.js';
import { elementSize } from '../../src/formats/element-size.js';
import type { Hdf5Layout } from '../../src/formats/hdf5/layout.js';
import { plainLayout } from '../../src/formats/hdf5/layout.js';
import { Hdf5Library } from '../../src/formats/hdf5/library.js';
import { Hdf5File } from '../../src/formats/hdf5/reader.js';
import { storedFill } from '../../src/formats/hdf5/stored-header.js';
import { Hdf5Writer } from '../../src/formats/hdf5/writer.js';
import { fc } from '../fast-check.js';
import { rowsOf } from './rows.js';
import { sharedData } from './shared-data.js';

const FIXTURES = fileURLToPath(new URL('../../../test/formats/hdf5/', import.meta.url));
const library = await Hdf5Library.load();
const folder = mkdtempSync(join(tmpdir(), 'attacca-hdf5-'));
after(() => rmSync(folder, { recursive: true }));

function countOf({ dimensions }: Dataset, variable: Variable): number {
  const first = variable.dimensions[0];
  return first === undefined ? 1 : (dimensions[first]?.size ?? 0);
}

function allOf(file: Hdf5File, place: number, piece = 1_000): Uint8Array {
  const rows = countOf(file.dataset, file.dataset.variables[place] as Variable);
  const all: Uint8Array[] = [];
  for (let from = 0; from < rows; from += piece) {
    all.push(file.readBlock(place, rowsOf(file.dataset, place, from, piece)));
  }
  return new Uint8Array(Buffer.concat(all));
}

function bytesOf(file: Hdf5File, name: string): Uint8Array {
  const place = file.dataset.variables.findIndex((each) => each.name === name);
  assert.ok(place >= 0, name);
  return allOf(file, place);
}

/** Writes a dataset, in pieces of rows, and opens what was written. */
function written(
  dataset: Dataset,
  layout: Hdf5Layout,
  bytes: (place: number) => Uint8Array,
  piece = 1_000,
): Hdf5File {
  const path = join(folder, 'written.nc');
  rmSync(path, { force: true });
  using writer = new Hdf5Writer(library, path, dataset, layout);
  for (const [place, variable] of dataset.variables.entries()) {
    const all = bytes(place);
    const rows = countOf(dataset, variable);
    for (let from = 0; from < rows; from += piece) {
      const row = all.length / rows;
      const bytesOfRows = all.subarray(from * row, Math.min(rows, from + piece) * row);
      writer.writeBlock(place, rowsOf(dataset, place, from, piece), bytesOfRows);
    }
  }
  writer.close();
  return new Hdf5File(library, path);
}

const real = sharedData('basin_mask.nc');

test('a real file is written and read again: all but its bytes', { skip: real.skip }, () => {
  using file = new Hdf5File(library, real.path);
  const { dataset } = file;
  assert.deepEqual(
    dataset.variables.map(({ name, type }) => `${name} ${type}`),
    ['X float32', 'Y float32', 'Z float32', 'basin int8'],
  );
  assert.deepEqual(
    dataset.dimensions.map(({ name, size }) => `${name} ${size}`),
    ['X 360', 'Y 180', 'Z 33'],
  );
  assert.deepEqual(file.skipped, []);
  // What ncdump and h5py say of it: 100 is missing, 58 basins.
  const basin = new Int8Array(bytesOf(file, 'basin').buffer);
  assert.equal(basin.length, 33 * 180 * 360);
  assert.equal(Math.min(...new Set(basin)), -100);
  assert.equal(Math.max(...new Set(basin)), 58);
  for (const piece of [1, 7, 1_000]) {
    using again = written(dataset, dataset.layout, (place) => allOf(file, place), piece);
    assert.deepEqual(again.dataset, dataset, `pieces of ${piece} rows`);
    for (const place of dataset.variables.keys()) {
      assert.deepEqual(allOf(again, place, piece), allOf(file, place));
    }
  }
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Of types.h5: name, type, byte order, and the first elements as they lie. */
const TYPES: readonly (readonly [name: string, type: string, byteOrder: string, first: string])[] =
  [
    ['i1', 'int8', 'little', '000306'],
    ['u1', 'uint8', 'little', '000306'],
    ['i2', 'int16', 'little', '000003000600'],
    ['u2', 'uint16', 'little', '000003000600'],
    ['i4', 'int32', 'little', '0000000003000000'],
    ['u4', 'uint32', 'little', '0000000003000000'],
    ['i8', 'int64', 'little', '00000000000000000300000000000000'],
    ['u8', 'uint64', 'little', '00000000000000000300000000000000'],
    ['f2', 'float16', 'little', '00000042'],
    ['f4', 'float32', 'little', '0000000000004040'],
    ['f8', 'float64', 'little', '00000000000000000000000000000840'],
    ['c8', 'complex64', 'little', '00000000000000000000404000000000'],
    ['c16', 'complex128', 'little', `${'00'.repeat(16)}0000000000000840`],
    ['big_i2', 'int16', 'big', '000000030006'],
    ['big_u4', 'uint32', 'big', '0000000000000003'],
    ['big_i8', 'int64', 'big', '00000000000000000000000000000003'],
    ['big_f2', 'float16', 'big', '00004200'],
    ['big_f4', 'float32', 'big', '0000000040400000'],
    ['big_f8', 'float64', 'big', '00000000000000004008000000000000'],
    ['big_c8', 'complex64', 'big', '00000000000000004040000000000000'],
    ['bool', 'bool', 'little', '010001'],
    ['nan', 'float32', 'little', '4523c17f010080ff'],
    ['fixed', 'string[5]', 'little', '61620000006364650000'],
    ['utf8', 'string[6]', 'little', 'c3a900000000636465000000'],
    ['texts', 'string[4]', 'little', '780000007979c3a900000000'],
    ['scalar', 'float64', 'little', '0000000000000c40'],
    ['struct', '{f0:int32@0,f1:float64@4,f2:string[3]@12;15}', 'little', '01000000'],
    ['big_struct', '{f0:int32@0,f1:float64@4;12}', 'big', '000000014004000000000000'],
    ['enum', 'int8', 'little', '0002'],
    ['packed', 'float32', 'little', '000000000000803f00000040'],
    ['scaled', 'int32', 'little', '000000000100000002000000'],
    ['empty', 'float32', 'little', ''],
    ['group/inner/list', 'int64', 'little', '00000000000000000100000000000000'],
  ];

test('each type of elements, as h5py writes it', () => {
  using file = new Hdf5File(library, join(FIXTURES, 'types.h5'));
  assert.deepEqual(
    file.dataset.variables.map(({ name }) => name).toSorted(),
    TYPES.map(([name]) => name).toSorted(),
  );
  for (const [name, type, byteOrder, first] of TYPES) {
    const variable = file.dataset.variables.find((each) => each.name === name);
    assert.equal(variable?.type, type, name);
    assert.equal(variable?.byteOrder, byteOrder, name);
    assert.equal(hex(bytesOf(file, name)).slice(0, first.length), first, name);
  }
});

test('each type of attributes, as h5py writes it', () => {
  using file = new Hdf5File(library, join(FIXTURES, 'types.h5'));
  const scalar = file.dataset.variables.find(({ name }) => name === 'scalar');
  const told = (scalar?.attributes ?? []).map(({ name, type, byteOrder, bytes, shape }) =>
    [name, type, byteOrder, hex(bytes), JSON.stringify(shape)].join(' '),
  );
  assert.deepEqual(told.toSorted(), [
    'big int16 big 00010002 [2]',
    'bytes string[2] little 6678 []',
    'complex complex128 little 000000000000f03f0000000000000040 []',
    'fixed string[2] little 72007373 [2]',
    'half float16 little 003e []',
    'none float64 little  [0]',
    'nothing float32 little  null',
    `square int64 little ${hex(new Uint8Array(BigInt64Array.of(0n, 1n, 2n, 3n).buffer))} [2,2]`,
    'text text little 747874c3a900 []',
    'texts text little 700071710000 [3]',
    'truth bool little 01 []',
  ]);
  assert.deepEqual(
    file.dataset.groups?.map(({ name }) => name),
    ['group', 'group/inner'],
  );
  assert.deepEqual(
    file.dataset.groups?.[0]?.attributes.map(({ name }) => name),
    ['who'],
  );
});

for (const kind of ['earliest', 'latest']) {
  const path = join(FIXTURES, `elsewhere-${kind}.h5`);

  test(`elements that lie in other files are told by name, headers of ${kind}`, () => {
    using file = new Hdf5File(library, path);
    assert.deepEqual(
      file.skipped,
      ['absent', 'described', 'secret'].map((name) => {
        return { name, why: 'its elements lie in other files' };
      }),
    );
    assert.deepEqual(
      file.dataset.variables.map(({ name }) => name),
      ['plain'],
    );
    assert.equal(file.readBlock(0, { offset: [0], count: [3] }).length, 24);
  });

  test(`the library opens no file besides, headers of ${kind}`, () => {
    library.mayOpen(path);
    const id = library.call((h5) => h5.open(path, h5.H5F_ACC_RDONLY, false, -1, -1));
    const read = (address: number): number =>
      library.call((h5) => h5.get_dataset_data(id, '/secret', [9n], [0n], [1n], BigInt(address)));
    assert.throws(() => library.withMemory(9, read), {
      name: 'Hdf5Fault',
      message: 'it wants to read the file "/etc/passwd"',
    });
    library.call((h5) => h5.close_file(id));
  });
}

test('what no object can have is told, by name and reason', () => {
  using file = new Hdf5File(library, join(FIXTURES, 'types.h5'));
  assert.deepEqual(file.skipped.map(({ name, why }) => `${name}: ${why}`).toSorted(), [
    'arrays: its elements are structs with arrays in each element',
    'elsewhere: it is a link to the file "types.h5"',
    'group/loop: it is the group "/group" again',
    'link: it is a link to "/scalar"',
    'lists: its elements are lists of different lengths',
    'mixed: its elements are structs with fields of both byte orders',
    'nothing: it has a type and no elements',
    'opaque: its elements are opaque bytes',
    'references: its elements are references to other objects',
    'scalar@reference: its values are references to other objects',
  ]);
  using packed = new Hdf5File(library, join(FIXTURES, 'zstd.h5'));
  assert.deepEqual(packed.skipped, [
    { name: 'packed', why: 'the filter "zstd" cannot be undone here' },
  ]);
  assert.deepEqual(
    packed.dataset.variables.map(({ name }) => name),
    ['plain'],
  );
});

/** Of fills.nc: what netCDF4 reads as the third element of each, in the byte order of the file. */
const FILLS: { readonly [name: string]: string } = {
  ...{ long: '02', i1: '81', u1: 'ff', i2: '0180', u2: 'ffff', i4: '01000080', u4: 'ffffffff' },
  ...{ i8: '0200000000000080', u8: 'feffffffffffffff', f4: '0000f07c', f8: '0000000000009e47' },
  ...{ S1: '00', own: '4d000000', big: '80000001', big_own: '0000004d', described: '4e00' },
  ...{ made: '09000000', big_made: '0102', not_made: '7cf00000' },
};

test('a variable that is shorter than its dimension ends as NetCDF reads it', () => {
  const bytes = readFileSync(join(FIXTURES, 'fills.nc'));
  const behind = join(folder, 'behind.nc');
  // Places are counted from the end of a block that a user has put in front.
  writeFileSync(behind, Buffer.concat([Buffer.alloc(1_024, 'x'), bytes]));
  for (const path of [join(FIXTURES, 'fills.nc'), behind]) {
    using file = new Hdf5File(library, path);
    const told = file.dataset.variables.map(({ name, type }) => {
      return [name, hex(bytesOf(file, name).subarray(2 * elementSize(type)))];
    });
    assert.deepEqual(Object.fromEntries(told), FILLS);
  }
});

test('a header that is no header has no fill value', () => {
  const bytes = readFileSync(join(FIXTURES, 'fills.nc'));
  const places = fc.nat(bytes.length + 100);
  fc.assert(
    fc.property(places, fc.nat(bytes.length - 1), fc.nat(255), (address, at, byte) => {
      const other = Buffer.from(bytes);
      other[at] = byte;
      const found = storedFill(new MemorySource('other', other), address);
      assert.ok(found === null || found.length > 0);
    }),
    { numRuns: 2_000 },
  );
});

/** Names, dimensions and first bytes of groups.nc. */
function toldOf(file: Hdf5File): readonly string[] {
  const { dimensions, variables } = file.dataset;
  return variables.map(({ name, dimensions: places }) => {
    const names = places.map((place) => dimensions[place]?.name);
    return `${name}(${names}) ${hex(bytesOf(file, name)).slice(0, 24)}`;
  });
}

test('groups, dimensions and coordinates as NetCDF-4 has them, there and back', () => {
  using file = new Hdf5File(library, join(FIXTURES, 'groups.nc'));
  assert.deepEqual(file.dataset.dimensions, [
    { name: 'time', size: 2, unlimited: true },
    { name: 'y', size: 2, unlimited: false },
    { name: 'x', size: 3, unlimited: false },
    { name: 'ocean/level', size: 2, unlimited: false },
  ]);
  const told = [
    'time(time) 000000000000000000000000',
    't(time,y,x) 000001000200030004000500',
    'x(y) 0000e04000000041',
    'y(y,x) 616263646566',
    'short(time) 05000000f9ffffff',
    'ocean/salinity(ocean/level,x) 000000000000803f00000040',
  ];
  assert.deepEqual(toldOf(file), told);
  using again = written(file.dataset, file.dataset.layout, (place) => allOf(file, place));
  assert.deepEqual(toldOf(again).toSorted(), told.toSorted());
  assert.deepEqual(again.dataset.dimensions, file.dataset.dimensions);
  assert.deepEqual(again.dataset.groups, file.dataset.groups);
});

test('all that is read is written as it was: values, types, attributes', () => {
  using file = new Hdf5File(library, join(FIXTURES, 'types.h5'));
  const { dataset } = file;
  using again = written(dataset, dataset.layout, (place) => allOf(file, place), 3);
  const named = ({ variables, layout }: Hdf5File['dataset']) =>
    variables.map((each, at) => ({ ...each, storage: layout.variables[at] })).sort(byName);
  const [before, after] = [named(dataset), named(again.dataset)];
  assert.equal(after.length, before.length);
  for (const [at, { attributes, dimensions, ...variable }] of before.entries()) {
    const { attributes: own, dimensions: places, ...found } = after[at] as (typeof after)[number];
    assert.deepEqual(found, variable);
    assert.deepEqual(bytesOf(again, found.name), bytesOf(file, found.name), found.name);
    const sizes = (of: Hdf5File, all: readonly number[]) =>
      all.map((place) => of.dataset.dimensions[place]?.size);
    assert.deepEqual(sizes(again, places), sizes(file, dimensions));
    // What h5wasm has no word for in attributes: see docs/internals/formats.md.
    const same = (each: Attribute) => !['big', 'half', 'nothing', 'truth'].includes(each.name);
    assert.deepEqual(own.filter(same), attributes.filter(same));
    assert.equal(own.length, attributes.length);
  }
});

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name < other.name ? -1 : 1;
}

function refusal(work: () => unknown): AttaccaError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    return error;
  }
  return assert.fail('it was not refused');
}

test('what is no HDF5 file, or none at all, is refused', () => {
  const path = join(folder, 'refused.nc');
  writeFileSync(path, 'CDF\x01 and no more');
  const none = refusal(() => new Hdf5File(library, path));
  assert.equal(none.code, 'not-a-netcdf-file');
  assert.match(none.message, /refused\.nc": .*signature/u);
  const missing = refusal(() => new Hdf5File(library, join(folder, 'missing.nc')));
  assert.deepEqual([missing.code, missing.fields['system']], ['file-error', 'ENOENT']);
});

test('elements that do not unpack are refused by the name of their variable', () => {
  const path = join(folder, 'unpacked.h5');
  const bytes = readFileSync(join(FIXTURES, 'types.h5'));
  // How a chunk begins that gzip has packed.
  const place = bytes.lastIndexOf(Buffer.from([0x78, 0x5e]));
  assert.ok(place > 0, 'there is a chunk that gzip packed');
  bytes.fill(0, place, place + 8);
  writeFileSync(path, bytes);
  using file = new Hdf5File(library, path);
  const { code, message, fields } = refusal(() => bytesOf(file, 'packed'));
  assert.deepEqual([code, fields['variable']], ['not-a-netcdf-file', 'packed']);
  assert.match(message, /Cannot read "packed" of ".*unpacked\.h5": /u);
  assert.equal(hex(bytesOf(file, 'i1')), '000306090c0f');
});

test('a file that is cut anywhere is refused', () => {
  const whole = readFileSync(join(FIXTURES, 'groups.nc'));
  const path = join(folder, 'cut.nc');
  for (let size = 0; size < whole.length; size += 512) {
    writeFileSync(path, whole.subarray(0, size));
    const { code } = refusal(() => new Hdf5File(library, path));
    assert.equal(code, 'not-a-netcdf-file', `cut after ${size} bytes`);
  }
});

const TYPES_WRITTEN = [
  ...(['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as const),
  ...(['float16', 'float32', 'float64', 'complex64', 'complex128'] as const),
  ...(['bool', 'string[3]', 'char'] as const),
  '{a:int16@0,b:float32@4;8}',
] as const;

/** Attributes have these in one way only: see docs/internals/formats.md. */
const IN_ATTRIBUTES = TYPES_WRITTEN.filter((type) => type !== 'float16' && type !== 'bool');

const anyVariable = fc.record({
  type: fc.constantFrom(...TYPES_WRITTEN),
  isBig: fc.boolean(),
  axes: fc.array(fc.nat(3), { maxLength: 3 }),
  gzip: fc.option(fc.integer({ min: 0, max: 9 })),
  chunk: fc.option(fc.integer({ min: 1, max: 7 })),
  // Eight lie in the header of a dataset, more elsewhere.
  own: fc.array(
    fc.record({
      type: fc.constantFrom(...IN_ATTRIBUTES),
      shape: fc.constantFrom([], [2], [3, 1]),
    }),
    { maxLength: 12 },
  ),
});

/** Bytes that differ, without zeros, which end texts. */
const filled = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => (at % 250) + 1);

test('what is written is read again', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(5), { minLength: 4, maxLength: 4 }),
      fc.array(anyVariable, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 6 }),
      (sizes, made, piece) => {
        const dimensions = sizes.map((size, at) => ({
          ...{ name: `d${at}`, size, unlimited: at % 2 === 0 },
        }));
        const variables = made.map(({ type, isBig, axes, own }, at): Variable => {
          const attributes = own.map(({ type: each, shape }, number): Attribute => {
            const size = shape.reduce<number>((all, one) => all * one, elementSize(each));
            const bytes = struct(each, filled(size));
            return { name: `a${number}`, type: each, byteOrder: 'little', bytes, shape };
          });
          const byteOrder =
            isBig && !/^(?:char|string.*|bool|u?int8)$/u.test(type) ? 'big' : 'little';
          return { name: `v${at}`, type, byteOrder, dimensions: axes, attributes };
        });
        const dataset: Dataset = { dimensions, attributes: [], variables, groups: [] };
        const plain = plainLayout(dataset).variables;
        const layout: Hdf5Layout = {
          unnamed: [],
          variables: plain.map((each, at) => {
            const { axes = [], chunk = null, gzip = null } = made[at] ?? {};
            return { ...each, gzip, chunks: chunk === null ? null : axes.map(() => chunk) };
          }),
        };
        const bytes = (place: number): Uint8Array => {
          const { type, dimensions: axes } = variables[place] as Variable;
          const count = axes.reduce((all, axis) => all * (sizes[axis] as number), 1);
          return struct(type, filled(count * elementSize(type)));
        };
        using file = written(dataset, layout, bytes, piece);
        assert.deepEqual(file.skipped, []);
        assert.deepEqual(file.dataset.dimensions, dimensions);
        assert.deepEqual(file.dataset.variables, variables);
        for (const place of variables.keys()) assert.deepEqual(allOf(file, place), bytes(place));
      },
    ),
    { numRuns: 30 },
  );
});

/** With zeros between the fields of a struct: what lies there is nobody's. */
function struct(type: string, bytes: Uint8Array): Uint8Array {
  if (type.startsWith('{')) {
    for (let at = 0; at < bytes.length; at += 8) bytes.fill(0, at + 2, at + 4);
  }
  return bytes;
}

test('an enumeration keeps its names; big-endian, which is not read, its numbers', () => {
  const stored = { charset: 'ascii', padding: 'null-terminated', isText: false } as const;
  const names = { none: -1, some: 0, 'a name of many bytes': 300 };
  for (const byteOrder of ['little', 'big'] as const) {
    const variable = {
      name: 'e',
      type: 'int16',
      byteOrder,
      dimensions: [],
      attributes: [],
    } as const;
    const dataset = { dimensions: [], attributes: [], variables: [variable] };
    const storage = { ...stored, byteOrder, names, chunks: null, gzip: null };
    const layout = { unnamed: [], variables: [storage] };
    using file = written(dataset, layout, () => Uint8Array.of(1, 44));
    assert.deepEqual(file.dataset.variables, [variable]);
    const kept = byteOrder === 'little' ? names : null;
    assert.deepEqual(file.dataset.layout.variables, [{ ...storage, names: kept }]);
    assert.equal(hex(bytesOf(file, 'e')), '012c');
  }
});

test('what cannot be written is refused', () => {
  for (const name of ['', 'a//b', '/a', './a']) {
    const dataset = { dimensions: [{ name, size: 1, unlimited: false }], attributes: [] };
    const path = join(folder, 'nameless.nc');
    const refused = refusal(() => new Hdf5Writer(library, path, { ...dataset, variables: [] }));
    assert.equal(refused.code, 'bad-name');
    assert.throws(() => readFileSync(path), { code: 'ENOENT' });
  }
  const path = join(folder, 'there.nc');
  copyFileSync(join(FIXTURES, 'zstd.h5'), path);
  const empty = { dimensions: [], attributes: [], variables: [] };
  const there = refusal(() => new Hdf5Writer(library, path, empty));
  assert.equal(there.code, 'file-error');
  assert.match(there.message, /Cannot write ".*there\.nc": .*exist/u);
});
