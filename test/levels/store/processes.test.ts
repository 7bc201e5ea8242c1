import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AttaccaError } from '../../../src/core/errors.js';
import { Region } from '../../../src/core/regions/region.js';
import type { Space } from '../../../src/core/space.js';
import { openStore } from '../../../src/levels/store/index.js';
import { checkDirectory } from '../../../src/levels/store/repair.js';
import { ZarrStore } from '../../../src/levels/zarr/store.js';
import { blobSpace, someBytes } from '../../../src/testing/level-cases.js';
import { tinyTmpfs } from '../scratch.js';

const CHILD = fileURLToPath(new URL('writer-child.js', import.meta.url));
const KILLS = 6;

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'attacca-store-'));
  t.after(() => rm(made, { recursive: true, force: true }));
  return join(made, 'store');
}

async function failureOf(promise: Promise<unknown>): Promise<AttaccaError> {
  const error = await promise.then(
    () => null,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof AttaccaError, String(error));
  return error;
}

/** A writer, and the lines that it says. */
function startWriter(t: TestContext, directory: string, durability: string) {
  const child: ChildProcess = spawn(process.execPath, [CHILD, directory, durability], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout !== null);
  return { child, lines: createInterface({ input: child.stdout }) };
}

for (const durability of ['fsync', 'memory']) {
  test(`kill -9 at any moment: what was acknowledged as ${durability} is there`, async (t) => {
    const directory = await folder(t);
    const known = new Map<string, { size: number; seed: number } | null>();
    let acknowledged = 0;
    for (let life = 0; life < KILLS; life++) {
      const { child, lines } = startWriter(t, directory, durability);
      let count = 0;
      for await (const line of lines) {
        const [what, name, version, size, seed] = line.split(' ');
        const key = `${name} ${version}`;
        if (what === 'put') known.set(key, { size: Number(size), seed: Number(seed) });
        // In between it is there or not.
        if (what === 'deleting') known.delete(key);
        if (what === 'deleted') known.set(key, null);
        // No clock: the moment is one of its own steps, another one in each life.
        if (++count === 40 + life * 97) child.kill('SIGKILL');
      }
      acknowledged += count;
      const level = await openStore(directory, { access: 'read' });
      for (const [key, is] of known) {
        const [name = '', version] = key.split(' ');
        const found = await level.get({ pool: 'p', name, version: Number(version) });
        if (is === null) assert.equal(found, null, key);
        else {
          assert.ok(found !== null, `${key} is lost`);
          assert.equal(Buffer.compare(found.bytes, someBytes(is.size, is.seed)), 0, key);
        }
      }
      for await (const entry of level.list()) assert.equal(entry.pool, 'p');
      await level.close();
    }
    assert.ok(acknowledged > 500, String(acknowledged));
    // What they left goes with who writes next.
    await (await openStore(directory, { access: 'write' })).close();
    assert.deepEqual((await checkDirectory(directory)).findings, []);
  });
}

test('two that write to one directory: the second is told by the pid of the first', async (t) => {
  const directory = await folder(t);
  const { child, lines } = startWriter(t, directory, 'fsync');
  for await (const line of lines) if (line === 'open') break;
  const orphan = join(directory, 'arrays/stray.v1.zz');
  await mkdir(orphan);
  const error = await failureOf(openStore(directory, { access: 'write' }));
  assert.equal(error.code, 'store-in-use');
  assert.equal(error.fields['pid'], child.pid);
  assert.ok(existsSync(orphan), 'it may be of who writes');
  assert.match(error.message, new RegExp(`process ${child.pid} `, 'u'));
  const reader = await openStore(directory, { access: 'read' });
  await reader.close();
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
  await using level = await openStore(directory, { access: 'write' });
  assert.ok(!existsSync(orphan));
  const again = await failureOf(openStore(directory, { access: 'write' }));
  assert.deepEqual([again.code, again.fields['pid']], ['store-in-use', process.pid]);
  assert.equal(await level.has({ pool: 'p', name: 'none', version: 1 }), false);
});

test('a directory that is none of ours stays as it is', async (t) => {
  const directory = await folder(t);
  assert.equal((await failureOf(openStore(directory, { access: 'read' }))).code, 'not-a-store');
  await rm(directory, { recursive: true, force: true });
  const home = join(directory, '..');
  await writeFile(join(home, 'thesis.tex'), 'years of work');
  const error = await failureOf(openStore(home, { access: 'write' }));
  assert.equal(error.code, 'not-a-store');
  assert.match(error.message, /thesis\.tex/u);
  assert.deepEqual(await readdir(home), ['thesis.tex']);
  await writeFile(
    join(home, 'attacca-store.json'),
    '{"attacca": "store", "version": 9, "seed": "0123456789abcdef"}',
  );
  const version = await failureOf(openStore(home, { access: 'read' }));
  assert.match(version.message, /version 9, known is 2/u);
});

