import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AttaccaError, join, type Pool } from '../../src/client/index.js';
import type { Shaping } from '../../src/client/shaping.js';
import { convertElements } from '../../src/core/regions/cast.js';
import { type Dtype, itemSizeOf, type Space } from '../../src/core/space.js';
import { FIELDS } from '../../src/transforms/fields.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { startProgram } from '../cli/command.js';
import { poolOf, scratch } from '../server/pool-fixture.js';
import { inJson, transformCases } from '../transforms/support.js';
import { pythonOptions, pythonPath, withoutPackage } from './python.js';

const DTYPES = [
  ...['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'],
  ...['float16', 'float32', 'float64', 'complex64', 'complex128'],
] as const satisfies readonly Dtype[];

/** Ends of types, and what lies beside them. */
const NUMBERS = [
  ...[0, -0, 1, -1, 0.5, -1.5, 2.5, 3.5, 127, 128, -129, 255, 256, 300.75, 32_767, 32_768],
  ...[-32_769, 65_504, 65_520, 65_535, 65_536, 16_777_217, 2 ** 31, -(2 ** 31) - 1, 2 ** 32 + 5],
  ...[2 ** 53, 2 ** 62, 2 ** 63, -(2 ** 63), 2 ** 64 - 2 ** 11, 1e19, 3.4e38, 1e300, -1e300],
  ...[5e-324, 6e-8, 1e-40, 273.15, 1 / 3, Number.NaN, Number.POSITIVE_INFINITY],
  ...[Number.NEGATIVE_INFINITY, 2049, 2051, -2.5],
];

interface Case {
  readonly name: string;
  readonly options: {
    readonly region?: readonly (readonly [number, number, number])[];
    readonly order?: 'row' | 'column' | undefined;
    readonly dtype?: Dtype;
    readonly byteOrder?: 'little' | 'big';
    readonly lossy?: boolean;
    readonly transforms?: readonly TransformSpec[];
  };
}

/** Offers numbers as elements of a type. */
async function put(pool: Pool, name: string, space: Space, numbers: readonly number[]) {
  const source = new Uint8Array(Float64Array.from(numbers).buffer);
  const bytes = new Uint8Array(numbers.length * itemSizeOf(space.dtype));
  convertElements(
    { bytes: source, dtype: 'float64', byteOrder: 'little' },
    { bytes, dtype: space.dtype, byteOrder: space.byteOrder },
  );
  await pool.put(name, bytes, { space, keep: true });
}

/** What the client of TypeScript makes of a case: bytes and what they are, or the code. */
async function expected(pool: Pool, { name, options }: Case): Promise<object> {
  try {
    await using got = await pool.object(name).demand(options as Shaping & { dtype: Dtype });
    const { dtype, shape, order, byteOrder } = got.space;
    const hex = Buffer.from(got.bytes).toString('hex');
    return { hex, dtype, shape, order, byteOrder };
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    return { code: error.code };
  }
}

const PYTHON = `
import json, sys, attacca
pool, wrong = attacca.join("python"), []
number = lambda each: float(each["$"]) if "$" in each else each
cases = json.load(sys.stdin, object_hook=number)
for case in cases:
    name, how, want = case["name"], dict(case["options"]), case["want"]
    how["byteorder"] = how.pop("byteOrder", None)
    if "region" in how:
        how["region"] = tuple(slice(*each) for each in how["region"])
    try:
        with pool.demand(name, 30, **how) as d:
            got = {"hex": bytes(d.raw).hex(), "dtype": d.space.dtype, "shape": [*d.space.shape],
                   "order": d.space.order, "byteOrder": d.space.byteorder}
    except attacca.AttaccaError as error:
        got = {"code": error.code}
        if "key" in case and case["key"] not in str(error):
            got["message"] = str(error)
    if got != want:
        wrong.append(json.dumps({**case, "got": got}))
pool.leave()
print(len(cases), "cases,", len(wrong), "wrong", *wrong[:20], sep="\\n" if wrong else " ")
`;

