import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { npyDataOffset, npyHeader, parseNpyHeader } from '../../src/formats/npy/header.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines, startAttacca } from './command.js';

/** What a file of numpy holds. */
async function loaded(path: string): Promise<{ shape: readonly number[]; values: number[] }> {
  const bytes = await readFile(path);
  const { space } = parseNpyHeader(bytes.subarray(0, npyDataOffset(bytes, path)), path);
  const data = new Uint8Array(bytes.subarray(npyDataOffset(bytes, path)));
  return { shape: space.shape, values: [...new Float32Array(data.buffer)] };
}

async function fieldAt(path: string, value: number): Promise<void> {
  const header = npyHeader({ dtype: 'float32', shape: [2], order: 'row', byteOrder: 'little' });
  const values = new Uint8Array(Float32Array.of(value, value + 0.5).buffer);
  await writeFile(path, Buffer.concat([header, values]));
}

const DEFINE = ['cube', 'c', '--of', 'param = "t"', '--axes', 'step', '--dims', 'x'];

test('steps come from one process while another waits for a hole, and is told by explain', async (t) => {
  await using pool = await testPool();
  await using view = await join({ address: pool.address, member: 'watch' });
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  for (const step of [0, 6, 12]) await fieldAt(joinPath(directory, `${step}.npy`), step);
  const defined = await attacca([...DEFINE, '--names', 't/{step}', '--coords', 'x=10,20'], around);
  assert.deepEqual([defined.code, defined.err], [0, '']);
  const consumer = startAttacca(
    ['cube', 'c', '-r', 'step=0..12..6,x=20', '-o', 'all.npy', '--timeout', '60s', '--json'],
    around,
  );
  const put = async (step: number): Promise<void> => {
    const said = ['-a', 'param=t', '-a', `step=${step}`];
    const done = await attacca(['put', `${step}.npy`, '--name', `t/${step}`, ...said], around);
    assert.equal(done.code, 0, done.err);
  };
  await put(6);
  for (;;) {
    const waits = JSON.stringify((await view.explain())['waits']);
    if (waits.includes('"t/0"') && waits.includes('"t/12"')) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const explained = await attacca(['explain', 't/12'], around);
  assert.match(explained.out, /cube\[0\]/u);
  await put(12);
  await put(0);
  const ended = await consumer.ended;
  assert.deepEqual([ended.code, ended.err], [0, '']);
  assert.deepEqual(jsonLines(ended.out), [
    {
      ...{ name: 'c', dims: ['step', 'x'], shape: [3, 1], dtype: 'float32', holes: 0 },
      coords: { step: [0, 6, 12], x: [20] },
      attributes: { param: 't' },
    },
  ]);
  const { shape, values } = await loaded(joinPath(directory, 'all.npy'));
  assert.deepEqual(
    [shape, values],
    [
      [3, 1],
      [0.5, 6.5, 12.5],
    ],
  );
});

test('a producer that promised and leaves ends the wait of another process', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await fieldAt(joinPath(directory, 'a.npy'), 1);
  assert.equal((await attacca([...DEFINE, '--names', 't/{step}'], around)).code, 0);
  const args = ['put', 'a.npy', '--name', 't/0', '-a', 'param=t', '-a', 'step=0'];
  assert.equal((await attacca(args, around)).code, 0);
  const producer = await join({ address: pool.address, member: 'producer' });
  await producer.promise('t/*');
  const consumer = startAttacca(['cube', 'c', '-r', 'step=0..6..6', '-o', 'all.npy'], around);
  await using view = await join({ address: pool.address, member: 'watch' });
  while (!JSON.stringify(await view.explain()).includes('"t/6"')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await producer.leave();
  const ended = await consumer.ended;
  assert.equal(ended.code === 0, false);
  assert.match(ended.err, /nobody-will-offer/u);
  await assert.rejects(readFile(joinPath(directory, 'all.npy')), { code: 'ENOENT' });
});

test('a cube shows what it lacks, what was skipped, and long axes in short', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'p' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  for (let step = 0; step < 12; step++) {
    if (step === 3) continue;
    await member.put(`t/${step}`, new Float32Array(2), { attributes: { param: 't', step } });
  }
  await member.put('odd', new Float64Array(2), { attributes: { param: 't', step: 99 } });
  const define = [...DEFINE, '--label', 'step=3', '--doc', 'all steps'];
  const failed = await attacca(define, around);
  assert.match(failed.err, /"odd" has no place in it: it is float64.*cube-misfit/u);
  const mistyped = [...DEFINE.slice(0, -3), 'stepp', '--coords', 'x=@not/there'];
  const misfit = await attacca(mistyped, around);
  assert.match(misfit.err, /"stepp".*cube-misfit/u);
  // Neither is there: what is mended is another one.
  const nothing = await attacca(['cube', 'c'], around);
  assert.match(nothing.err, /nobody has defined it/u);
  const shown = await attacca([...define, '--skip-misfits', '--newest'], around);
  assert.equal(
    shown.out,
    `DIMENSION  SIZE  COORDINATES
step         12  0 1 2 3 4 5 ... 11
x             2  -
11 objects of float32
each with param=t
1 hole: step=3
skipped "odd": it is float64, "t/0" is float32
`,
  );
  const picked = await attacca(['cube', 'c', '-r', 'step=[0,1],x=0..0', '--json'], around);
  const [told] = jsonLines(picked.out);
  assert.deepEqual([told?.['shape'], told?.['objects'], told?.['holes']], [[2, 1], 2, 0]);
  const filled = await attacca(
    [
      'cube',
      'c',
      '-r',
      'step=2..3',
      '-o',
      'f.npy',
      '--holes',
      'fill',
      '--fill',
      '7',
      '--dtype',
      'int32',
    ],
    around,
  );
  assert.match(filled.err, /lossy-conversion/u);
  const unknown = await attacca(['cube', 'd'], around);
  assert.match(unknown.err, /Cannot use the cube "d": nobody has defined it.*unknown-definition/u);
  const late = await attacca(['cube', 'c', '-o', 'f.npy', '--timeout', '3s'], around);
  assert.match(late.err, /1 place.*step=3.*deadline-passed/u);
});

