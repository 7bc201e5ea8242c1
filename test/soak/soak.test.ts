/**
 * Objects come and go, and nothing grows: not the memory of the pool's process, nor of its clients,
 * nor shared memory, nor descriptors; for a pool that is kept in a directory, too.
 * ATTACCA_SOAK=1000000 for a million objects (four minutes each).
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { join, type Pool } from '../../src/client/index.js';
import { startAttacca } from '../cli/command.js';

const WISH = process.env['ATTACCA_SOAK'];
const OBJECTS = Number(WISH ?? 40_000);
const OBJECTS_KEPT = Number(WISH ?? 15_000);
/** Objects of a round: those without a payload, and some with one in shared memory. */
const SMALL = 480;
const LARGE = 20;
const LARGE_BYTES = 64 * 1024;
const MiB = 1024 * 1024;
/** Rounds before anything is measured: compilers have done their work, and tables their growth. */
const WARM_SHARE = 0.3;
/** What allocators keep for later may differ by so much, however many objects have gone. */
const SLACK_BYTES = 24 * MiB;
/** A thread makes snapshots in the process of a pool that is kept, one now and then. */
const SLACK_KEPT_BYTES = 64 * MiB;
/** Files of a journal come and go, each with two descriptors; of one more segment and snapshot. */
const SLACK_KEPT_DESCRIPTORS = 4;

/** What must not grow. */
interface Held {
  readonly poolBytes: number;
  readonly ownHeapBytes: number;
  readonly slabBytes: number;
  readonly poolDescriptors: number;
  readonly ownDescriptors: number;
  readonly tableBytes: number;
  readonly counts: { readonly [name: string]: number };
}

function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1024;
}

function bytesBelow(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(joinPath(entry.parentPath, entry.name)).blocks * 512;
  }
  return bytes;
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

async function held(pool: Pool, pid: number, slabs: string, collect: () => void): Promise<Held> {
  const info = await pool.info();
  const manager = info['manager'] as { [name: string]: number };
  collect();
  return {
    poolBytes: residentBytes(pid),
    ownHeapBytes: process.memoryUsage().heapUsed,
    slabBytes: bytesBelow(slabs),
    poolDescriptors: descriptors(pid),
    ownDescriptors: descriptors(process.pid),
    tableBytes: (manager['tableBytes'] ?? 0) + (manager['arenaBytes'] ?? 0),
    counts: info['counts'] as { [name: string]: number },
  };
}

/** One round: a batch without payloads, and some with; each required before, read, and gone. */
async function round(producer: Pool, consumer: Pool, number: number): Promise<void> {
  const names = Array.from({ length: LARGE }, (_, index) => `large/${number}/${index}`);
  const reading = (async (): Promise<void> => {
    for await (const object of consumer.demandEach(names)) {
      assert.equal(object.bytes[LARGE_BYTES - 1], number % 256);
      await object.dispose();
    }
  })();
  const items = Array.from({ length: SMALL }, (_, index) => ({
    name: `small/${number}/${index}`,
    attributes: { number, index, param: 't', level: index % 40 },
  }));
  const batch = await producer.offerMany(items);
  const ending = names.map(async (name) => {
    const object = producer.object(name, { space: { dtype: 'uint8', shape: [LARGE_BYTES] } });
    await object.allocate();
    object.array.fill(number % 256);
    await object.offer();
    await object.withdraw();
  });
  await Promise.all([...ending, reading, batch.withdraw()]);
}

interface Served {
  readonly address: string;
  readonly pid: number;
  readonly shm: string;
  /** Where the pool is kept; null: nowhere. */
  readonly data: string | null;
}

async function servedApart(t: TestContext, isKept: boolean): Promise<Served> {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-soak-'));
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const shm = await mkdtemp(joinPath(memory, 'attacca-test-'));
  const data = isKept ? joinPath(directory, 'data') : null;
  // Events that are kept take memory until there is no more for them: here that is at once.
  const few = ['--memory', '48m', '--events', '256k'];
  const words = ['serve', '--address', `unix:${directory}/pool/socket`, ...few];
  const kept = data === null ? [] : ['--data', data];
  const server = startAttacca([...words, '--shm-dir', shm, ...kept]);
  t.after(async () => {
    server.process.kill('SIGTERM');
    await server.ended;
    await rm(directory, { recursive: true, force: true });
    await rm(shm, { recursive: true, force: true });
  });
  const line = await server.said(/ATTACCA_POOL=.*\n/u);
  const address = /ATTACCA_POOL=(.*)/u.exec(line)?.[1] ?? '';
  return { address, pid: server.process.pid ?? 0, shm, data };
}

async function soak(t: TestContext, objects: number, isKept: boolean): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const { address, pid, shm, data } = await servedApart(t, isKept);
  await using producer = await join({ address, member: 'producer' });
  await using consumer = await join({ address, member: 'consumer' });
  const rounds = Math.ceil(objects / (SMALL + LARGE));
  const warm = Math.ceil(rounds * WARM_SHARE);
  for (let number = 0; number < warm; number++) await round(producer, consumer, number);
  const before = await held(producer, pid, shm, collect);
  for (let number = warm; number < rounds; number++) await round(producer, consumer, number);
  const after = await held(producer, pid, shm, collect);

  const grown = (what: 'poolBytes' | 'ownHeapBytes'): number => after[what] - before[what];
  t.diagnostic(
    `${rounds * (SMALL + LARGE)} objects: the pool's process ${(after.poolBytes / MiB).toFixed(0)} ` +
      `MiB, ${(grown('poolBytes') / MiB).toFixed(1)} more than after ${warm * (SMALL + LARGE)}; ` +
      `our heap ${(grown('ownHeapBytes') / MiB).toFixed(1)} MiB more; ` +
      `${after.slabBytes / MiB} MiB of slabs; ${after.poolDescriptors} descriptors` +
      (data === null ? '' : `; ${(bytesBelow(data) / MiB).toFixed(0)} MiB kept`),
  );
  const slackBytes = isKept ? SLACK_KEPT_BYTES : SLACK_BYTES;
  assert.ok(grown('poolBytes') < slackBytes, `the pool has grown by ${grown('poolBytes')} B`);
  assert.ok(grown('ownHeapBytes') < SLACK_BYTES, `we have grown by ${grown('ownHeapBytes')} B`);
  assert.equal(after.slabBytes, before.slabBytes, 'shared memory');
  const descriptorsMax = before.poolDescriptors + (isKept ? SLACK_KEPT_DESCRIPTORS : 0);
  assert.ok(after.poolDescriptors <= descriptorsMax, `${after.poolDescriptors} descriptors`);
  assert.equal(after.ownDescriptors, before.ownDescriptors, 'descriptors of its clients');
  assert.equal(after.tableBytes, before.tableBytes, 'tables of the pool');
  for (const what of ['objects', 'handles', 'versions', 'requires', 'readers', 'waits'] as const) {
    assert.equal(after.counts[what], 0, what);
  }
}

const skip = process.platform === 'linux' ? false : 'only Linux tells what a process holds';

test('a soak: objects come and go, and nothing grows', { skip }, (t) => soak(t, OBJECTS, false));

test('a soak of a pool that is kept: nothing grows, either', { skip }, (t) =>
  soak(t, OBJECTS_KEPT, true),
);
