import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { join as joinPool } from '../../../src/client/index.js';
import { DemoProcess, isAlive } from './demo-process.js';
import { writeClassic } from './netcdf-writer.js';
import { sharedFile, whyWithout } from './shared-data.js';

/** Two models, two steps, 32 x 64 points. */
const TINY = ['--size', 'small', '--members', '2', '--steps', '2', '--grid', '32x64'] as const;
/** Long enough to be ended in the middle. */
const LONG = ['--members', '2', '--steps', '300', '--grid', '32x64'] as const;
const PNG = '89504e470d0a1a0a';

const demos: DemoProcess[] = [];
after(() => {
  for (const demo of demos) demo.remove();
});

function start(...args: readonly string[]): DemoProcess {
  return startWith({}, ...args);
}

function startWith(
  files: { readonly [name: string]: Uint8Array | undefined },
  ...args: readonly string[]
): DemoProcess {
  const demo = new DemoProcess('weather', args, files);
  demos.push(demo);
  return demo;
}

function isPng(path: string): boolean {
  return readFileSync(path).subarray(0, 8).toString('hex') === PNG;
}

const isMap = (path: string): boolean => /^out\/weather\/[^/]+\.png$/.test(path);

/** Only the directory that the user's pools share may stay. */
function assertNothingLeft(demo: DemoProcess, ...kept: readonly string[]): void {
  const left = demo
    .leftovers(...kept)
    .filter((path) => !/^(out|out\/weather|attacca-\d+)$/.test(path));
  assert.deepEqual(left, []);
}

test('pool, files a step, a file a field: the same products, bit for bit', async () => {
  const demo = start(...TINY, '--json', 'figures.json');
  const { code, output, errors } = await demo.ended;
  assert.equal(code, 0, output + errors);
  assert.match(output, /products of all 3 runs are the same, bit for bit/);
  const { vias } = JSON.parse(readFileSync(join(demo.directory, 'figures.json'), 'utf8'));
  for (const via of ['pool', 'files', 'file-per-field']) {
    const figures = vias[via];
    assert.equal(figures.fields, 2 * 2 * 9, via);
    assert.equal(figures.bytes, 2 * 2 * 9 * 32 * 64 * 4, via);
    // Wind speed and vorticity of each, mean and spread of each step, the strongest wind.
    assert.equal(figures.products, 2 * (2 * 2 * 3) + 2 * (2 * 3) + 3, via);
    assert.ok(figures.makespan_s > 0, via);
    assert.ok(figures.offer_to_product_p50_ms > 0, via);
    assert.ok(figures.offer_to_product_p99_ms >= figures.offer_to_product_p50_ms, via);
    assert.ok(figures.producer_stall_pct >= 0 && figures.producer_stall_pct < 100, via);
    assert.ok(figures.peak_memory_GiB < 2, via);
  }
  const maps = readdirSync(join(demo.directory, 'out/weather'));
  assert.equal(maps.length, 2 * 4 + 1);
  for (const map of maps) {
    assert.ok(output.includes(`out/weather/${map}`), map);
    assert.ok(isPng(join(demo.directory, 'out/weather', map)), map);
  }
  assertNothingLeft(demo, 'out/weather', 'figures.json');
});

test('a module of another way, and a pool that is nearly full, make the same products', async () => {
  const module = fileURLToPath(new URL('./files-module.js', import.meta.url));
  const ways = [
    ['--via', 'pool'],
    ['--via', 'pool', '--memory', '192k'],
    ['--via', `module:${module}`],
  ];
  const made: string[] = [];
  for (const way of ways) {
    const demo = start(...TINY, ...way, '--json', 'figures.json');
    const { code, output, errors } = await demo.ended;
    assert.equal(code, 0, output + errors);
    const { vias } = JSON.parse(readFileSync(join(demo.directory, 'figures.json'), 'utf8'));
    for (const figures of Object.values(vias)) {
      made.push((figures as { products_sha256: string }).products_sha256);
    }
    assertNothingLeft(demo, 'figures.json', ...demo.leftovers().filter((path) => isMap(path)));
  }
  assert.equal(made.length, ways.length);
  assert.equal(new Set(made).size, 1, made.join());
});

test('a module that is none is refused with the reason', async () => {
  for (const [path, why] of [
    ['./not-there.js', /Cannot take "--via module:.*not-there\.js": Cannot find module/],
    [fileURLToPath(new URL('./demo-process.js', import.meta.url)), /does not export "serve"/],
  ] as const) {
    const { code, errors } = await start(...TINY, '--via', `module:${path}`).ended;
    assert.equal(code, 2, errors);
    assert.match(errors, why);
  }
});

test('without shared memory: over the socket', async () => {
  const demo = start(...TINY, '--via', 'pool', '--transport', 'socket');
  const { code, output, errors } = await demo.ended;
  assert.equal(code, 0, output + errors);
});