test('elements are converted, coordinates and fills are what they are', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'p' });
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await member.put('grid/x', Int32Array.of(16_777_217, 2));
  for (const step of [0, 6]) {
    const attributes = { param: 't', step, scale_factor: (step + 1) / 2 };
    await member.put(`t/${step}`, Int16Array.of(1, 2), { attributes });
  }
  assert.equal((await attacca([...DEFINE, '--coords', 'x=@grid/x'], around)).code, 0);
  const get = ['cube', 'c', '-o', 'f.npy', '--json'];
  // A float32 has not all digits of the first coordinate.
  const values = await attacca([...get, '--dtype', 'float32', '--unpack'], around);
  assert.deepEqual([values.code, values.err], [0, '']);
  const [told] = jsonLines(values.out);
  assert.deepEqual(told?.['coords'], { step: [0, 6], x: [16_777_217, 2] });
  assert.deepEqual(told?.['attributes'], { param: 't' });
  const differ = await attacca(get.slice(0, -1), around);
  assert.match(differ.err, /"t\/6" has no place in it: it has "scale_factor" 3.5.*cube-misfit/u);
  const exact = String(2n ** 62n + 1n);
  const how = ['--dtype', 'int64', '--holes', 'fill', '--fill'];
  const fill = [...get, '-r', 'step=12..12..1', ...how];
  assert.equal((await attacca([...fill, exact], around)).code, 0);
  const bytes = new Uint8Array(await readFile(joinPath(directory, 'f.npy')));
  assert.deepEqual([...new BigInt64Array(bytes.slice(-16).buffer)].map(String), [exact, exact]);
  for (const text of ['', '0x10', 'seven', '1e999']) {
    const failed = await attacca([...fill, text], around);
    assert.match(failed.err, /takes a number, not/u, text);
  }
});