async function inPython(t: TestContext, address: string, cases: readonly object[]) {
  const file = joinPath(await scratch(t), 'compare.py');
  await writeFile(file, PYTHON);
  const environment = { PYTHONPATH: pythonPath, ATTACCA_TRANSPORT: undefined };
  const around = { pool: address, environment, input: inJson(cases) };
  const { code, out, err } = await startProgram('python3', ['-B', file], around).ended;
  assert.equal(code, 0, err);
  assert.equal(out, `${cases.length} cases, 0 wrong\n`);
}

async function compare(t: TestContext, pool: Pool, address: string, cases: readonly Case[]) {
  const told: object[] = [];
  for (const each of cases) told.push({ ...each, want: await expected(pool, each) });
  await inPython(t, address, told);
}

const options = { ...pythonOptions, skip: pythonOptions.skip || withoutPackage('numpy') };

test('Python converts every type to every other one as TypeScript does', options, async (t) => {
  const server = await poolOf(t);
  await using pool = await join({ address: server.address, member: 'typescript' });
  const cases: Case[] = [];
  for (const [at, dtype] of DTYPES.entries()) {
    const space: Space = {
      ...{ dtype, shape: [NUMBERS.length], order: 'row' },
      byteOrder: at % 2 === 0 ? 'little' : 'big',
    };
    await put(pool, dtype, space, NUMBERS);
    for (const to of DTYPES) {
      cases.push({ name: dtype, options: { dtype: to } });
      cases.push({ name: dtype, options: { dtype: to, lossy: true } });
    }
    cases.push({ name: dtype, options: { byteOrder: 'big', region: [[1, 9, 2]] } });
  }
  await compare(t, pool, server.address, cases);
});

const grid = (dtype: Dtype, order: 'row' | 'column'): Space => {
  return { dtype, shape: [5, 7, 3], order, byteOrder: order === 'row' ? 'little' : 'big' };
};

const CHAINS: readonly (readonly TransformSpec[])[] = [
  [{ kind: 'transpose' }],
  [{ kind: 'transpose', axes: [1, 2, 0] }],
  [{ kind: 'transpose' }, { kind: 'order', order: 'row' }, { kind: 'transpose', axes: [2, 0, 1] }],
  [{ kind: 'order', order: 'column' }],
  [{ kind: 'byte-order', byteOrder: 'big' }],
  [{ kind: 'scale', scale: 0.01, offset: 273.15, fill: 12 }],
  [{ kind: 'scale', scale: 0.1, fill: [3, -7], range: [-50, 90] }],
  [{ kind: 'scale', scale: 3, offset: -0.7, dtype: 'float64' }],
  [{ kind: 'pack', scale: 0.5, offset: 1, dtype: 'int16', fill: -32_768 }],
  [{ kind: 'pack', scale: 40, offset: 10, dtype: 'int8', fill: 0, lossy: true }],
  [{ kind: 'pack', dtype: 'uint8' }],
  [{ kind: 'decimate', every: [2, 3, 1] }],
  [{ kind: 'decimate', every: [9, 1, 2] }, { kind: 'transpose' }],
  [{ kind: 'average', block: [2, 3, 2] }],
  [{ kind: 'average', block: [5, 2, 9], nan: 'skip' }],
  [
    { kind: 'average', block: [1, 1, 1] },
    { kind: 'dtype', dtype: 'float64' },
  ],
  [{ kind: 'shuffle', itemSize: 4 }],
  [
    { kind: 'unshuffle', itemSize: 4 },
    { kind: 'shuffle', itemSize: 5 },
  ],
  [{ kind: 'bitround', bits: 4 }],
  [{ kind: 'bitround', absolute: 0.3 }],
  [{ kind: 'bitround', absolute: 40 }],
  [{ kind: 'bitround', relative: 0.01 }],
  [
    { kind: 'scale', scale: 0.25 },
    { kind: 'average', block: [2, 2, 1], nan: 'skip' },
    { kind: 'transpose' },
    { kind: 'pack', scale: 0.01, dtype: 'int32', fill: -1 },
  ],
  [{ kind: 'units', from: 'K', to: 'degC' }],
  [{ kind: 'units', from: 'degF', to: 'K' }],
  [{ kind: 'units', from: 'km/h', to: 'kt' }],
  [{ kind: 'units', from: 'kg m-2 s-1', to: 'mm day-1', density: 1_000 }],
  [{ kind: 'units', from: '10 hPa', to: 'atm' }],
  [{ kind: 'units', from: 'W m-2', to: 'J cm^-2 h-1' }],
  [{ kind: 'units', from: 'degrees', to: 'rad' }],
  // What does not fit.
  [{ kind: 'units', from: 'K', to: 'm' }],
  [{ kind: 'units', from: 'K', to: 'furlong' }],
  [{ kind: 'units', from: 'm^99', to: 'm' }],
  [{ kind: 'transpose', axes: [0, 1] }],
  [{ kind: 'decimate', every: [2, 3] }],
  [{ kind: 'decimate', every: [2, 3, 0] }],
  [{ kind: 'average', block: [1, 1, 1.5] }],
  [{ kind: 'pack', scale: 0, dtype: 'int8' }],
  [{ kind: 'pack', dtype: 'float32' }],
  [{ kind: 'pack', dtype: 'int8', fill: 200 }],
  [{ kind: 'field', name: 'x' }],
  [{ kind: 'soa', fields: [{ offset: 0, size: 3 }] }],
  [{ kind: 'shuffle', itemSize: 0 }],
  [{ kind: 'bitround', bits: 1, absolute: 2 }],
];

