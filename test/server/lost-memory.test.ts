import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import type { Client } from '../../src/client/client.js';
import { DataLink } from '../../src/client/data-link.js';
import { type JoinOptions, join, type Pool } from '../../src/client/index.js';
import { isMemoryLost } from '../../src/client/lost-memory.js';
import type { Slice } from '../../src/client/slice.js';
import { AttaccaError } from '../../src/core/errors.js';
import { errorOf } from '../client/support/pools.js';
import { KeptPool } from './kept-pool.js';

let separate = 70_000;

/** A member with a session of its own. */
async function member(
  { address }: { readonly address: string },
  name: string,
  options: Partial<JoinOptions> = {},
): Promise<Pool> {
  separate++;
  return await join({ address, member: name, reconnectMs: separate, ...options });
}

const LARGE = new Uint8Array(1 << 20).fill(7);

/** What a pool keeps is taken away again, unless it is lost by then. */
async function unkeep(pool: Pool, name: string): Promise<void> {
  try {
    await pool.unkeep(name);
  } catch (error) {
    const { code } = error as AttaccaError;
    assert.ok(code === 'unknown-object' || code === 'wrong-state', String(error));
  }
}

/** Does something again and again until told to end; how often it was done. */
class Busy {
  count = 0;
  readonly ended: Promise<void>;
  #isEnding = false;
  #failure: unknown = null;

  constructor(work: (count: number) => Promise<void>) {
    this.ended = this.#run(work);
    this.ended.catch((error: unknown) => {
      this.#failure = error;
    });
  }

  async #run(work: (count: number) => Promise<void>): Promise<void> {
    for (; !this.#isEnding; this.count++) await work(this.count);
  }

  /** Waits until it was done once more. */
  async once(): Promise<void> {
    const { count } = this;
    while (this.count === count && this.#failure === null) await new Promise(setImmediate);
    if (this.#failure !== null) throw this.#failure;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.ended;
  }
}

test('memory goes with its manager: what is being put is put, however often that is killed', async (t) => {
  const kept = await KeptPool.make(t, { shm: false });
  await kept.start();
  await using writer = await member(kept, 'writer');
  await using other = await member(kept, 'other');
  const one = new Busy(async (count) => {
    await writer.put(`one/${count}`, LARGE);
    await unkeep(writer, `one/${count}`);
  });
  const many = new Busy(async (count) => {
    const names = [1, 2, 3].map((each) => `many/${count}/${each}`);
    const items = names.map((name) => ({ name, data: LARGE }));
    await other.offerMany(items, { keep: true });
    for (const name of names) await unkeep(other, name);
  });
  for (let round = 0; round < 5; round++) {
    await kept.restart();
    await Promise.all([one.once(), many.once()]);
  }
  await Promise.all([one.end(), many.end()]);
});

test('memory goes with its manager: who was to read it hears what is lost, and the next is read', async (t) => {
  const kept = await KeptPool.make(t, { shm: false });
  await kept.start();
  await using writer = await member(kept, 'writer');
  await using reader = await member(kept, 'reader');
  await writer.put('x', LARGE);
  const read = DataLink.prototype.read;
  // Between DELIVER and READ.
  t.mock.method(DataLink.prototype, 'read', async function (this: DataLink, slice: Slice) {
    t.mock.restoreAll();
    await kept.restart();
    return await read.call(this, slice);
  });
  const error = await errorOf(reader.object('x').demand());
  assert.ok(error instanceof AttaccaError);
  assert.deepEqual([error.code, error.fields['name']], ['object-lost', 'x']);
  assert.match(error.message, /"x": version 1 was lost before it was read/u);
  await writer.put('x', LARGE);
  await using got = await reader.object('x').demand();
  assert.deepEqual(got.copy(), LARGE);
  await got.dispose();
});

test('slabs are removed while no manager runs: what was written and not offered is stored anew', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using writer = await member(kept, 'writer');
  await using reader = await member(kept, 'reader');
  const object = writer.object('x', { space: { dtype: 'uint8', shape: [LARGE.length] } });
  await object.allocate();
  object.array.set(LARGE);
  await kept.kill();
  for (const name of await readdir(kept.shmDirectory)) {
    await rm(joinPath(kept.shmDirectory, name), { recursive: true });
  }
  await kept.start();
  await object.offer();
  await using got = await reader.object('x').demand();
  assert.deepEqual(got.copy(), LARGE);
  await got.dispose();
});

test('a file that was adopted is removed with the slabs: its offer says so, and may be repeated', async (t) => {
  const kept = await KeptPool.make(t, { memoryBytes: 128 << 20 });
  await kept.start();
  await using writer = await member(kept, 'writer');
  const object = writer.object('x', { space: { dtype: 'uint8', shape: [LARGE.length] } });
  await writeFile(joinPath(writer.slabsDirectory ?? '', 'adopt-x'), LARGE, { mode: 0o600 });
  await object.adopt('adopt-x', LARGE.length);
  await kept.kill();
  for (const name of await readdir(kept.shmDirectory)) {
    await rm(joinPath(kept.shmDirectory, name), { recursive: true });
  }
  await kept.start();
  const error = await errorOf(object.offer());
  assert.ok(error instanceof AttaccaError);
  assert.deepEqual([error.code, error.retryable], ['object-lost', true]);
  assert.match(error.message, /the pool was started again without it/u);
  await writer.put('x', LARGE);
});

test('without another manager a lease that is not there is a fault, and no reason to try again', () => {
  const client = (hasResumed: boolean) => ({ plane: { hasResumed } }) as unknown as Client;
  const fault = new AttaccaError('bad-lease', 'not leased');
  assert.equal(isMemoryLost(client(false), fault), false);
  assert.equal(isMemoryLost(client(true), fault), true);
  for (const code of ['object-lost', 'memory-full', 'connection-lost'] as const) {
    assert.equal(isMemoryLost(client(true), new AttaccaError(code, 'other')), false);
  }
  assert.equal(isMemoryLost(client(true), new Error('bad-lease')), false);
});
