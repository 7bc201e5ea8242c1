import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import {
  AttaccaError,
  type CubeDemandOptions,
  type CubePick,
  join,
  type Pool,
} from '../../src/client/index.js';
import { startProgram } from '../cli/command.js';
import { poolOf, scratch } from '../server/pool-fixture.js';
import { pythonOptions, pythonPath, withoutPackage } from './python.js';

interface Case {
  readonly cube: string;
  readonly pick: CubePick;
  readonly how: CubeDemandOptions;
}

const CASES: readonly Case[] = [
  { cube: 'packed', pick: {}, how: { unpack: true } },
  { cube: 'packed', pick: { step: [0, 6] }, how: { unpack: true, order: 'column' } },
  { cube: 'packed', pick: { step: { values: [0, 18] } }, how: { unpack: true, holes: 'fill' } },
  { cube: 'packed', pick: { step: 6, x: [2, 5] }, how: { unpack: true, dtype: 'float64' } },
  { cube: 'packed', pick: { step: [0, null] }, how: { dtype: 'int32' } },
  { cube: 'packed', pick: { step: 0 }, how: {} },
  { cube: 'packed', pick: { step: 0 }, how: { dtype: 'int8' } },
  { cube: 'packed', pick: { height: 0 }, how: {} },
  { cube: 'packed', pick: { step: 'soon' }, how: {} },
  {
    cube: 'packed',
    pick: { y: [1, 3] },
    how: { unpack: true, transforms: [{ kind: 'units', from: 'K', to: 'degC' }] },
  },
  {
    cube: 'packed',
    pick: {},
    how: { unpack: true, transforms: [{ kind: 'decimate', every: [1, 2] }] },
  },
  { cube: 'floats', pick: {}, how: { unpack: true } },
  { cube: 'floats', pick: {}, how: {} },
  { cube: 'partial', pick: {}, how: { holes: 'fill', fill: -1 } },
  { cube: 'partial', pick: { dim_0: [1, 4], dim_1: [2, 6] }, how: { holes: 'fill', fill: 7 } },
  { cube: 'partial', pick: { dim_0: [0, 2] }, how: { holes: 'fail' } },
  { cube: 'partial', pick: { dim_0: [0, 3] }, how: { holes: 'fail' } },
  { cube: 'partial', pick: { step: { values: [0, 12] } }, how: { holes: 'fill', fill: 0 } },
  { cube: 'turned', pick: {}, how: {} },
  { cube: 'turned', pick: { step: 0 }, how: {} },
  { cube: 'turned', pick: { step: 6, dim_0: [1, 3] }, how: { dtype: 'float64' } },
  { cube: 'turned', pick: { step: 6 }, how: { order: 'column' } },
  {
    cube: 'turned',
    pick: { step: 6 },
    how: { transforms: [{ kind: 'scale', ofset: 1 } as never] },
  },
];

/** Objects that are packed otherwise, that are floats with fills, and that lack parts. */
async function make(pool: Pool): Promise<void> {
  const steps: readonly (readonly [step: number, scale: number, offset: number, fill: number])[] = [
    [0, 0.1, 3, 1e20],
    [6, 1 / 3, -273.15, -0.1],
    [12, 0.25, 7, 0],
  ];
  for (const [step, scale, offset, fill] of steps) {
    const shape = [5, 8];
    const whole = Array.from({ length: 40 }, (_, at) => ((at * 97 * (step + 1)) % 3000) - 999);
    const dims = ['y', 'x'];
    await pool.put(`packed/${step}`, Int16Array.from(whole), {
      space: { dtype: 'int16', shape },
      keep: true,
      attributes: {
        ...{ of: 'packed', step, dims, units: 'K', scale_factor: scale, add_offset: offset },
        ...{ _FillValue: -999, missing_value: [1, 2] },
      },
    });
    await pool.put(
      `floats/${step}`,
      Float32Array.from(whole, (value, at) => (at % 7 === 3 ? fill : value / 3)),
      {
        space: { dtype: 'float32', shape },
        keep: true,
        attributes: { of: 'floats', step, _FillValue: fill },
      },
    );
    const turned = new DataView(new ArrayBuffer(80));
    for (const [at, value] of whole.entries()) turned.setInt16(2 * at, value);
    await pool.put(`turned/${step}`, turned, {
      space: { dtype: 'int16', shape, order: 'column', byteOrder: 'big' },
      keep: true,
      attributes: { of: 'turned', step },
    });
    if (step === 12) continue;
    const field = pool.object(`partial/${step}`, {
      space: { dtype: 'int16', shape },
      attributes: { of: 'partial', step },
    });
    const rows = step === 0 ? 5 : 3;
    const part = field.region([[0, rows], null]);
    part.array.set(Int16Array.from(whole.slice(0, rows * 8)));
    await part.offer({ keep: true });
  }
}

async function expected(pool: Pool, { cube, pick, how }: Case): Promise<object> {
  try {
    const all = await pool.cube(cube, `of = "${cube}"`, ['step']);
    await using got = await all.demand(pick, how);
    const { dtype, shape, order, byteOrder } = got.space;
    const hex = Buffer.from(got.bytes).toString('hex');
    const keys = Object.keys(got.attributes).sort();
    return { hex, dtype, shape, order, byteOrder, holes: got.holes, keys };
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    return { code: error.code };
  }
}

const PYTHON = `
import json, sys, attacca

def picked(pick):
    if isinstance(pick, dict):
        return pick["values"]
    return tuple(pick) if isinstance(pick, list) else pick

pool, cases = attacca.join("python"), json.load(sys.stdin)
wrong = 0
for case in cases:
    name = case["cube"]
    try:
        cube = pool.cube(name, f'of = "{name}"', ["step"])
        pick = {key: picked(value) for key, value in case["pick"].items()}
        with cube.demand(pick, timeout=30, **case["how"]) as d:
            got = {"hex": bytes(d.raw).hex(), "dtype": d.space.dtype, "shape": [*d.space.shape],
                   "order": d.space.order, "byteOrder": d.space.byteorder,
                   "holes": d.holes, "keys": sorted(d.attributes)}
    except attacca.AttaccaError as error:
        got = {"code": error.code}
    if got != case["want"]:
        wrong += 1
        print(json.dumps({**case, "got": got}))
pool.leave()
print(len(cases), "cases,", wrong, "wrong")
`;

const options = { ...pythonOptions, skip: pythonOptions.skip || withoutPackage('numpy') };

test('cubes in Python have the elements that those in TypeScript have', options, async (t) => {
  const server = await poolOf(t);
  await using pool = await join({ address: server.address, member: 'typescript' });
  await make(pool);
  const told: object[] = [];
  for (const each of CASES) told.push({ ...each, want: await expected(pool, each) });
  const file = joinPath(await scratch(t), 'cubes.py');
  await writeFile(file, PYTHON);
  const environment = { PYTHONPATH: pythonPath, ATTACCA_TRANSPORT: undefined };
  const around = { pool: server.address, environment, input: JSON.stringify(told) };
  const { code, out, err } = await startProgram('python3', ['-B', file], around).ended;
  assert.equal(code, 0, err);
  assert.equal(out, `${CASES.length} cases, 0 wrong\n`);
});
