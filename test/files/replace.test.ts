// What a file that is imported anew takes the place of: all of it, or nothing.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pool } from '../../src/client/pool.js';
import { AttaccaError } from '../../src/core/errors.js';
import { parseSchema } from '../../src/core/schema/schema.js';
import { importFile } from '../../src/files/import.js';
import type { Wanted } from '../../src/files/room.js';
import { ZARR } from '../../src/files/zarr.js';
import type { Dataset } from '../../src/formats/dataset.js';
import { codeOf, joinApart, servePool } from '../client/support/pools.js';

const MiB = 1024 * 1024;

/** A store with a large variable and two small ones, all of whose bytes are `value`. */
async function store(t: TestContext, value: number, large = MiB): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-replace-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'store.zarr');
  const sizes = [8, large, 8];
  const dataset: Dataset = {
    dimensions: sizes.map((size, at) => ({ name: `d${at}`, size, unlimited: false })),
    attributes: [],
    variables: ['a', 'large', 'z'].map((name, at) => {
      return { name, type: 'uint8', byteOrder: 'little', dimensions: [at], attributes: [] };
    }),
  };
  await using file = await ZARR.create(path, ZARR.fit(dataset), null);
  for (const [at, size] of sizes.entries()) {
    await file.writeRows(at, 0, new Uint8Array(size).fill(value));
  }
  await file.close();
  return path;
}

/** Damages the chunks of a variable, so that reading it fails. */
function damage(path: string, variable: string): void {
  let count = 0;
  for (const each of readdirSync(join(path, variable), { recursive: true, encoding: 'utf8' })) {
    const file = join(path, variable, each);
    if (!statSync(file).isFile() || each.endsWith('zarr.json')) continue;
    writeFileSync(file, 'damaged');
    count += 1;
  }
  assert.ok(count > 0);
}

async function mustHave(pool: Pool, value: number): Promise<void> {
  assert.deepEqual((await pool.stat('store'))['state'], 'offered');
  for (const name of ['a', 'large', 'z']) {
    await using got = await pool.object(`store/${name}`).demand({ timeoutMs: 5_000 });
    assert.ok(got.bytes.length > 0 && got.bytes.every((each) => each === value), name);
  }
}

/** The same pool, which tells what is ended and offered in it. */
function told(pool: Pool, hear: (call: string) => void): Pool {
  return new Proxy(pool, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...given: readonly unknown[]): unknown => {
        const [first] = given;
        const [, ended] = /^name = "([^"]*)"/u.exec(String(first)) ?? [];
        if (key === 'unkeepSelected') hear(`end ${ended}`);
        if (key === 'offerMany') {
          for (const { name } of first as readonly { name: string }[]) hear(`offer ${name}`);
        }
        return value.apply(target, given);
      };
    },
  });
}

for (const transport of ['shared-memory', 'socket'] as const) {
  test(`a replacement that fails leaves what was there, ${transport}`, async (t) => {
    await using pool = await joinApart(await servePool(t), 'files', { transport });
    await importFile(pool, await store(t, 1));
    const path = await store(t, 2);
    const replace = true;

    const ending = new AbortController();
    let pieces = 0;
    const onBytes = (): void => {
      pieces += 1;
      if (pieces === 3) ending.abort();
    };
    const { signal } = ending;
    assert.equal(await codeOf(importFile(pool, path, { replace, signal, onBytes })), 'aborted');
    await mustHave(pool, 1);

    const bad = 'x'.repeat(100_000);
    const refused = importFile(pool, path, { replace, attributes: { bad } });
    assert.equal(await codeOf(refused), 'bad-attribute');
    await mustHave(pool, 1);

    damage(path, 'z');
    assert.notEqual(await codeOf(importFile(pool, path, { replace })), 'none');
    await mustHave(pool, 1);

    await importFile(pool, await store(t, 3), { replace });
    await mustHave(pool, 3);
  });
}

test('what a member offers by itself is not replaced, and nothing beside it', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await importFile(pool, await store(t, 1));
  await pool.unkeep('store/z');
  await using own = pool.object('store/z', { space: { dtype: 'uint8', shape: [8] } });
  own.bytes.fill(1);
  await own.offer();
  let read = 0;
  const onBytes = (bytes: number): void => {
    read += bytes;
  };
  const again = importFile(pool, await store(t, 2), { replace: true, onBytes });
  assert.equal(await codeOf(again), 'already-offered');
  assert.equal(read, 0, 'it is told before the file is read');
  await mustHave(pool, 1);
});

