import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { Threads } from '../../src/client/threads.js';
import { LIMITS } from '../../src/core/limits.js';
import type { Job, Memory } from '../../src/transforms/jobs.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { ENDLESS, moduleOf, SAME } from '../transforms/modules.js';
import { spaceOf } from '../transforms/support.js';
import { codeOf, joinApart, servePool } from './support/pools.js';
import { seenThreads } from './support/seen-threads.js';

/** Runs a chain on bytes in a thread. */
function chain(
  threads: Threads,
  bytes: Uint8Array,
  specs: readonly TransformSpec[],
  signal?: AbortSignal,
) {
  const space = spaceOf('uint8', [bytes.length]);
  const make = (memoryOf: (bytes: Uint8Array) => Memory): Job => {
    return { kind: 'chain', space, source: memoryOf(bytes), specs };
  };
  return threads.run(bytes.length, make, signal);
}

const SHUFFLE: TransformSpec = { kind: 'shuffle', itemSize: 2 };

test('threads see memory where it lies, and errors come back as what they are', async () => {
  const threads = new Threads(1);
  const bytes = Uint8Array.from({ length: 400 }, (_, at) => at);
  // Not at the start of its buffer.
  const jobs = Array.from({ length: 30 }, (_, at) =>
    chain(threads, bytes.subarray(at, at + 100), [SHUFFLE]),
  );
  for (const [at, result] of (await Promise.all(jobs)).entries()) {
    assert.ok(typeof result === 'object' && 'space' in result);
    assert.equal(result.bytes[1], at + 2);
    assert.equal(result.bytes[50], at + 1);
  }
  assert.equal(
    await codeOf(chain(threads, bytes, [{ kind: 'bitround', bits: 1 }])),
    'bad-transform',
  );
  const gone: TransformSpec = { kind: 'decompress', codec: 'zstd', space: spaceOf('int8', [4]) };
  assert.equal(await codeOf(chain(threads, bytes, [gone])), 'transform-failed');
  threads.close();
});

test('what threads do fails when they end, and is done here from then on', async () => {
  const threads = new Threads(1);
  const bytes = new Uint8Array(4 * 1024 * 1024);
  const jobs = Array.from({ length: 20 }, () => codeOf(chain(threads, bytes, [SHUFFLE])));
  // The first is being begun, others wait.
  await new Promise((resolve) => setImmediate(resolve));
  threads.close();
  const codes = await Promise.all(jobs);
  assert.ok(
    codes.every((code) => code === 'transform-failed' || code === 'none'),
    codes.join(),
  );
  const after = await chain(threads, Uint8Array.of(1, 2, 3, 4), [SHUFFLE]);
  assert.ok(typeof after === 'object' && 'space' in after);
  assert.deepEqual([...after.bytes], [1, 3, 2, 4]);
});

test('what waits for a thread has a bound, and is not done once nobody wants it', async (t) => {
  const threads = new Threads(1);
  const seen = seenThreads(t);
  const bytes = new Uint8Array(64);
  // One for each thread, and as many as may wait.
  const cores = Math.min(availableParallelism(), LIMITS.transformThreadsMax);
  const end = new AbortController();
  const first = Array.from({ length: cores }, () => codeOf(chain(threads, bytes, [SHUFFLE])));
  const waiting = Array.from({ length: LIMITS.transformJobsMax }, () =>
    codeOf(chain(threads, bytes, [SHUFFLE], end.signal)),
  );
  assert.equal(await codeOf(chain(threads, bytes, [SHUFFLE])), 'wait-limit');
  end.abort();
  assert.deepEqual(new Set(await Promise.all(first)), new Set(['none']));
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['aborted']));
  assert.equal([...seen.values()].flat().length, cores, 'no thread was given what is not wanted');
  assert.equal(await codeOf(chain(threads, bytes, [SHUFFLE], end.signal)), 'aborted');
  assert.equal(await codeOf(chain(threads, bytes, [SHUFFLE])), 'none');
  threads.close();
});

