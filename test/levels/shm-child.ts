// The other process of the shared-memory tests: `shm-child.js ACTION WORDS...`.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createPoolDirectory, createSlab, mapFile, openSlab } from '../../src/levels/shm/index.js';

const [action, ...words] = process.argv.slice(2);
const word = (index: number): string => words[index] ?? '';

/** How often this process maps a file. */
function countMaps(path: string): number {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return maps.filter((line) => line.includes(path)).length;
}

async function closeMapped(path: string, size: number): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const open = async (): Promise<Uint8Array> => {
    const mapping = await mapFile(path, { access: 'read', size });
    const bytes = new Uint8Array(mapping.buffer);
    mapping.close();
    return bytes;
  };
  const until = async (maps: number): Promise<void> => {
    while (countMaps(path) !== maps) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const held = (await open()).subarray(size - 2);
  await open();
  process.stdout.write(`${countMaps(path)} `);
  await until(1);
  process.stdout.write(`${held.join()} `);
  const moved = await moveToStream(path, size);
  // When this one has gone, the one that was moved would have gone as well.
  await open();
  await until(2);
  process.stdout.write(`${moved[size - 1]} ${held[1]} ${countMaps(path)}\n`);
}

/** A byte stream takes the memory of what it is given along, to a buffer of its own. */
async function moveToStream(path: string, size: number): Promise<Uint8Array> {
  const mapping = await mapFile(path, { access: 'read', size });
  const stream = new ReadableStream({
    type: 'bytes',
    pull: (controller) => controller.enqueue(new Uint8Array(mapping.buffer)),
  });
  const { value } = await stream.getReader().read();
  mapping.close();
  return value ?? new Uint8Array(0);
}

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
    case 'close-mapped': {
      // PATH SIZE: closes three mappings, one of them still looked at, one moved to a stream.
      await closeMapped(word(0), Number(word(1)));
      return;
    }
    default:
      throw new Error(`no such action: ${action}`);
  }
}

await main();