test('where there can never be memory for both the former stays, and that is told at once', async (t) => {
  const server = await servePool(t, { memoryBytes: 32 * MiB });
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await importFile(pool, await store(t, 1, 20 * MiB));
  const path = await store(t, 2, 20 * MiB);
  let read = 0;
  const onBytes = (bytes: number): void => {
    read += bytes;
  };
  await assert.rejects(
    importFile(pool, path, { replace: true, onBytes }),
    (error: AttaccaError) => {
      assert.equal(error.code, 'memory-full');
      assert.match(
        error.message,
        /has 20.0 MiB, the pool's memory 32.0 MiB, with 20.0 MiB of what/u,
      );
      assert.equal(error.fields['former'], 20 * MiB);
      return true;
    },
  );
  assert.equal(read, 0);
  await mustHave(pool, 1);
  await importFile(pool, path, { replace: 'first' });
  await mustHave(pool, 2);
  // More than there is at all.
  const larger = await store(t, 3, 40 * MiB);
  for (const replace of [true, 'first', false] as const) {
    const options = { replace, name: replace === false ? 'other' : 'store' };
    assert.equal(await codeOf(importFile(pool, larger, options)), 'memory-full', String(replace));
  }
});

test('what is in the way is not ended first by what cannot be imported', async (t) => {
  const server = await servePool(t, { memoryBytes: 32 * MiB });
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await importFile(pool, await store(t, 1, MiB));
  const larger = await store(t, 3, 40 * MiB);
  assert.equal(await codeOf(importFile(pool, larger, { replace: 'first' })), 'memory-full');
  await mustHave(pool, 1);
});

test('that memory is waited for is told before anything is read', async (t) => {
  const server = await servePool(t, { memoryBytes: 32 * MiB });
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await pool.put('block', new Uint8Array(20 * MiB));
  const heard: unknown[] = [];
  const onWanted = (wanted: Wanted): void => {
    heard.push(wanted);
    void pool.unkeep('block');
  };
  await importFile(pool, await store(t, 1, 20 * MiB), { onWanted });
  assert.deepEqual(heard, [{ bytes: 20 * MiB, free: 12 * MiB, limit: 32 * MiB }]);
  await mustHave(pool, 1);
  await importFile(pool, await store(t, 2, MiB), { name: 'small', onWanted });
  assert.equal(heard.length, 1);
});

test('what tells of a file ends behind the first that is replaced, and comes last', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const path = await store(t, 1, 16);
  const calls: string[] = [];
  const hear = (call: string): void => {
    calls.push(call);
  };
  await importFile(told(pool, hear), path);
  assert.equal(calls.length, 3);
  calls.length = 0;
  await importFile(told(pool, hear), path, { replace: true });
  // The others end in the step in which the new one comes; the new header comes by itself.
  assert.deepEqual(calls, ['offer store/a', 'offer store/large', 'offer store/z', 'end store']);
  await mustHave(pool, 1);
});

test('who forbids one that is new leaves what was there; what was let in before it stays', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await using guard = await joinApart(server, 'guard', { transport: 'shared-memory' });
  await importFile(pool, await store(t, 1));
  const forbidding = async (name: string): Promise<AsyncDisposable> => {
    const select = `name = "${name}"`;
    const asked = { kinds: 'offer', select, when: 'before', acknowledge: true } as const;
    const offers = await guard.subscribe(asked);
    const all = (async () => {
      for await (const offer of offers) await offers.veto(offer, 'not today');
    })();
    return {
      async [Symbol.asyncDispose]() {
        await offers.close();
        await all;
      },
    };
  };
  const again = async (): Promise<AttaccaError> => {
    const path = await store(t, 2);
    const error: unknown = await importFile(pool, path, { replace: true }).catch((one) => one);
    assert.ok(error instanceof AttaccaError);
    assert.equal(error.code, 'vetoed');
    return error;
  };
  {
    await using _forbids = await forbidding('store/a');
    assert.equal((await again()).fields['replaced'], undefined);
    await mustHave(pool, 1);
  }
  {
    await using _forbids = await forbidding('store/z');
    const { message, fields } = await again();
    assert.match(message, /; 2 of 4 objects are replaced, the others as they were$/u);
    assert.equal(fields['replaced'], 2);
  }
  for (const [name, value] of [
    ['store/a', 2],
    ['store/large', 2],
    ['store/z', 1],
  ] as const) {
    await using got = await pool.object(name).demand({ timeoutMs: 5_000 });
    assert.equal(got.bytes[0], value, name);
  }
  // It would tell of what is not so.
  assert.equal(await codeOf(pool.stat('store')), 'unknown-object');
  await importFile(pool, await store(t, 3), { replace: true });
  await mustHave(pool, 3);
});

