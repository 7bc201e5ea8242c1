import assert from 'node:assert/strict';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  claimPoolDirectory,
  createPoolDirectory,
  findDeadPools,
  findPools,
  openSlab,
  poolDirectoryPath,
  removePool,
} from '../../src/levels/shm/index.js';
import { scratch, startChild } from './scratch.js';

const weather = { poolId: 'p1', name: 'weather' };

/** Rewrites owner.json as another process would have written it. */
async function forge(directory: string, change: Record<string, unknown>): Promise<void> {
  const path = join(directory, 'owner.json');
  const owner: unknown = JSON.parse(await readFile(path, 'utf8'));
  assert.ok(typeof owner === 'object' && owner !== null);
  await writeFile(path, JSON.stringify({ ...owner, ...change }));
}

test('a pool directory is private, whole at once, and goes with its owner', async (t) => {
  const root = await scratch(t);
  const pool = await createPoolDirectory(root, weather);
  assert.equal(pool.path, poolDirectoryPath(root, 'p1'));
  assert.equal((await lstat(pool.path)).mode & 0o777, 0o700);
  assert.equal((await lstat(join(pool.path, 'owner.json'))).mode & 0o777, 0o600);
  assert.equal(pool.owner.pid, process.pid);
  await assert.rejects(createPoolDirectory(root, weather), { code: 'file-error' });
  assert.deepEqual(await readdir(root), [`attacca-${process.geteuid?.()}-p1`]);
  await pool.remove();
  await pool.remove();
  assert.deepEqual(await readdir(root), []);
  for (const poolId of ['', '../x', 'a.b', 'a/b']) {
    assert.throws(() => poolDirectoryPath(root, poolId), RangeError, poolId);
  }
});

test('the dead pool is found and removed, the living one is kept', async (t) => {
  const root = await scratch(t);
  const living = await startChild(t, 'own-a-pool', root, 'living');
  const dying = await startChild(t, 'own-a-pool', root, 'dying');
  assert.deepEqual(await findDeadPools(root), []);
  await dying.kill();
  const [dead, ...others] = await findDeadPools(root);
  assert.deepEqual(others, []);
  assert.ok(dead !== undefined);
  assert.equal(dead.poolId, 'dying');
  assert.equal(dead.owner?.name, 'weather');
  assert.equal(dead.owner?.pid, dying.pid);
  assert.ok(dead.bytesUsed >= 1024 * 1024);
  const removal = await removePool(dead.directory);
  assert.equal(removal.kind, 'removed');
  assert.ok(removal.kind === 'removed' && removal.bytesFreed >= 1024 * 1024);
  assert.deepEqual(await removePool(dead.directory), { kind: 'gone' });
  const kept = await removePool(poolDirectoryPath(root, 'living'));
  assert.deepEqual(kept, { kind: 'kept', why: `its manager runs (pid ${living.pid})` });
  assert.deepEqual(
    (await findPools(root)).map((pool) => [pool.poolId, pool.state]),
    [['living', 'alive']],
  );
});

test('a restarted manager takes its directory over, bytes and all; two cannot', async (t) => {
  const root = await scratch(t);
  const first = await startChild(t, 'own-a-pool', root, 'p1');
  await assert.rejects(claimPoolDirectory(root, weather), { code: 'name-in-use', retryable: true });
  await first.kill();
  const pool = await claimPoolDirectory(root, weather);
  await using slab = await openSlab(pool.path, 0, 'read');
  const bytes = new Uint8Array(3);
  await slab.preadInto(bytes, 0);
  assert.deepEqual([...bytes], [7, 8, 9]);
  assert.deepEqual(await findDeadPools(root), []);
  await assert.rejects(claimPoolDirectory(root, weather), { code: 'name-in-use' });
  await pool.close();
  await forge(pool.path, { startTime: '1', poolId: 'p2' });
  await assert.rejects(claimPoolDirectory(root, weather), { code: 'wrong-pool' });
  await assert.rejects(claimPoolDirectory(root, { poolId: 'none', name: 'x' }), {
    code: 'file-error',
  });
});

test('a pid that is used again is not the owner', async (t) => {
  const root = await scratch(t);
  const pool = await createPoolDirectory(root, weather);
  await pool.close();
  assert.equal((await findPools(root))[0]?.state, 'alive');
  await forge(pool.path, { startTime: '12345' });
  assert.equal((await findPools(root))[0]?.state, 'dead');
  assert.equal((await removePool(pool.path)).kind, 'removed');
});