test('Python runs chains as TypeScript does, bit by bit', options, async (t) => {
  const server = await poolOf(t);
  await using pool = await join({ address: server.address, member: 'typescript' });
  const cases: Case[] = [];
  for (const dtype of [
    'int8',
    'int16',
    'uint32',
    'int64',
    'float16',
    'float32',
    'float64',
  ] as const)
    for (const order of ['row', 'column'] as const) {
      const name = `${dtype}/${order}`;
      const numbers = Array.from({ length: 105 }, (_, at) => {
        if (dtype.startsWith('float') && at % 17 === 5) return Number.NaN;
        return ((at * 37) % 211) - 90 + (at % 4) / 4;
      });
      await put(pool, name, grid(dtype, order), numbers);
      for (const transforms of CHAINS) {
        cases.push({ name, options: { transforms } });
        cases.push({
          name,
          options: {
            transforms,
            region: [
              [1, 5, 1],
              [0, 7, 2],
              [0, 3, 1],
            ],
            order: 'row',
          },
        });
        cases.push({ name, options: { transforms, order: 'column', byteOrder: 'big' } });
      }
    }
  await compare(t, pool, server.address, cases);
});

test('Python says of wrong transforms what TypeScript says', options, async (t) => {
  const server = await poolOf(t);
  await using pool = await join({ address: server.address, member: 'typescript' });
  await put(pool, 'a', { ...grid('int16', 'row'), shape: [2, 3] }, [1, 2, 3, 4, 5, 6]);
  const cases: object[] = [];
  for (const { transforms, code, key } of transformCases()) {
    const told = { name: 'a', options: { transforms } };
    const want = await expected(pool, told);
    assert.equal((want as { readonly code?: string }).code, code, JSON.stringify(transforms));
    cases.push({ ...told, key, want });
  }
  await inPython(t, server.address, cases);
  const script = joinPath(await scratch(t), 'fields.py');
  await writeFile(
    script,
    'import json\nfrom attacca.specs import _FIELDS\nprint(json.dumps(_FIELDS))\n',
  );
  const around = { pool: server.address, environment: { PYTHONPATH: pythonPath } };
  const { out } = await startProgram('python3', ['-B', script], around).ended;
  const { compress, decompress, expression, wasm, ...here } = FIELDS;
  assert.ok(compress && decompress && expression && wasm);
  assert.deepEqual(JSON.parse(out), here);
});

