import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { join as joinPool, type Pool } from '../../src/client/index.js';
import { joinApart, servePool } from './support/pools.js';

const OBJECTS = 5;
const SIZE = 64 * 1024;

type View = Awaited<ReturnType<ReturnType<Pool['object']>['demand']>>['bytes'];

/** How many slabs below a directory this process maps although their files are gone. */
function goneButMapped(directory: string): number {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return lines.filter((line) => line.includes(directory) && line.endsWith('(deleted)')).length;
}

const isSlab = (file: string): boolean => file.startsWith('slab-');

/** Hands one adopted file over, from its offer to the end of its slab; returns the view of it. */
async function handOver(from: Pool, to: Pool, index: number): Promise<View> {
  const file = `adopt-${index}`;
  await writeFile(join(from.slabsDirectory ?? '', file), new Uint8Array(SIZE).fill(index), {
    mode: 0o600,
  });
  const offered = from.object(`x/${index}`, { space: { dtype: 'uint8', shape: [SIZE] } });
  await offered.adopt(file, SIZE);
  await offered.offer();
  const received = await to.object(`x/${index}`).demand();
  const { bytes } = received;
  await received.dispose();
  await offered.withdraw();
  return bytes;
}

test('slabs that are gone are unmapped, but for what somebody still looks at', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux tells what a process maps');
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const server = await servePool(t, { memoryBytes: 66 * 1024 * 1024, check: false });
  const directory = server.memory.directory?.path ?? '';
  await using producer = await joinApart(server, 'producer', { transport: 'shared-memory' });
  await using consumer = await joinApart(server, 'consumer', { transport: 'shared-memory' });
  const held = await handOver(producer, consumer, 1);
  for (let index = 2; index <= OBJECTS; index++) await handOver(producer, consumer, index);
  // By the socket comes, sooner or later, that they are gone.
  while ((await readdir(directory)).filter(isSlab).length > 1) await consumer.info();
  while (goneButMapped(directory) > 1) {
    collect();
    await consumer.info();
  }
  assert.equal(goneButMapped(directory), 1);
  assert.deepEqual([held.length, held[0], held.at(-1)], [SIZE, 1, 1]);
});

test('a member that stays has the slabs mapped before anything comes, files adopted left out', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux tells what a process maps');
  const server = await servePool(t, { check: false });
  const directory = server.memory.directory?.path ?? '';
  const mapped = (): string[] =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.includes(directory) && line.split(/\s+/u)[1]?.startsWith('r--'))
      .map((line) => line.slice(line.lastIndexOf('/') + 1));
  // In this process the agent maps its slabs, too, for writing.
  assert.deepEqual(mapped(), []);
  // The agent makes the first slab in its own time: who has written to it knows that it is there.
  await using other = await joinApart(server, 'other', { transport: 'shared-memory' });
  await other.put('x', new Uint8Array(SIZE));
  await writeFile(join(directory, 'slab-77'), new Uint8Array(4_096), { mode: 0o400 });
  await using member = await joinPool({ address: server.address, member: 'm' });
  while (mapped().length === 0) await member.info();
  assert.deepEqual(mapped(), ['slab-0']);
});