test('the lock outranks the record: who holds it lives', async (t) => {
  const root = await scratch(t);
  await using pool = await createPoolDirectory(root, weather);
  await forge(pool.path, { startTime: '12345' });
  const removal = await removePool(pool.path);
  assert.deepEqual(removal, { kind: 'kept', why: 'another process holds its lock' });
  assert.ok((await readdir(pool.path)).includes('owner.json'));
});

test('another pid namespace, a damaged or a missing record: unknown, never removed', async (t) => {
  const root = await scratch(t);
  const pool = await createPoolDirectory(root, weather);
  await pool.close();
  await forge(pool.path, { pidNamespace: 'pid:[1]', startTime: '1' });
  assert.equal((await findPools(root))[0]?.state, 'unknown');
  assert.equal((await removePool(pool.path)).kind, 'kept');
  for (const text of ['{', '{}', 'null', '[]', '{"poolId":"p1","name":"x","pid":-1}', '']) {
    await writeFile(join(pool.path, 'owner.json'), text);
    assert.equal((await removePool(pool.path)).kind, 'kept', text);
  }
  const bare = poolDirectoryPath(root, 'bare');
  await mkdir(bare, { mode: 0o700 });
  assert.equal((await removePool(bare)).kind, 'kept');
});

test('planted links, foreign and open directories are neither listed nor touched', async (t) => {
  const root = await scratch(t);
  const precious = join(root, 'precious');
  await mkdir(precious, { mode: 0o700 });
  await writeFile(join(precious, 'file'), 'bytes');
  const dead = await createPoolDirectory(root, weather);
  await dead.close();
  await forge(dead.path, { startTime: '1' });
  // A link in place of a pool directory, to a directory with a dead owner's record.
  const link = poolDirectoryPath(root, 'link');
  await symlink(dead.path, link);
  // A directory that others may write to.
  const open = poolDirectoryPath(root, 'open');
  await mkdir(open);
  await writeFile(join(open, 'owner.json'), await readFile(join(dead.path, 'owner.json')));
  await chmod(open, 0o777);
  const kept = [link, open, precious, join(root, 'attacca-4242-p1')];
  if (process.geteuid?.() === 0) {
    const foreign = poolDirectoryPath(root, 'foreign');
    await mkdir(foreign, { mode: 0o700 });
    await writeFile(join(foreign, 'owner.json'), await readFile(join(dead.path, 'owner.json')));
    await chown(foreign, 4_242, 4_242);
    kept.push(foreign);
  }
  for (const directory of kept) assert.equal((await removePool(directory)).kind, 'kept');
  assert.deepEqual(
    (await findPools(root)).map((pool) => pool.poolId),
    ['p1'],
  );
  // Links inside: removed themselves, never followed. A record that is a link says nothing.
  await symlink(precious, join(dead.path, 'slab-0'));
  assert.equal((await removePool(dead.path)).kind, 'removed');
  assert.equal(await readFile(join(precious, 'file'), 'utf8'), 'bytes');
  const tricked = poolDirectoryPath(root, 'tricked');
  await mkdir(tricked, { mode: 0o700 });
  await symlink(join(precious, 'file'), join(tricked, 'owner.json'));
  assert.equal((await removePool(tricked)).kind, 'kept');
});

test('many cleaners at once: one removes, nothing else happens; without flock too', async (t) => {
  const root = await scratch(t);
  for (const libc of [undefined, null]) {
    const pool = await createPoolDirectory(root, weather);
    await pool.close();
    await forge(pool.path, { startTime: '1' });
    const removals = await Promise.all(
      Array.from({ length: 8 }, () => removePool(pool.path, { libc })),
    );
    const kinds = removals.map((removal) => removal.kind);
    assert.equal(kinds.filter((kind) => kind === 'removed').length, 1, kinds.join());
    assert.deepEqual(await readdir(root), []);
  }
});

test('what a killed cleaner left is found and removed', async (t) => {
  const root = await scratch(t);
  const pool = await createPoolDirectory(root, weather);
  await pool.close();
  await forge(pool.path, { startTime: '1' });
  const left = `${pool.path}.removing-0123456789abcdef`;
  await rename(pool.path, left);
  const bare = `${pool.path}.removing-fedcba9876543210`;
  await mkdir(bare, { mode: 0o700 });
  await writeFile(join(bare, 'slab-0'), 'half removed');
  const found = await findDeadPools(root);
  assert.deepEqual(
    found.map((dead) => dead.directory),
    [left, bare],
  );
  for (const dead of found) assert.equal((await removePool(dead.directory)).kind, 'removed');
  assert.deepEqual(await readdir(root), []);
});
