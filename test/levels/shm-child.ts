// The other process of the shared-memory tests: `shm-child.js ACTION WORDS...`.
import { createPoolDirectory, createSlab, mapFile, openSlab } from '../../src/levels/shm/index.js';

const [action, ...words] = process.argv.slice(2);
const word = (index: number): string => words[index] ?? '';

async function main(): Promise<void> {
  switch (action) {
    case 'write-mapped': {
      // PATH SIZE AT VALUE: writes one byte through a mapping of its own.
      const mapping = await mapFile(word(0), { access: 'read-write', size: Number(word(1)) });
      new Uint8Array(mapping.buffer)[Number(word(2))] = Number(word(3));
      return;
    }
    case 'write-read-only': {
      // PATH SIZE: must die of it.
      const mapping = await mapFile(word(0), { access: 'read', size: Number(word(1)) });
      process.stdout.write('mapped\n');
      new Uint8Array(mapping.buffer)[0] = 1;
      process.stdout.write('still here\n');
      return;
    }
    case 'own-a-pool': {
      // ROOT POOLID: holds a pool with a slab until killed.
      const pool = await createPoolDirectory(word(0), { poolId: word(1), name: 'weather' });
      const slab = await createSlab(pool.path, 0, 1024 * 1024);
      await slab.pwriteFrom(new Uint8Array([7, 8, 9]), 0);
      process.stdout.write('ready\n');
      process.stdin.resume();
      return;
    }
    case 'hold-open': {
      // DIRECTORY ID: keeps a slab mapped until killed.
      const slab = await openSlab(word(0), Number(word(1)), 'read');
      const mapping = await slab.map();
      process.stdout.write(`${new Uint8Array(mapping.buffer)[0]}\n`);
      process.stdin.resume();
      return;
    }
    default:
      throw new Error(`no such action: ${action}`);
  }
}

await main();
