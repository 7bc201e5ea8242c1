import { readdir, rm } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import type { TestContext } from 'node:test';
import { openStore } from '../../src/levels/store/index.js';
import { KeptPool } from './kept-pool.js';
import { scratch } from './pool-fixture.js';

/** A pool that is kept, with a store, and is served. */
export async function keptWithStore(
  t: TestContext,
  options: { readonly memoryBytes?: number } = {},
): Promise<{ kept: KeptPool; store: string }> {
  const store = joinPath(await scratch(t), 'store');
  const kept = await KeptPool.make(t, { store, ...options });
  await kept.start();
  return { kept, store };
}

/** The names and versions that a store has. */
export async function storedIn(store: string): Promise<string[]> {
  await using level = await openStore(store, { access: 'read' });
  const names: string[] = [];
  for await (const { name, version } of level.list()) names.push(`${name} ${version}`);
  return names.sort();
}

/** The memory goes, as with a boot. */
export async function loseMemory(kept: KeptPool): Promise<void> {
  for (const name of await readdir(kept.shmDirectory)) {
    await rm(joinPath(kept.shmDirectory, name), { recursive: true, force: true });
  }
}
