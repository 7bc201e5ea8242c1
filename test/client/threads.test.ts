import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Threads } from '../../src/client/threads.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { spaceOf } from '../transforms/support.js';
import { codeOf } from './support/pools.js';

/** Runs a chain on bytes in a thread. */
function chain(threads: Threads, bytes: Uint8Array, specs: readonly TransformSpec[]) {
  return threads.run(bytes.length, (memoryOf) => ({
    kind: 'chain',
    space: spaceOf('uint8', [bytes.length]),
    source: memoryOf(bytes),
    specs,
  }));
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
