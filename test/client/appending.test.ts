import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fc } from '../fast-check.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

const SPACE = { dtype: 'float32', shape: [null, 3] } as const;
/** An awaited writer of rows, of so many, on. */
const writerOf = (at: number, count: number, from: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count * 3 }, (_, place) => at * 1_000 + from * 3 + place);

for (const transport of TRANSPORTS) {
  describe(`arrays that are appended to, by ${transport}`, () => {
    test('rows of any writers, in any sizes, are what readers see, as they come and at last', async (t) => {
      const server = await servePool(t);
      const size = fc.integer({ min: 0, max: 5 });
      const writers = fc.array(fc.array(size, { maxLength: 6 }), { minLength: 1, maxLength: 3 });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(writers, fc.integer({ min: 1, max: 7 }), async (sizes, by) => {
          const name = `log/${++run}`;
          await using pool = await joinApart(server, 'p', { transport });
          await using consumer = await joinApart(server, 'c', { transport });
          const seen: number[] = [];
          const ends: number[] = [];
          const following = (async () => {
            const log = consumer.object(name, { space: SPACE });
            for await (const rows of log.follow({ rows: by, timeoutMs: 20_000 })) {
              ends.push(rows.space.shape[0] ?? 0);
              seen.push(...rows.array);
              await rows.dispose();
            }
          })();
          const all = new Map<number, Float32Array>();
          const logs = sizes.map(() => pool.object(name, { space: SPACE }));
          await Promise.all(
            sizes.map(async (counts, at) => {
              const log = logs[at];
              let from = 0;
              for (const count of [0, ...counts]) {
                const rows = writerOf(at, count, from);
                const first = (await log?.append(rows)) ?? -1;
                if (count > 0) all.set(first, rows);
                from += count;
              }
            }),
          );
          await logs[0]?.finish();
          await following;
          const expected = [...all].sort(([a], [b]) => a - b).flatMap(([, rows]) => [...rows]);
          assert.deepEqual(seen, expected);
          const total = expected.length / 3;
          const rest = total % by === 0 ? [] : [total % by];
          assert.deepEqual(ends, [
            ...Array.from({ length: Math.floor(total / by) }, () => by),
            ...rest,
          ]);
          await using got = await consumer.object(name).demand();
          assert.deepEqual(got.space.shape, [total, 3]);
          assert.deepEqual([...got.array], expected);
          for (const log of logs) await log.withdraw();
        }),
        { numRuns: 25 },
      );
    });

    test('large rows go by way of slabs; a region is served before the end, and none beyond', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using consumer = await joinApart(server, 'c', { transport });
      const space = { dtype: 'float32', shape: [null, 1_024] } as const;
      const log = pool.object('log', { space });
      const early = consumer.object('log', { space }).demand({
        region: [
          [63, 65],
          [1_022, 1_024],
        ],
      });
      const rows = Float32Array.from({ length: 64 * 1_024 }, (_, at) => at);
      assert.equal(await log.append(rows), 0);
      assert.equal(await log.append(rows), 64);
      await using got = await early;
      assert.deepEqual([...got.array], [65_534, 65_535, 1_022, 1_023]);
      assert.deepEqual(got.whole.shape, [128, 1_024]);
      const beyond = errorOf(
        consumer.object('log', { space }).demand({ region: [[127, 129], null] }),
      );
      // It is known to the pool before the end is.
      assert.equal(
        await codeOf(consumer.object('log').demand({ timeoutMs: 1 })),
        'deadline-passed',
      );
      await log.finish();
      assert.equal((await beyond).code, 'bad-region');
      assert.equal(await codeOf(log.append(rows)), 'wrong-state');
      await log.withdraw();
    });
  });
}

test('appending: what is wrong is refused', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p', {});
  const log = pool.object('log', { space: SPACE });
  assert.equal(await codeOf(log.finish()), 'wrong-state');
  assert.equal(await codeOf(log.append(Float32Array.of(1, 2))), 'size-mismatch');
  assert.equal(
    await codeOf(log.append(Float64Array.of(1, 2, 3) as unknown as Float32Array<ArrayBuffer>)),
    'bad-space',
  );
  assert.equal(await log.append(Float32Array.of(1, 2, 3)), 0);
  const follow = pool.object('log').follow({ rows: 1 });
  assert.equal(await codeOf(follow.next()), 'bad-space');
  assert.equal(
    await codeOf(pool.object('log', { space: SPACE }).follow({ rows: 0 }).next()),
    'bad-argument',
  );
  await log.withdraw();
});

/** Made of text, as a program is that somebody copies from the page. */
type AsyncBody = new (...parameters: string[]) => (...values: unknown[]) => Promise<void>;
const asyncFunction = Object.getPrototypeOf(async () => {}).constructor as AsyncBody;

test('the example of docs/parts.md does what it says', async (t) => {
  const page = readFileSync(new URL('../../../docs/parts.md', import.meta.url), 'utf8');
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p', {});
  const [, code = ''] = /```js\n([\s\S]*?)```/u.exec(page) ?? [];
  let checks = 0;
  const check = (actual: unknown, expected: unknown): void => {
    assert.deepEqual(actual, expected);
    checks++;
  };
  const run = new asyncFunction(
    'pool',
    'check',
    code.replace(/^(?!const )(.*); \/\/ => (.*)$/gmu, 'check($1, $2);'),
  );
  await run(pool, check);
  assert.equal(checks, 4);
});