test("ECMWF's sizes: every one of many fields is received and checked, each way", async () => {
  const args = ['--size', 'ecmwf', '--members', '2', '--steps', '1', '--grid', '32x64'];
  const demo = start(...args, '--json', 'figures.json');
  const { code, output, errors } = await demo.ended;
  assert.equal(code, 0, output + errors);
  const { vias } = JSON.parse(readFileSync(join(demo.directory, 'figures.json'), 'utf8'));
  for (const via of ['pool', 'files', 'file-per-field']) {
    assert.equal(vias[via].fields, 2 * 176, via);
    assert.equal(vias[via].products, 2 * 176, via);
    assert.equal(vias[via].bytes, 2 * 176 * (32 * 64 * 4 + 3_129), via);
  }
  assertNothingLeft(demo, 'figures.json');
});

/** Wind in int16 with a jet at 30 degrees north, geopotential, one level, two months. */
function windFile(): Uint8Array {
  const [nlat, nlon, times] = [19, 36, 2];
  const latitudes = Array.from({ length: nlat }, (_, j) => 90 - 10 * j);
  const points = (value: (latitude: number) => number): number[] =>
    Array.from({ length: times }, () =>
      latitudes.flatMap((latitude) => Array.from({ length: nlon }, () => value(latitude))),
    ).flat();
  const packed = { units: 'm s**-1', scale_factor: 0.01, add_offset: 0 };
  const field = (name: string, values: readonly number[]) =>
    ({ name, dimensions: [0, 1, 2, 3], type: 'short', attributes: packed, values }) as const;
  return writeClassic({
    recordCount: 0,
    dimensions: [
      { name: 'month', size: times },
      { name: 'level', size: 1 },
      { name: 'latitude', size: nlat },
      { name: 'longitude', size: nlon },
    ],
    variables: [
      { name: 'month', dimensions: [0], type: 'int', attributes: {}, values: [1, 7] },
      { name: 'level', dimensions: [1], type: 'int', attributes: {}, values: [200] },
      { name: 'latitude', dimensions: [2], type: 'float', attributes: {}, values: latitudes },
      {
        name: 'longitude',
        dimensions: [3],
        type: 'float',
        attributes: {},
        values: Array.from({ length: nlon }, (_, i) => -180 + 10 * i),
      },
      field(
        'u',
        points((latitude) => (latitude === 30 ? 6_000 : 500)),
      ),
      field(
        'v',
        points(() => 0),
      ),
      field(
        'z',
        points((latitude) => -latitude),
      ),
    ],
  });
}

test('real fields from a file stand for the model', async () => {
  const demo = startWith({ 'wind.nc': windFile() }, '--input', 'wind.nc', '--via', 'all');
  const { code, output, errors } = await demo.ended;
  assert.equal(code, 0, output + errors);
  assert.match(output, /January, July: 6 fields/);
  assert.doesNotMatch(output, /held up/, 'there is no model');
  assert.match(output, /bit for bit/);
  const maps = readdirSync(join(demo.directory, 'out/wind')).toSorted();
  assert.deepEqual(maps, [
    'largest-wind-200hPa.png',
    'vorticity-200hPa-january.png',
    'vorticity-200hPa-july.png',
    'wind-speed-200hPa-january.png',
    'wind-speed-200hPa-july.png',
  ]);
  assert.ok(maps.every((map) => isPng(join(demo.directory, 'out/wind', map))));
});

const ERA_INTERIM = sharedFile('eraint_uvz.nc');

test('the jet stream of ERA-Interim', { skip: whyWithout('eraint_uvz.nc') }, async () => {
  const demo = start('--input', ERA_INTERIM);
  const { code, output, errors } = await demo.ended;
  assert.equal(code, 0, output + errors);
  assert.ok(isPng(join(demo.directory, 'out/eraint_uvz/wind-speed-200hPa-january.png')));
});

test('a file that is no NetCDF file, a damaged one, one without wind, and none', async () => {
  const calm = windFile();
  // The name of a variable: its size, its letters, padding.
  calm[Buffer.from(calm).indexOf('\0\0\0\x01u\0\0\0', 0, 'latin1') + 4] = 'q'.charCodeAt(0);
  const cases: readonly [name: string, bytes: Uint8Array | undefined, why: RegExp][] = [
    ['text.nc', Buffer.from('no NetCDF'), /Cannot read "text\.nc": it is no file of a known kind/],
    ['cut.nc', windFile().subarray(0, 700), /Cannot read "cut\.nc": .*truncated or damaged/],
    ['calm.nc', calm, /Cannot use "calm\.nc": no level has both wind components/],
    ['absent.nc', undefined, /Cannot read "absent\.nc": there is no such file/],
  ];
  for (const [name, bytes, why] of cases) {
    const demo = startWith({ [name]: bytes }, '--input', name);
    const { code, output, errors } = await demo.ended;
    assert.equal(code, 1, name);
    assert.match(errors, why);
    assert.equal(errors.trim().split('\n').length, 1, errors);
    assert.equal(output, '');
  }
});

