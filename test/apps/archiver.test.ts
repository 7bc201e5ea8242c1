import assert from 'node:assert/strict';
import { test } from 'node:test';
import { archiveTo } from '../../src/apps/archive/archiver.js';
import { join } from '../../src/client/index.js';
import type { LevelBytes, LevelEntry, PutOptions } from '../../src/levels/level.js';
import { testPool } from '../../src/testing/index.js';
import { MemoryLevel } from '../../src/testing/memory-level.js';

/** A store whose puts end when the test says so, and which tells for what they were asked. */
class SlowStore extends MemoryLevel {
  readonly durabilities: (string | undefined)[] = [];
  readonly begun: Promise<void>;
  #begin: () => void = () => {};
  readonly #safe: Promise<void>;
  /** What was put is safe now, or the disk has failed. */
  settle: (error?: Error) => void = () => {};

  constructor() {
    super();
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.#safe = new Promise((resolve, reject) => {
      this.settle = (error) => (error === undefined ? resolve() : reject(error));
    });
  }

  override async put(
    entry: Omit<LevelEntry, 'size'>,
    bytes: LevelBytes,
    options?: PutOptions,
  ): Promise<void> {
    await super.put(entry, bytes, options);
    this.durabilities.push(options?.durability);
    this.#begin();
    await this.#safe;
  }
}

for (const end of ['safe', 'failed'] as const) {
  test(`what is put and not safe yet is not said to be stored, until it is ${end}`, async () => {
    await using server = await testPool();
    await using producer = await join({ address: server.address, member: 'producer' });
    await using member = await join({ address: server.address, member: 'archiver' });
    await producer.put('x', new Float64Array(4));
    const store = new SlowStore();
    const stored: string[] = [];
    const archiving = archiveTo(member, store, {
      ...{ to: '/none', count: 1, name: 'archive' },
      onStored: ({ name }) => stored.push(name),
    });
    await store.begun;
    assert.deepEqual(store.durabilities, ['fsync'], 'unless it is asked for less');
    const isTagged = async (): Promise<boolean> => (await producer.count('has archive.path')) === 1;
    /** What has come to it and is not acknowledged. */
    const owed = async (): Promise<number> => {
      const { subscriptions } = (await producer.info()) as unknown as {
        subscriptions: readonly { name: string; pinned: number }[];
      };
      return subscriptions.find(({ name }) => name === 'archive')?.pinned ?? 0;
    };
    assert.deepEqual([await isTagged(), await owed(), stored], [false, 1, []]);
    if (end === 'safe') {
      store.settle();
      assert.equal((await archiving).objects, 1);
      assert.deepEqual([await isTagged(), await owed(), stored], [true, 0, ['x']]);
      return;
    }
    const failed = new Error('the disk fails');
    store.settle(failed);
    await assert.rejects(archiving, failed);
    assert.deepEqual([await isTagged(), await owed(), stored], [false, 1, []]);
  });
}