test('an object in parts shows what it lacks, keeps what is there, and is told to who waits', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'p' });
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  const object = member.object('t/0', {
    attributes: { param: 't', step: 0 },
    space: { dtype: 'float32', shape: [4] },
  });
  const half = object.region([[0, 2]]);
  (half.array as Float32Array).set([1, 2]);
  await half.offer({ keep: true });
  const shown = await attacca(DEFINE, around);
  assert.match(shown.out, /1 object of float32\n1 of them lacks parts\n/u);
  const get = ['cube', 'c', '-o', 'f.npy', '--holes'];
  assert.equal((await attacca([...get, 'fill', '--fill', '-1'], around)).code, 0);
  assert.deepEqual((await loaded(joinPath(directory, 'f.npy'))).values, [1, 2, -1, -1]);
  assert.equal((await attacca([...get, 'fail', '-r', 'x=0..1'], around)).code, 0);
  assert.deepEqual((await loaded(joinPath(directory, 'f.npy'))).values, [1, 2]);
  const failed = await attacca([...get, 'fail'], around);
  assert.match(failed.err, /step=0: "t\/0" lacks 2 of 4 elements \(2:4\) \(cube-hole\)/u);
});

test('what a cube has not, or cannot be written as, is refused before anybody waits', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'p' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  await member.put('t/0', new Float32Array(2), { attributes: { param: 't', step: 0 } });
  assert.equal((await attacca(DEFINE, around)).code, 0);
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['-r', 'foo=1'], /no dimension "foo", but step, x.*bad-argument/u],
    [['-r', 'step=six'], /"step": its labels are numbers, and "six" is none/u],
    [['-r', 'step=2026-01-31', '-o', 'f.npy'], /"step": its labels are numbers/u],
    [['-r', 'x=-1'], /"x": it has no x=-1, but 0, 1 \(bad-region\)/u],
    [['-r', 'x=[0,2]', '-o', 'f.npy'], /it has no x=2, but 0, 1 \(bad-region\)/u],
    [['-o', 'f.foo'], /"f\.foo" does not tell.*\.npy.*\.zarr.*unknown-format/u],
    [['-r', 'step=0:6'], /"0:6" is none; a range is step=0\.\.6/u],
    [['-r', 'step=0-6'], /"0-6" is none; a range is step=0\.\.6/u],
    [['-r', 'step=0...6'], /"0\.\.\.6" has a dot too many/u],
    [['-o', 'f.grib'], /written as one array, and none is GRIB/u],
    [['-o', 'f.npy', '--format', 'png'], /there is no format "png"/u],
  ];
  for (const [args, why] of wrong) {
    const failed = await attacca(['cube', 'c', ...args], around);
    assert.match(failed.err, why, args.join(' '));
    assert.notEqual(failed.code, 0);
  }
  const asObject: readonly (readonly [readonly string[], RegExp])[] = [
    [['get', 'c'], /Cannot get "c": it is a cube: attacca cube c -o FILE/u],
    [['wait', 'c'], /Cannot wait for "c": it is a cube: attacca cube c \(/u],
    [['export', 'c', '--to', 'c.nc'], /Cannot export "c": it is a cube: attacca cube c -o c.nc/u],
    [['stat', 'c'], /Cannot stat "c": it is a cube: attacca cube c/u],
    [['explain', 'c'], /Cannot explain "c": it is a cube: attacca cube c/u],
  ];
  for (const [args, why] of asObject) {
    const failed = await attacca(args, around);
    assert.match(failed.err, why);
    assert.equal(failed.code, 1);
  }
  const written = await attacca(['cube', 'c', '-o', 'f.nc'], around);
  assert.deepEqual([written.code, written.err], [0, '']);
  const imported = await attacca(['import', 'f.nc', '--name', 'again'], around);
  assert.equal(imported.code, 0, imported.err);
  await using again = await member.object('again/c').demand();
  assert.deepEqual([again.whole.shape, again.attributes['param']], [[1, 2], 't']);
  const other = ['cube', 'c', '--of', 'param = "u"', '--axes', 'step'];
  const refused = await attacca(other, around);
  assert.match(refused.err, /selector "param = \\"t\\"", not "param = \\"u\\""; say --replace if/u);
  assert.equal((await attacca([...other, '--replace'], around)).code, 0);
  const shown = await attacca(['cube', 'c', '--json'], around);
  assert.equal(jsonLines(shown.out)[0]?.['selector'], 'param = "u"');
});