test('a signal that comes when the former ends does not lose both', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await importFile(pool, await store(t, 1));
  const ending = new AbortController();
  const hear = (call: string): void => {
    if (call === 'end store') ending.abort();
  };
  const { signal } = ending;
  await importFile(told(pool, hear), await store(t, 2), { replace: true, signal });
  assert.ok(signal.aborted);
  await mustHave(pool, 2);
});

test('while a file is replaced nobody else replaces it, and nothing is left of that', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await using other = await joinApart(server, 'others', { transport: 'shared-memory' });
  await importFile(pool, await store(t, 1));
  const [path, again] = [await store(t, 2), await store(t, 3)];
  for (const replace of [true, 'first'] as const) {
    const met: Promise<unknown>[] = [];
    const onBytes = (): void => {
      if (met.length > 0) return;
      met.push(
        assert.rejects(importFile(other, again, { replace }), (error: AttaccaError) => {
          assert.equal(error.code, 'already-offered');
          assert.match(error.message, /"store" is being imported by files/u);
          const fields = { name: 'store', version: 1, member: 'files', importing: true };
          assert.deepEqual(error.fields, fields);
          return true;
        }),
      );
    };
    await importFile(pool, path, { replace, onBytes });
    assert.equal(met.length, 1);
    await Promise.all(met);
    await mustHave(pool, 2);
  }
  assert.equal(await codeOf(pool.stat('store/.importing')), 'unknown-object');
  // Who replaces nothing would come between what ends and what is new.
  const met: Promise<string>[] = [];
  const onBytes = (): void => {
    if (met.length === 0) met.push(codeOf(importFile(other, again, { replace: true })));
  };
  await pool.unkeepSelected('name prefix "store"');
  await importFile(pool, path, { name: 'store', onBytes });
  assert.deepEqual(await Promise.all(met), ['already-offered']);
  await mustHave(pool, 2);
});

test('what others offer while a file is read is not ended', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await using other = await joinApart(server, 'others', { transport: 'shared-memory' });
  await importFile(pool, await store(t, 1));
  const offered: Promise<unknown>[] = [];
  const onBytes = (): void => {
    if (offered.length > 0) return;
    offered.push(
      other.unkeep('store/z').then(() => other.put('store/z', new Uint8Array(8).fill(1))),
    );
  };
  const path = await store(t, 2);
  let error: unknown;
  try {
    await importFile(pool, path, { replace: true, onBytes });
  } catch (caught) {
    error = caught;
  }
  await Promise.all(offered);
  assert.match(String(error), /Cannot replace "store\/z": version \d was offered meanwhile/u);
  await mustHave(pool, 1);
});

test('an import that fails withdraws what it has offered, and not what came in its place', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await using other = await joinApart(server, 'others', { transport: 'shared-memory' });
  const path = await store(t, 1);
  await other.put('store/z', new Uint8Array(8).fill(1));
  // When it fails on the last name another has replaced the first.
  const between = new Proxy(pool, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (key !== 'unkeepSelected') return typeof value === 'function' ? value.bind(target) : value;
      return async (selector: string): Promise<unknown> => {
        if (selector.startsWith('name = "store/a"')) {
          await other.unkeep('store/a');
          await other.put('store/a', new Uint8Array(8).fill(9));
        }
        return await target.unkeepSelected(selector);
      };
    },
  });
  assert.equal(await codeOf(importFile(between, path)), 'already-offered');
  await using got = await pool.object('store/a').demand({ timeoutMs: 5_000 });
  assert.ok(got.bytes.every((each) => each === 9));
  assert.equal(await codeOf(pool.stat('store/large')), 'unknown-object');
});

test('a schema of the pool that requires attributes is no bar to a replacement', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  await pool.catalog.defineSchema(
    parseSchema({
      ...{ 'schema-name': 'runs', 'schema-version': 1 },
      attributes: [{ key: 'run', type: 'int()', required: true }],
    }),
  );
  for (const value of [1, 2]) {
    await importFile(pool, await store(t, value), { replace: true, attributes: { run: 7 } });
    await mustHave(pool, value);
  }
});

test('names of any length and any characters are replaced', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  for (const name of [
    'x'.repeat(990),
    'a\r\u0001\u2028',
    '\u{1f30a}'.repeat(992),
    'a"\\\n\t`\u202eb',
  ]) {
    for (const value of [1, 2])
      await importFile(pool, await store(t, value), { name, replace: true });
    await using got = await pool.object(`${name}/large`).demand({ timeoutMs: 5_000 });
    assert.equal(got.bytes[0], 2);
  }
});
