import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DataDirectory } from '../../src/server/data-directory.js';
import { makeSessionKey, writeSecretFile } from '../../src/server/secrets.js';
import { scratch } from './pool-fixture.js';
import { Unsynced } from './unsynced.js';

/** Opens a directory, and closes it again; what it has logged. */
async function opened<T>(
  path: string,
  use: (directory: DataDirectory) => Promise<T>,
): Promise<{ value: T; said: string[] }> {
  const said: string[] = [];
  const directory = await DataDirectory.open(path, undefined, (line) => said.push(line));
  try {
    return { value: await use(directory), said };
  } finally {
    await directory.close();
  }
}

test('key and token are synced before they have their names, and these are synced', async (t) => {
  const path = join(await scratch(t), 'kept');
  const unsynced = await Unsynced.watch(t);
  await opened(path, async (directory) => {
    for (const make of [
      () => directory.keepSessionKey(makeSessionKey()),
      () => directory.token(),
    ]) {
      await make();
      assert.ok(unsynced.hasSyncedNames(path));
    }
  });
  assert.deepEqual(unsynced.renamedUnsynced, []);
  assert.deepEqual((await readdir(path)).sort(), ['lock', 'session-key', 'token']);
});

test('key and token are the same for each manager', async (t) => {
  const path = join(await scratch(t), 'kept');
  const both = async (directory: DataDirectory) => [
    await directory.sessionKey(),
    await directory.token(),
  ];
  const key = makeSessionKey();
  await opened(path, (directory) => directory.keepSessionKey(key));
  const first = await opened(path, both);
  assert.deepEqual(first.value[0], new Uint8Array(key));
  assert.deepEqual(await opened(path, both), first);
  assert.deepEqual(first.said, []);
});

test('a token file that a loss of power has emptied is replaced, and that is said', async (t) => {
  const path = join(await scratch(t), 'kept');
  const token = (directory: DataDirectory) => directory.token();
  const { value: before } = await opened(path, token);
  for (const left of [new Uint8Array(0), new Uint8Array(44)]) {
    await writeFile(join(path, 'token'), left);
    const { value, said } = await opened(path, token);
    assert.notEqual(value, before);
    assert.equal(await readFile(join(path, 'token'), 'utf8'), `${value}\n`);
    assert.equal((await stat(join(path, 'token'))).mode & 0o777, 0o600);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /token" was empty: the pool has a new token/u);
    assert.deepEqual(await opened(path, token), { value, said: [] });
  }
  // What holds something is not ours to judge.
  await writeFile(join(path, 'token'), '\n');
  await assert.rejects(opened(path, token), { code: 'file-error' });
});

test('drafts that a crash has left are replaced', async (t) => {
  const path = join(await scratch(t), 'kept');
  await opened(path, async () => {});
  for (const name of ['token.new', 'session-key.new']) {
    await writeFile(join(path, name), 'a dr', { mode: 0o600 });
  }
  await opened(path, async (directory) => {
    assert.equal(await directory.sessionKey(), null);
    await directory.keepSessionKey(makeSessionKey());
    assert.equal((await directory.sessionKey())?.length, 32);
    assert.equal((await directory.token()).length, 43);
  });
  assert.deepEqual((await readdir(path)).sort(), ['lock', 'session-key', 'token']);
});

test('a secret that cannot have its name leaves no draft', async (t) => {
  const path = join(await scratch(t), 'missing', 'token');
  await assert.rejects(writeSecretFile(path, 'x'), { code: 'ENOENT' });
  const folder = await scratch(t);
  await assert.rejects(writeSecretFile(folder, 'x'));
  await assert.rejects(stat(`${folder}.new`), { code: 'ENOENT' });
});