test("users' code runs in as many threads as there are cores, and is ended", async (t) => {
  const threads = new Threads();
  const cores = Math.min(availableParallelism(), LIMITS.transformThreadsMax);
  let [running, most] = [0, 0];
  const note = (worker: Worker): void => {
    most = Math.max(most, ++running);
    worker.once('exit', () => running--);
  };
  process.on('worker', note);
  t.after(() => void process.off('worker', note));
  const call = (transform: readonly number[], timeoutMs: number, signal?: AbortSignal) => {
    const spec = { kind: 'wasm', module: moduleOf({ transform }), timeoutMs } as const;
    return codeOf(threads.runAlone(spec, Uint8Array.of(1), signal));
  };
  const codes = await Promise.all(
    Array.from({ length: 3 * cores }, (_, at) => call(at % 2 === 0 ? ENDLESS : SAME, 1_000)),
  );
  assert.deepEqual(
    codes,
    codes.map((_, at) => (at % 2 === 0 ? 'transform-timeout' : 'none')),
  );
  assert.deepEqual([running, most], [0, cores]);
  const end = new AbortController();
  const endless = Array.from({ length: cores }, () => call(ENDLESS, 1_000_000, end.signal));
  // Has no place before they are ended.
  const behind = call(SAME, 60_000);
  end.abort();
  assert.deepEqual(new Set(await Promise.all(endless)), new Set(['aborted']));
  assert.equal(await behind, 'none');
  assert.equal(running, 0);
});

test('what takes long is done by threads, whatever it is', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'm');
  const large = new Float32Array(2 << 20).fill(1.5);
  const small = new Float32Array(50_000).fill(0.5);
  const space = { dtype: 'float32', shape: [1_024, 2_048] } as const;
  await pool.put('large', large, { space });
  await pool.put('small', small, {});
  const seen = seenThreads(t);
  const kinds = () => [...seen.values()].splice(0).flatMap((jobs) => jobs.splice(0));
  const demand = async (name: string, ...transforms: TransformSpec[]): Promise<string[]> => {
    await (await pool.object(name).demand({ transforms })).dispose();
    return [...new Set(kinds().map(({ kind }) => kind))];
  };
  const long = new Array(100).fill('sin(x)').join(' + ');
  assert.deepEqual(await demand('large', { kind: 'dtype', dtype: 'float64' }), ['gather']);
  assert.deepEqual(await demand('large', { kind: 'bitround', bits: 3 }), ['gather']);
  assert.deepEqual(await demand('large', { kind: 'average', block: [2, 2] }), ['chain']);
  assert.deepEqual(await demand('large', { kind: 'expression', text: 'x * x' }), ['gather']);
  assert.deepEqual(await demand('small', { kind: 'expression', text: 'x * x' }), []);
  // 200 kB, 100 sines of each element: some 75 ms.
  assert.deepEqual(await demand('small', { kind: 'expression', text: long }), ['gather']);
  await (await pool.derive({ x: 'small' }, 'x + 1')).dispose();
  assert.deepEqual(kinds(), []);
  await (await pool.derive({ x: 'small' }, long)).dispose();
  assert.ok(kinds().some(({ kind }) => kind === 'evaluate'));
  await pool.put('packed', small, { encoding: [{ kind: 'compress', codec: 'zstd' }] });
  assert.deepEqual(new Set(kinds().map(({ kind }) => kind)), new Set(['chain']));
  const end = new AbortController();
  const derived = codeOf(pool.derive({ x: 'large' }, long, { signal: end.signal }));
  const encoded = codeOf(
    pool.put('never', large, {
      ...{ signal: end.signal, encoding: [{ kind: 'compress', codec: 'gzip', level: 9 }] },
    }),
  );
  setImmediate(() => end.abort());
  assert.deepEqual([await derived, await encoded], ['aborted', 'aborted']);
  assert.deepEqual(
    await pool.stat('never').then(
      () => '',
      ({ code }) => code,
    ),
    'unknown-object',
  );
});

test('threads that idle do not keep a process', () => {
  const url = new URL('../../src/client/threads.js', import.meta.url);
  const script = `
    const { Threads } = await import(${JSON.stringify(url.href)});
    const bytes = new Uint8Array(100);
    const space = { dtype: 'uint8', shape: [100], order: 'row', byteOrder: 'little' };
    const specs = [{ kind: 'shuffle', itemSize: 4 }];
    await new Threads(1).run(100, (memoryOf) => {
      return { kind: 'chain', space, source: memoryOf(bytes), specs };
    });
    console.log('done');
  `;
  const options = { encoding: 'utf8', timeout: 60_000 } as const;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
  assert.equal(child.stdout, 'done\n', child.stderr);
  assert.equal(child.status, 0);
});
