// What is kept in a directory, as a shell has it: docs/storage.md shows it when all is well.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore } from '../../src/levels/store/index.js';
import { blobSpace, someBytes } from '../../src/testing/level-cases.js';
import { attacca, filesOf, jsonLines } from './command.js';

const LARGE = 1_500_000;

interface Told {
  readonly code: string;
  readonly fields: { readonly [name: string]: unknown };
}

function errorsOf({ err }: { readonly err: string }): Told[] {
  return jsonLines(err).map(({ error }) => error as Told);
}

async function storeIn(directory: string): Promise<void> {
  const store = await openStore(join(directory, 'kept'), { access: 'write' });
  for (const [pool, name, version, size] of [
    ...[
      ['run', 'a', 1, 10],
      ['run', 'a', 2, 20],
      ['run', 'b/c', 1, LARGE],
    ],
    ...[
      ['run', 'twice', 1, 5],
      ['other', 'twice', 1, 6],
      ['run', '../out', 1, 3],
    ],
  ] as const) {
    const entry = { pool, name, version, space: blobSpace(size), attributes: { size } };
    await store.put(entry, someBytes(size, version));
  }
  await store.close();
}

test('versions and pools are told apart; names are printed once', async (t) => {
  const directory = await filesOf(t);
  await storeIn(directory);
  const run = (...args: string[]) => attacca(args, { directory });
  assert.equal((await run('ls', '--store', 'kept')).out, '../out\na\nb/c\ntwice\n');
  const told = jsonLines((await run('ls', '--store', 'kept', '--json', '[a-c]*')).out);
  assert.deepEqual(
    told.map(({ name, version, bytes }) => [name, version, bytes]),
    [
      ['a', 1, 10],
      ['a', 2, 20],
      ['b/c', 1, LARGE],
    ],
  );
  const mistyped = await run('ls', '--store', 'kept', '-w', '.bytse > 1 and `no such` = 1');
  assert.deepEqual([mistyped.code, mistyped.out], [0, '']);
  assert.equal(
    mistyped.err,
    'no object has ".bytse"; did you mean ".bytes"?\nno object has "no such"\n',
  );
  const selected = await run('ls', '--store', 'kept', '-w', '.pool = "other" or size > 1e6', '-0');
  assert.equal(selected.out, 'b/c\0twice\0');
  const file = await run('get', '--store', 'kept', 'a', '-o', 'a.bin');
  assert.deepEqual([file.code, file.out, file.err], [0, '', '']);
  assert.deepEqual(new Uint8Array(readFileSync(join(directory, 'a.bin'))), someBytes(20, 2));
  const twice = await run('get', '--store', 'kept', 'twice', '--json');
  assert.equal(twice.code, 1);
  assert.deepEqual(
    errorsOf(twice).map(({ code }) => code),
    ['bad-name'],
  );
  const many = await run('get', '--store', 'kept', '-w', '.pool = "run"', '-d', 'out', '-q');
  assert.equal(many.code, 1);
  assert.match(many.err, /"\.\.\/out"/u);
  assert.match(many.err, /several pools/u);
  assert.deepEqual(readdirSync(join(directory, 'out')).sort(), ['a', 'b']);
  const large = readFileSync(join(directory, 'out', 'b', 'c'));
  assert.equal(Buffer.compare(large, someBytes(LARGE)), 0);
});

test('mistakes are told by their codes', async (t) => {
  const directory = await filesOf(t);
  await storeIn(directory);
  mkdirSync(join(directory, 'home'));
  for (const [args, code, error] of [
    [['ls', '--store', 'home'], 1, 'not-a-store'],
    [['get', '--store', 'none', 'a'], 1, 'not-a-store'],
    [['get', '--store', 'kept', 'none'], 1, 'unknown-object'],
    [['ls', '--store', 'kept', '-w', 'size >'], 2, 'bad-selector'],
    [['get', '--store', 'kept', 'a', '--region', '0:1'], 2, 'usage'],
    [['ls', '--store', 'kept', '--pool', 'x'], 2, 'usage'],
    [['fsck'], 2, 'usage'],
    [['fsck', 'home'], 1, 'not-a-store'],
  ] as const) {
    const result = await attacca([...args, '--json'], { directory });
    const [first] = errorsOf(result);
    assert.deepEqual([result.code, first?.code], [code, error], args.join(' '));
  }
  assert.deepEqual(readdirSync(join(directory, 'home')), []);
});

test('a damaged array is told, others are read, and --repair sets it aside', async (t) => {
  const directory = await filesOf(t);
  await storeIn(directory);
  const run = (...args: string[]) => attacca(args, { directory });
  const arrays = join(directory, 'kept', 'arrays');
  const [folder = ''] = readdirSync(arrays).filter((name) => name !== 'zarr.json');
  const chunk = join(arrays, folder, 'data', 'c.0');
  const bytes = readFileSync(chunk);
  bytes[1_000_000] = (bytes[1_000_000] ?? 0) ^ 4;
  writeFileSync(chunk, bytes);
  const broken = await run('get', '--store', 'kept', 'b/c', '-o', 'c.bin', '--json');
  assert.deepEqual(
    errorsOf(broken).map(({ code }) => code),
    ['store-damaged'],
  );
  assert.ok(!readdirSync(directory).includes('c.bin'));
  const found = await run('fsck', 'kept', '--json');
  assert.equal(found.code, 1);
  assert.deepEqual(
    jsonLines(found.out).map(({ kind, name, damage }) => [kind, name, damage]),
    [['damaged-array', 'b/c', true]],
  );
  await using writer = await openStore(join(directory, 'kept'), { access: 'write' });
  const refused = await run('fsck', 'kept', '--repair', '--json');
  const [error] = errorsOf(refused);
  assert.deepEqual([error?.code, error?.fields['pid']], ['store-in-use', process.pid]);
  await writer.close();
  assert.equal((await run('fsck', 'kept', '--repair')).code, 1);
  const after = await run('fsck', 'kept');
  assert.deepEqual([after.code, after.out], [0, '']);
  assert.deepEqual(readdirSync(join(directory, 'kept', 'quarantine')), [folder]);
  assert.equal((await run('ls', '--store', 'kept')).out, '../out\na\ntwice\n');
});