test('Python adds up and tells what is true as TypeScript does', options, async (t) => {
  const server = await poolOf(t);
  await using pool = await join({ address: server.address, member: 'typescript' });
  const space = { dtype: 'float64', shape: [8, 8], order: 'row', byteOrder: 'little' } as const;
  const values = Float64Array.from(
    { length: 64 },
    (_, at) => (at % 3 === 1 ? -1 : 1) * 10 ** (at % 23),
  );
  await pool.put('rows', values, { space, keep: true });
  await pool.put('columns', values, { space: { ...space, order: 'column' }, keep: true });
  const bytes = new Uint8Array(Float64Array.of(0, 1, 0, Number.NaN, 0, 0, Number.NaN, 0).buffer);
  const complex = { ...space, dtype: 'complex128', shape: [4] } as const;
  await pool.put('complex', bytes, { space: complex, keep: true });
  const cases: Case[] = [{ name: 'complex', options: { dtype: 'bool', lossy: true } }];
  for (const name of ['rows', 'columns']) {
    for (const block of [
      [4, 4],
      [3, 5],
      [8, 8],
    ]) {
      const transforms = [{ kind: 'average', block }] as const;
      const orders = ['row', 'column', undefined] as const;
      for (const order of orders) cases.push({ name, options: { transforms, order } });
    }
  }
  await compare(t, pool, server.address, cases);
  const [told] = cases as [Case];
  const { hex } = (await expected(pool, told)) as { readonly hex?: string };
  assert.equal(hex, '01010001');
});

test('Python takes structs and strings apart as TypeScript does', options, async (t) => {
  const server = await poolOf(t);
  await using pool = await join({ address: server.address, member: 'typescript' });
  const bytes = Uint8Array.from({ length: 240 }, (_, at) => (at * 73) % 251);
  const struct = '{x:float32@0,n:int16@4,t:string[3]@8;12}';
  const space = { dtype: struct, shape: [4, 5], order: 'row', byteOrder: 'little' } as const;
  await pool.put('structs', bytes, { space, keep: true });
  await pool.put('strings', bytes, { space: { ...space, dtype: 'string[12]' }, keep: true });
  await pool.put('items', bytes, {
    space: { dtype: 'uint8', shape: [20, 12], order: 'row', byteOrder: 'little' },
    keep: true,
  });
  const fields = [
    { offset: 0, size: 4 },
    { offset: 4, size: 1 },
    { offset: 5, size: 7 },
  ];
  const all: readonly Case['options'][] = [
    { transforms: [{ kind: 'field', name: 'n' }] },
    { transforms: [{ kind: 'field', name: 't' }], order: 'column' },
    { transforms: [{ kind: 'field', name: 'q' }] },
    { transforms: [{ kind: 'soa', fields }] },
    {
      transforms: [
        { kind: 'soa', fields },
        { kind: 'aos', fields },
      ],
    },
    { transforms: [{ kind: 'aos', fields: fields.slice(1) }] },
    { transforms: [{ kind: 'transpose' }], order: 'row' },
    { byteOrder: 'big' },
    { dtype: '{n:int32@0,x:float64@8;16}' },
    { dtype: '{n:int8@0}' },
    { dtype: '{n:int8@0,t:string[2]@4;6}', lossy: true },
    { dtype: '{y:int8@0}', lossy: true },
    { dtype: 'string[14]' },
    { dtype: 'string[5]' },
    { dtype: 'string[5]', lossy: true },
    { dtype: 'float32', lossy: true },
  ];
  const names = ['structs', 'strings', 'items'];
  const cases = names.flatMap((name) => all.map((options): Case => ({ name, options })));
  await compare(t, pool, server.address, cases);
});
