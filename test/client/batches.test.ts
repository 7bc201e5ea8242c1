import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import { codeOf, errorOf, joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';

const MiB = 1 << 20;
const LIMITED = { timeout: 60_000 };

for (const transport of TRANSPORTS) {
  describe(`batches over ${transport}`, () => {
    test('a hundred thousand objects are offered, found and withdrawn', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      function* items() {
        for (let index = 0; index < 100_000; index++) {
          yield { name: `p/${index}`, attributes: { index, half: index / 2, name: `n${index}` } };
        }
      }
      const batch = await pool.offerMany(items());
      assert.equal(batch.count, 100_000);
      await using one = await pool.object('p/77777').demand();
      assert.deepEqual(one.attributes, { index: 77_777, half: 38_888.5, name: 'n77777' });
      await batch.withdraw();
      await one.dispose();
      const { counts } = await pool.info();
      assert.equal((counts as { objects: number }).objects, 0);
      assert.equal(await codeOf(batch.withdraw()), 'wrong-state');
    });

    test('what an abort kept from being withdrawn can still be withdrawn', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const items = Array.from({ length: 10_000 }, (_, index) => ({ name: `p/${index}` }));
      const batch = await pool.offerMany(items);
      const controller = new AbortController();
      const aborted = codeOf(batch.withdraw({ signal: controller.signal }));
      assert.equal(await codeOf(batch.withdraw()), 'wrong-state', 'one is under way');
      controller.abort();
      assert.equal(await aborted, 'aborted');
      assert.equal(await codeOf(batch.withdraw({ signal: controller.signal })), 'aborted');
      await batch.withdraw();
      assert.equal(await codeOf(batch.withdraw()), 'wrong-state');
      const { counts } = await pool.info();
      const { handles, objects } = counts as { [name: string]: number };
      assert.deepEqual({ handles, objects }, { handles: 0, objects: 0 });
    });

    // Handing out what has come is linear: by shifting each off the front it takes far longer.
    test('one object is demanded more often than the pool keeps answers', LIMITED, async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await pool.put('a', ramp(3));
      const count = LIMITS.sessionRepliesMax + 40_000;
      const views = await pool.demandMany(new Array<string>(count).fill('a'));
      assert.equal(views.length, count);
      await Promise.all(views.map((view) => view.dispose()));
    });

    test('payloads small and large come back in the order of their names', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using other = await joinApart(server, 'q', { transport });
      const lengths = [0, 1, 100, 4_096, 4_097, 300_000, 7];
      const items = lengths.map((length, index) => ({
        name: `x/${index}`,
        data: ramp(length, index),
        attributes: index % 2 === 0 ? { even: true } : { odd: index, list: [1] },
      }));
      const demanding = other.demandMany(items.map(({ name }) => name));
      await pool.offerMany(items, { keep: true });
      const got = await demanding;
      for (const [index, view] of got.entries()) {
        assert.deepEqual(view.array.slice(), items[index]?.data);
        assert.deepEqual(view.attributes, items[index]?.attributes);
        await view.dispose();
      }
      const { counts } = await other.info();
      assert.equal((counts as { handles: number }).handles, 0);
    });

    test('each comes when it is there, and leaving the loop takes back the rest', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using other = await joinApart(server, 'q', { transport });
      const names = ['a', 'b', 'c', 'd'];
      const required = await other.requireMany(names);
      const order: string[] = [];
      await pool.put('c', ramp(100_000));
      for await (const view of required.demandEach()) {
        order.push(view.name);
        await view.dispose();
        if (view.name === 'c') await pool.put('a', ramp(3));
        else break;
      }
      assert.deepEqual(order, ['c', 'a']);
      await other.info();
      const { counts } = await pool.info();
      const { requires, handles, waits } = counts as { [name: string]: number };
      assert.deepEqual({ requires, handles, waits }, { requires: 0, handles: 0, waits: 0 });
      assert.equal(await codeOf(required.demand()), 'wrong-state');
    });

    test('one that fails takes the others of its batch back', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await pool.put('a', ramp(100_000));
      const error = await errorOf(pool.demandMany(['a', 'b', 'c'], { timeoutMs: 20 }));
      assert.equal(error.code, 'deadline-passed');
      const mismatch = pool.demandMany(['a', 'b'], { space: { dtype: 'int8' } });
      assert.equal(await codeOf(mismatch), 'object-mismatch');
      const controller = new AbortController();
      const aborted = pool.demandMany(['a', 'b', 'c'], { signal: controller.signal });
      controller.abort();
      assert.equal(await codeOf(aborted), 'aborted');
      assert.equal(
        await codeOf(pool.requireMany(['a', 'z'], { space: { dtype: 'int8' } })),
        'object-mismatch',
      );
      const { counts } = await pool.info();
      const { requires, handles, readers } = counts as { [name: string]: number };
      assert.deepEqual({ requires, handles, readers }, { requires: 0, handles: 0, readers: 0 });
    });

    test('a batch of which some are refused says which, and offers the others', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await pool.put('x/1', ramp(2));
      await pool.put('x/3', ramp(2));
      const items = [0, 1, 2, 3].map((index) => ({ name: `x/${index}`, data: ramp(2) }));
      const error = await errorOf(pool.offerMany(items));
      assert.equal(error.code, 'already-offered');
      assert.match(error.message, /2 of 4 objects; the first: Cannot offer "x\/1"/);
      assert.equal((error as { fields?: { index?: unknown } }).fields?.index, 1);
      await using view = await pool.object('x/2').demand();
      assert.equal(view.size, 8);
      const failed: string[] = [];
      const bad = [
        { name: 'y', attributes: { a: null } },
        { name: 'y', attributes: { ['k'.repeat(300)]: 1 } },
        { name: 'y', data: ramp(3), space: { dtype: 'float32' as const, shape: [4] } },
        { name: 'y' },
      ];
      const batch = await pool.offerMany(bad, {
        onFailure: ({ index, error: { code } }) => failed.push(`${index} ${code}`),
      });
      assert.deepEqual(failed.sort(), ['0 bad-attribute', '1 bad-attribute', '2 size-mismatch']);
      assert.equal(batch.count, 1);
      await batch.withdraw();
    });

    test('items that are refused give their memory back', async (t) => {
      const server = await servePool(t, { memoryBytes: 16 * MiB });
      await using pool = await joinApart(server, 'p', { transport });
      const data = new Uint8Array(2 * MiB);
      const bad = [
        { name: 'y', attributes: { a: null }, data },
        { name: '', data },
      ];
      for (let round = 0; round < 8; round++) {
        assert.equal(await codeOf(pool.offerMany(bad, { timeoutMs: 2_000 })), 'bad-attribute');
      }
      const fill = new Uint8Array(12 * MiB);
      const batch = await pool.offerMany([{ name: 'fill', data: fill }], { timeoutMs: 2_000 });
      await batch.withdraw();
    });

    test('a batch larger than the memory goes through it', async (t) => {
      const server = await servePool(t, { memoryBytes: 16 * MiB });
      await using pool = await joinApart(server, 'p', { transport });
      await using other = await joinApart(server, 'q', { transport });
      const names = Array.from({ length: 30 }, (_, index) => `x/${index}`);
      const data = new Uint8Array(MiB);
      const items = names.map((name) => ({ name, data }));
      const offering = pool.offerMany(items, { keep: true, timeoutMs: 8_000 });
      for (const name of names) {
        await other.object(name).peek({ timeoutMs: 8_000 });
        await other.delete(name);
      }
      assert.equal((await offering).count, 30);
    });

    test('a batch has one deadline, however many of its items wait', async (t) => {
      const server = await servePool(t, { memoryBytes: 16 * MiB });
      await using pool = await joinApart(server, 'p', { transport });
      const data = new Uint8Array(MiB);
      const items = Array.from({ length: 40 }, (_, index) => ({ name: `x/${index}`, data }));
      const since = performance.now();
      const error = await errorOf(pool.offerMany(items, { timeoutMs: 400 }));
      const tookMs = performance.now() - since;
      assert.equal(error.code, 'memory-full');
      // Each for itself they would wait ten seconds.
      assert.ok(tookMs < 4_000, `${tookMs} ms`);
    });
  });
}