test('flags that cannot be: one line that names the flag, exit code 2', async () => {
  const cases: readonly [args: readonly string[], why: RegExp][] = [
    [['--members', '0'], /--members 0/],
    [['--steps', 'many'], /--steps many/],
    [['--grid', '180'], /--grid 180/],
    [['--grid', '180x20'], /^Cannot take "--grid 180x20": COLUMNS must be from 43 to 8000$/m],
    [['--grid', '1x1'], /^Cannot take "--grid 1x1": ROWS must be from 8 to 4000$/m],
    [['--via', 'carrier-pigeon'], /--via carrier-pigeon/],
    [['--size', 'huge'], /--size huge/],
    [['--transport', 'tube'], /--transport tube/],
    [['--input', 'wind.nc', '--members', '3'], /--members.*--input/],
    [['--colour'], /^Cannot take "--colour": there is no such flag$/m],
    [['--siez', 'small'], /"--siez": there is no such flag; did you mean "--size"\?$/m],
    [['small'], /^Cannot take "small": it is no flag/],
    [['--input'], /^Cannot take "--input": its value is missing$/m],
    [['--input', '--via', 'pool'], /^Cannot take "--input": its value is missing$/m],
    [['--input', '/'], /^Cannot take "--input \/": it is a directory, not a NetCDF file$/m],
    [['--steps', '-1'], /^Cannot take "--steps -1": not a whole number from 1 to 1000$/m],
    [['--help=yes'], /^Cannot take "--help=yes": the flag takes no value$/m],
    [['--via', 'files', '--dir', '/nowhere/at/all'], /--dir \/nowhere\/at\/all/],
  ];
  const ends = await Promise.all(cases.map(([args]) => start(...args).ended));
  for (const [index, { code, errors }] of ends.entries()) {
    const [args, why] = cases[index] ?? [[], /^$/];
    assert.equal(code, 2, `${args.join(' ')}: ${errors}`);
    assert.match(errors, why);
    assert.equal(errors.trim().split('\n').length, 1, errors);
  }
});

test('--help names every flag', async () => {
  const { code, output } = await start('--help').ended;
  assert.equal(code, 0);
  const flags = 'size members steps grid seed input via dir transport out json help';
  for (const flag of flags.split(' ')) assert.match(output, new RegExp(`--${flag}\\b`));
});

const onLinux = { skip: process.platform === 'linux' ? false : 'looks for processes in /proc' };

/** Waits, through the demo's own pool, until the models are in the middle of their work. */
async function whenUnderWay(demo: DemoProcess): Promise<void> {
  const address = await demo.said(/ATTACCA_POOL=(\S+)/);
  await using pool = await joinPool({ address, member: 'onlooker' });
  const fields = [0, 1].map((number) =>
    pool.object(`fc/number=${number}/step=060/level=500/param=h`).demand({ timeoutMs: 60_000 }),
  );
  await Promise.all((await Promise.all(fields)).map((field) => field.dispose()));
}

test(
  'a model that is killed: the demo says who it was and who waits in vain',
  onLinux,
  async () => {
    const demo = start(...LONG, '--via', 'pool');
    await whenUnderWay(demo);
    const programs = demo.programs();
    const [victim = 0] = demo.programs('model.js', '--number 1');
    process.kill(victim, 'SIGKILL');
    const { code, errors } = await demo.ended;
    assert.equal(code, 1);
    assert.match(errors, /^Cannot finish the workflow: model\[1\] was ended by SIGKILL$/m);
    assert.match(errors, /says: Cannot .*"fc\/number=1\/.*nobody will offer it/);
    assert.deepEqual(programs.filter(isAlive), []);
    assertNothingLeft(demo);
  },
);

test('a killed pool ends the demo', onLinux, async () => {
  const demo = start(...LONG, '--via', 'pool');
  await whenUnderWay(demo);
  const programs = demo.programs();
  const [server = 0] = demo.programs('pool-process.js');
  process.kill(server, 'SIGKILL');
  const { code, errors } = await demo.ended;
  assert.equal(code, 1);
  assert.match(errors, /^Cannot finish the workflow: pool was ended by SIGKILL/m);
  assert.deepEqual(programs.filter(isAlive), []);
});

test('Ctrl-C ends every program and leaves nothing', onLinux, async () => {
  const demo = start(...LONG, '--via', 'pool');
  await whenUnderWay(demo);
  const programs = demo.programs();
  assert.ok(programs.length >= 8, `${programs.length} programs`);
  demo.signal('SIGINT');
  const { code, errors } = await demo.ended;
  assert.equal(code, 130, errors);
  assert.deepEqual(programs.filter(isAlive), []);
  assertNothingLeft(demo);
});

test(
  'a writer of files that is killed: nobody tells the readers, so the demo ends them',
  onLinux,
  async () => {
    const demo = start(...LONG, '--via', 'files');
    await demo.said(/([\d,]+)\/5,400 fields/);
    const programs = demo.programs();
    const [victim = 0] = demo.programs('model.js', '--number 1');
    process.kill(victim, 'SIGKILL');
    const { code, errors } = await demo.ended;
    assert.equal(code, 1);
    assert.match(errors, /model\[1\] was ended by SIGKILL/);
    assert.deepEqual(programs.filter(isAlive), []);
    assertNothingLeft(demo);
  },
);