test('texts may stand in quotes, and a label that no axis has is told with those that it has', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'p' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  for (const variable of ['u', 'v', 'a, b..c']) {
    const attributes = { param: 't', variable };
    await member.put(`t/${variable[0]}/${variable.length}`, new Float32Array(2), { attributes });
  }
  const define = ['cube', 'c', '--of', 'param = "t"', '--axes', 'variable'];
  assert.equal((await attacca(define, around)).code, 0);
  const picks: readonly (readonly [string, readonly string[]])[] = [
    ['variable="u"', ['u']],
    [`variable='u'`, ['u']],
    ['variable=u', ['u']],
    ['variable=["v","u"]', ['u', 'v']],
    ['variable="u".."v"', ['u', 'v']],
    ['variable="a, b..c"', ['a, b..c']],
    ['variable=["a, b..c",v],dim_0=0', ['a, b..c', 'v']],
    ['variable="\\u{75}"', ['u']],
  ];
  for (const [region, labels] of picks) {
    const got = await attacca(['cube', 'c', '-r', region, '-o', 'f.npy', '--json'], around);
    assert.equal(got.code, 0, `${region}: ${got.err}`);
    const coords = jsonLines(got.out)[0]?.['coords'] as { variable: unknown };
    assert.deepEqual(coords.variable, labels, region);
  }
  const has = '"variable" has no "w", but "a, b..c", "u", "v"';
  const shown = await attacca(['cube', 'c', '-r', 'variable=w'], around);
  assert.ok(shown.out.endsWith(`${has}\n`), shown.out);
  for (const more of [[], ['--names', 't/{variable}', '--replace']]) {
    assert.equal((await attacca([...define, ...more], around)).code, 0);
    const wait = ['cube', 'c', '-r', 'variable=w', '-o', 'f.npy', '--timeout', '2s'];
    const late = await attacca(wait, around);
    assert.ok(late.err.includes(`; ${has} (deadline-passed)`), late.err);
  }
  const broken = await attacca(['cube', 'c', '-r', 'variable="\\q"'], around);
  assert.match(broken.err, /"variable" "\\q" is no text: .*escapes are/u);
});

test('coordinates of a part have the type and the attributes of the objects that have them', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'p' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const units = 'degrees_north';
  await member.put('f/lat', Float64Array.of(60, 59.5, 59), {
    attributes: { units, file: 'f.nc', '.part-of': 'f' },
  });
  for (const step of [0, 6]) {
    const own = { dims: ['lat', 'x'], coords: { x: [0.5, 1] }, variable: 't', file: 'f.nc' };
    const attributes = { param: 't', step, '.part-of': 'f', ...own };
    const space = { dtype: 'float32', shape: [3, 2] } as const;
    await member.put(`f/${step}`, new Float32Array(6), { attributes, space });
  }
  await member.put('f', new Uint8Array(1));
  assert.equal((await attacca(['cube', 'c', ...DEFINE.slice(2, -2)], around)).code, 0);
  const files = [
    ['nc', 'a'],
    ['h5', 'b'],
    ['zarr', 'c'],
  ];
  for (const [end, name] of files) {
    const get = ['cube', 'c', '-r', 'lat=60,x=1..', '-o', `${name}.${end}`];
    const written = await attacca(get, around);
    assert.deepEqual([written.code, written.err], [0, '']);
  }
  for (const [end, name] of files) {
    assert.equal((await attacca(['import', `${name}.${end}`], around)).code, 0);
    const lat = await member.stat(`${name}/lat`);
    assert.deepEqual([lat['dtype'], lat['shape']], ['float64', [1]], end);
    const said = lat['attributes'] as Record<string, unknown>;
    assert.deepEqual([said['units'], said['file']], [units, `${name}.${end}`]);
    assert.equal((await member.stat(`${name}/x`))['dtype'], 'float64', end);
    assert.equal((await member.stat(`${name}/step`))['dtype'], 'int32', end);
  }
  // What an import says of the file it read is not said by another one.
  const exported = await attacca(['export', 'f/0', '--to', 'e.zarr'], around);
  assert.equal(exported.code, 0, exported.err);
  for (const [path, wanted] of [
    ['c.zarr/c', { param: 't' }],
    ['c.zarr/lat', { units }],
    ['e.zarr/0', { param: 't', step: 0 }],
  ] as const) {
    const file = joinPath(around.directory, path, 'zarr.json');
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')).attributes, wanted, path);
  }
});
