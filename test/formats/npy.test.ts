import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Space } from '../../src/core/space.js';
import { npyDataOffset, npyHeader, parseNpyHeader } from '../../src/formats/npy/header.js';
import { PythonLiteral, PythonTuple } from '../../src/formats/npy/python-literal.js';
import { anyDtype } from '../core/arbitraries.js';
import { refused } from '../core/refusal.js';
import { fc } from '../fast-check.js';

/** A file as numpy would write it, with any header. */
function npy(header: string, version: readonly [number, number] = [1, 0]): Uint8Array {
  const text = Buffer.from(header, version[0] === 3 ? 'utf8' : 'latin1');
  const size = version[0] === 1 ? Buffer.alloc(2) : Buffer.alloc(4);
  if (version[0] === 1) size.writeUInt16LE(text.length);
  else size.writeUInt32LE(text.length);
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.from(version), size, text]);
}

const parse = (header: string, version?: readonly [number, number]) =>
  parseNpyHeader(npy(header, version), 'x.npy');

test('headers of every version of the format are read', () => {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (181, 360), }   \n";
  for (const version of [
    [1, 0],
    [2, 0],
    [3, 0],
  ] as const) {
    const { space, dataOffset } = parse(header, version);
    assert.deepEqual(space, {
      dtype: 'float32',
      shape: [181, 360],
      order: 'row',
      byteOrder: 'little',
    });
    assert.equal(dataOffset, npy(header, version).length);
  }
  const old = parse("{'shape': (3L,), 'fortran_order': True, 'descr': '>i2'}");
  assert.deepEqual(old.space, { dtype: 'int16', shape: [3], order: 'column', byteOrder: 'big' });
  assert.deepEqual(parse("{'descr':'|b1','fortran_order':False,'shape':()}").space.shape, []);
});

test('what we write is read back, aligned for mapping', () => {
  const spaces: fc.Arbitrary<Space> = fc.record(
    {
      dtype: anyDtype,
      shape: fc.array(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), { maxLength: 16 }),
      order: fc.constantFrom('row', 'column'),
      byteOrder: fc.constantFrom('little', 'big'),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(spaces, (space) => {
      const header = npyHeader(space);
      assert.equal(header.length % 64, 0);
      const read = parseNpyHeader(header, 'x').space;
      // What is made of single bytes has no byte order.
      const byteOrder = /'[<>]/u.test(Buffer.from(header).toString('latin1'))
        ? space.byteOrder
        : 'little';
      assert.deepEqual(read, { ...space, byteOrder });
    }),
  );
});

test('structs and byte strings are read as numpy writes them', () => {
  const rest = "'fortran_order': False, 'shape': (2,)}";
  const dtypeOf = (descr: string) => parse(`{'descr': ${descr}, ${rest}`).space;
  assert.equal(dtypeOf("'|S5'").dtype, 'string[5]');
  const aligned = "[('x', '>f4'), ('', '|V4'), ('id', '>i8'), ('tag', '|S3'), ('', '|V5')]";
  const { dtype, byteOrder } = dtypeOf(aligned);
  assert.equal(dtype, '{x:float32@0,id:int64@8,tag:string[3]@16;24}');
  assert.equal(byteOrder, 'big');
  const nested = "[('p', [('a', '|i1'), ('b', '<i4')]), (('title', 'q'), '|b1')]";
  assert.equal(dtypeOf(nested).dtype, '{p:{a:int8@0,b:int32@1;5}@0,q:bool@5;6}');
  assert.equal(dtypeOf("[('\\xa0\\u20ac', '<f4')]").dtype, '{"\u00a0\u20ac":float32@0;4}');
});

test('a file that is no array of one type is refused, and says why', () => {
  const says = (pattern: RegExp, header: string): void => {
    assert.throws(() => parse(header), { code: 'not-a-npy-file', message: pattern });
  };
  const rest = "'fortran_order': False, 'shape': (2,)}";
  says(/"b" is an array/u, `{'descr': [('a', '<f4'), ('b', '<i8', (2,))], ${rest}`);
  says(/some big-endian/u, `{'descr': [('a', '<f4'), ('b', '>i8')], ${rest}`);
  says(/is no tuple/u, `{'descr': ['<f4'], ${rest}`);
  says(/has no name/u, `{'descr': [(1, '<f4')], ${rest}`);
  says(/raw records/u, `{'descr': [('a', '|V4')], ${rest}`);
  says(/1 to 255 fields/u, `{'descr': [('', '|V4')], ${rest}`);
  says(/1 to 255 bytes/u, `{'descr': [('', '<f4')], ${rest}`);
  says(/one name/u, `{'descr': [('a', '<f4'), ('a', '<f4')], ${rest}`);
  says(/1 to 65536 bytes/u, `{'descr': '|S0', ${rest}`);
  says(/Python objects/u, `{'descr': '|O', ${rest}`);
  says(/texts of UTF-32/u, `{'descr': '<U5', ${rest}`);
  says(/moments/u, `{'descr': '<M8[ns]', ${rest}`);
  says(/a type that no object has/u, `{'descr': '<f16', ${rest}`);
  says(/no object has/u, `{'descr': 'constructor', ${rest}`);
  says(/not known/u, `{'descr': 4, ${rest}`);
  says(/lacks descr/u, `{${rest}`);
  says(/lacks fortran_order/u, "{'descr': '<f4', 'shape': (2,)}");
  says(/lacks a shape/u, "{'descr': '<f4', 'fortran_order': False, 'shape': 2}");
  says(/no whole number/u, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}");
  says(/does not parse/u, "{'descr': '<f4'");
  says(/no dictionary/u, '(1, 2)');
});

test('damaged and foreign files are refused', () => {
  const refuse = (bytes: Uint8Array) => refused('not-a-npy-file', () => parseNpyHeader(bytes, 'x'));
  refuse(new Uint8Array(0));
  refuse(Buffer.from('CDF\u0001'));
  refuse(npy('{}', [4, 0]));
  refuse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}").subarray(0, 40));
  const huge = npy('{}', [2, 0]);
  huge.fill(255, 8, 12);
  refused('not-a-npy-file', () => npyDataOffset(huge, 'x'));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const file = npy(Buffer.from(bytes).toString('latin1'));
      try {
        parseNpyHeader(file, 'x');
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'not-a-npy-file');
      }
    }),
  );
});

test('literals of Python are read, and nothing else', () => {
  const read = (text: string) => new PythonLiteral(text).parse();
  assert.deepEqual(
    read("('a', \"b'\", 1, -2, True, None)"),
    new PythonTuple(['a', "b'", 1, -2, true, null]),
  );
  assert.deepEqual(read('[1, [2]]'), [1, [2]]);
  assert.equal(read('(3)'), 3);
  assert.deepEqual(read("{'a': {}}"), new Map([['a', new Map()]]));
  for (const bad of [
    '',
    '1 2',
    '(1 2)',
    "{'a' 1}",
    '{1: 2}',
    "'a",
    '[',
    `${'['.repeat(50)}`,
    '1+1',
  ]) {
    assert.throws(() => read(bad), /was expected/u, bad);
  }
});