test('what the system does not let us is no missing object', async (t) => {
  if (process.geteuid?.() === 0) {
    t.skip('root may read everything');
    return;
  }
  const directory = await folder(t);
  const level = await openStore(directory, { access: 'write' });
  const key = { pool: 'p', name: 'a', version: 1 };
  await level.put({ ...key, space: blobSpace(1_100_000), attributes: {} }, someBytes(1_100_000));
  await level.close();
  const [array] = (await readdir(join(directory, 'arrays'))).filter((name) => name !== 'zarr.json');
  await chmod(join(directory, 'arrays', array ?? '', 'data', 'c', '0'), 0);
  await using reader = await openStore(directory, { access: 'read' });
  assert.equal((await failureOf(reader.get(key))).code, 'store-denied');
});

/** Files of drafts below a directory that this process has open; 0 where nobody says. */
function draftsOpen(directory: string): number {
  if (process.platform !== 'linux') return 0;
  const open = readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return '';
    }
  });
  return open.filter((path) => path.startsWith(directory) && path.includes('/drafts/')).length;
}

test('of many arrays that are put at once some have files open, the others wait', async (t) => {
  const directory = await folder(t);
  await using level = await openStore(directory, { access: 'write' });
  const size = 1_100_000;
  const bytes = someBytes(size);
  const all = Array.from({ length: 60 }, (_, index) => {
    const entry = { pool: 'p', name: `a${index}`, version: 1, space: blobSpace(size) };
    return level.put({ ...entry, attributes: {} }, bytes, { durability: 'fsync' });
  });
  let isOver = false;
  const ended = Promise.all(all).finally(() => {
    isOver = true;
  });
  let most = 0;
  while (!isOver) {
    most = Math.max(most, draftsOpen(directory));
    await setImmediate();
  }
  await ended;
  // Sixteen, of three files each; and what is read again stays open, for others.
  assert.ok(most <= 16 * 3 + 64, String(most));
  assert.equal((await level.capacity()).objects, 60);
});

test('a disk that is really full', async (t) => {
  const mounted = await tinyTmpfs(t, 4);
  if (mounted === null) return;
  await using level = await openStore(join(mounted, 'store'), { access: 'write' });
  const put = async (name: string, size: number): Promise<void> => {
    const entry = { pool: 'p', name, version: 1, space: blobSpace(size), attributes: {} };
    await level.put(entry, someBytes(size), { durability: 'fsync' });
  };
  await put('first', 500_000);
  const error = await failureOf(
    (async () => {
      for (let at = 0; at < 100; at++) await put(`n${at}`, 300_000);
    })(),
  );
  assert.equal(error.code, 'disk-full');
  assert.equal((await failureOf(put('large', 2_000_000))).code, 'disk-full');
  assert.equal(draftsOpen(mounted), 0);
  const found = await level.get({ pool: 'p', name: 'first', version: 1 });
  assert.equal(Buffer.compare(found?.bytes ?? new Uint8Array(0), someBytes(500_000)), 0);
  await put('little', 10);
});

const GRID: Space = { dtype: 'float32', shape: [60, 100, 101], order: 'row', byteOrder: 'little' };

test('arrays are read as Zarr, with their dimensions and attributes', async (t) => {
  const directory = await folder(t);
  const level = await openStore(directory, { access: 'write' });
  const values = new Float32Array(60 * 100 * 101).map((_, at) => at / 7);
  const bytes = new Uint8Array(values.buffer);
  const attributes = { param: 't', step: 6, dims: ['time', 'lat', 'lon'] };
  const key = { pool: 'p', name: 't/850', version: 3 };
  await level.put({ ...key, space: GRID, attributes }, bytes);
  const column = { ...GRID, order: 'column' } as const;
  await level.put({ ...key, name: 'turned', space: column, attributes: {} }, bytes);
  await level.close();
  const names = (await readdir(join(directory, 'arrays'))).filter((name) => name !== 'zarr.json');
  for (const name of names) {
    const array = ZarrStore.open(join(directory, 'arrays', name)).openArray('data');
    const into = new Uint8Array(bytes.length);
    await array.readRegion(Region.whole([60, 100, 101]), into);
    assert.deepEqual(array.info.shape, [60, 100, 101]);
    if (name.startsWith('t_850.v3.')) {
      assert.equal(Buffer.compare(into, bytes), 0);
      assert.deepEqual(array.info.attributes, attributes);
      assert.deepEqual(array.info.dimensionNames, ['time', 'lat', 'lon']);
    } else {
      const read = new Float32Array(into.buffer);
      assert.equal(read[(5 * 100 + 7) * 101 + 9], values[5 + 60 * (7 + 100 * 9)]);
    }
  }
  const python = spawnSync(
    'python3',
    [
      '-c',
      `
import glob, sys, xarray
path, = glob.glob(sys.argv[1] + '/arrays/t_850.v3.*')
data = xarray.open_zarr(path, consolidated=False)['data']
print(data.dims, data.attrs['param'], float(data[1, 2, 3]))
`,
      directory,
    ],
    { encoding: 'utf8' },
  );
  if (/No module named/u.test(python.stderr)) {
    t.diagnostic('not read by xarray, which is not installed here');
    return;
  }
  assert.equal(
    python.stdout.trim(),
    `('time', 'lat', 'lon') t ${values[(100 + 2) * 101 + 3]}`,
    python.stderr,
  );
});
