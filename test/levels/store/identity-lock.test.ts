import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ProcessIdentity } from '../../../src/levels/process-identity.js';
import { ownIdentity, processAlive } from '../../../src/levels/process-identity.js';
import { keyOf, lockByIdentity, type StoreLock } from '../../../src/levels/store/identity-lock.js';
import { openStore } from '../../../src/levels/store/index.js';

const FILE = 'writer.pid';

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'attacca-lock-'));
  t.after(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** One of this host that is dead: no process is of that time. */
function dead(pid = process.pid): ProcessIdentity {
  return { ...ownIdentity(), pid, startTime: '1' };
}

test('one writes: the next is refused until it has given back, and leaves nothing', async (t) => {
  const directory = await folder(t);
  const one = await lockByIdentity(directory);
  await assert.rejects(lockByIdentity(directory), { code: 'store-in-use' });
  await one.release();
  const next = await lockByIdentity(directory);
  await next.release();
  assert.deepEqual(await readdir(directory), []);
});

test('who is slow to take over from a dead one does not take it from who has done so', async (t) => {
  for (const isGivenBack of [false, true]) {
    const directory = await folder(t);
    const path = join(directory, FILE);
    await writeFile(path, JSON.stringify(dead()));
    let first: StoreLock | null = null;
    const slow = lockByIdentity(directory, async (holder) => {
      const said = processAlive(holder);
      // Between what it has seen and what it does another one takes over, and perhaps is done.
      if (first === null) {
        assert.equal(said, 'dead');
        first = await lockByIdentity(directory);
        if (isGivenBack) await first.release();
      }
      return said;
    });
    if (isGivenBack) await (await slow).release();
    else {
      await assert.rejects(slow, { code: 'store-in-use' });
      assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), ownIdentity());
    }
    assert.deepEqual(await readdir(directory), isGivenBack ? [] : [FILE]);
  }
});

test('of many that find one dead at the same time one takes over', async (t) => {
  const directory = await folder(t);
  await writeFile(join(directory, FILE), JSON.stringify(dead()));
  const all = await Promise.allSettled(Array.from({ length: 8 }, () => lockByIdentity(directory)));
  assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.deepEqual(await readdir(directory), [FILE]);
});

test('one that died while it took over is taken over from', async (t) => {
  const directory = await folder(t);
  await writeFile(join(directory, FILE), JSON.stringify(dead()));
  // The one behind had died while it took over from the other one that had.
  for (const [pid, of] of [
    [2, dead()],
    [3, dead(2)],
  ] as const) {
    await writeFile(join(directory, `${FILE}.${keyOf(of)}`), JSON.stringify(dead(pid)));
  }
  const lock = await lockByIdentity(directory);
  assert.deepEqual(await readdir(directory), [FILE]);
  await lock.release();
  assert.deepEqual(await readdir(directory), []);
});

test('what one has left that died before it had made a store is no reason to refuse', async (t) => {
  const directory = await folder(t);
  for (const name of [FILE, `${FILE}.4711.0123456789abcdef`]) {
    await writeFile(join(directory, name), JSON.stringify(dead()));
  }
  await (await openStore(directory, { access: 'write' })).close();
  const other = await folder(t);
  await writeFile(join(other, 'writer.pids'), '');
  await assert.rejects(openStore(other, { access: 'write' }), { code: 'not-a-store' });
});
