import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openStore, openStoreOn } from '../../../src/levels/store/index.js';
import {
  faultyLevel,
  type LevelTried,
  levelCases,
  MemoryLevel,
} from '../../../src/testing/index.js';
import { CrashDisk } from './crash-disk.js';

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function directoryLevel(): Promise<LevelTried> {
  const folder = await mkdtemp(join(tmpdir(), 'attacca-store-'));
  folders.push(folder);
  const open = () => openStore(join(folder, 'store'), { access: 'write' });
  return {
    level: await open(),
    async reopen(level) {
      await level.close();
      return await open();
    },
  };
}

/** So small packs that they are closed, and written anew, all the time. */
async function smallPacks(): Promise<LevelTried> {
  const disk = new CrashDisk();
  const options = { access: 'write', packBytesMax: 6_000, arrayBytesMin: 40_000 } as const;
  return {
    level: await openStoreOn(disk, options),
    async reopen(level) {
      await level.close();
      return await openStoreOn(disk, options);
    },
  };
}

const LEVELS: Record<string, () => Promise<LevelTried>> = {
  directory: directoryLevel,
  'small packs': smallPacks,
  memory: async () => ({ level: new MemoryLevel() }),
  'faulty without faults': async () => ({
    level: faultyLevel(new MemoryLevel(), { seed: 1 }),
  }),
};

for (const [kind, make] of Object.entries(LEVELS)) {
  for (const { name, run } of levelCases) test(`${kind}: ${name}`, () => run(make));
}

test('the cases find a level that loses something', async () => {
  const failed: string[] = [];
  for (const { name, run } of levelCases) {
    const make = async (): Promise<LevelTried> => {
      const level = new MemoryLevel();
      const { put } = level;
      let count = 0;
      level.put = async (entry, ...more) => {
        if (++count % 5 !== 0) await put.call(level, entry, ...more);
      };
      return { level };
    };
    await run(make).catch(() => failed.push(name));
  }
  assert.ok(failed.includes('any steps give what a map gives'), failed.join(', '));
});
