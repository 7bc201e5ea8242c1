import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Disk } from '../../src/journal/disk.js';
import { seedOf } from '../fast-check.js';
import { random } from '../pool/random.js';
import { CrashLife, NOTHING_SEEN } from './crash-life.js';

const SEED = seedOf(process.env['ATTACCA_SEED']) % 1_000_000;
const LIVES = 40;
const GENERATIONS = 12;

/** Lives through crashes; what went wrong first, or null. */
async function lives(
  options: { readonly flips: boolean },
  wrap?: (disk: Disk) => Disk,
): Promise<{ seen: CrashLife['seen']; failure: unknown }> {
  const total = { ...NOTHING_SEEN };
  for (let index = 0; index < LIVES; index++) {
    const seed = SEED + index;
    const life = new CrashLife(random(seed), wrap);
    try {
      for (let count = 0; count < GENERATIONS; count++) await life.generation(options);
    } catch (cause) {
      return { seen: total, failure: new Error(`a life of seed ${seed} has failed`, { cause }) };
    }
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += life.seen[key];
  }
  return { seen: total, failure: null };
}

test('what was reported durable is there after any crash, in order, bit for bit, and nothing else', async () => {
  const { seen, failure } = await lives({ flips: false });
  if (failure !== null) throw failure;
  assert.equal(seen.damage, 0);
  for (const key of ['records', 'torn', 'snapshots', 'full', 'segments', 'failed'] as const) {
    assert.ok(seen[key] > 20, `${key}: ${seen[key]}`);
  }
  assert.ok(seen.failedOnce > 20, `failedOnce: ${seen.failedOnce}`);
});

test('what age does to the disk is told, or is no loss', async () => {
  const { seen, failure } = await lives({ flips: true });
  if (failure !== null) throw failure;
  for (const key of ['damage', 'spoiled', 'torn'] as const) {
    assert.ok(seen[key] > 5, `${key}: ${seen[key]}`);
  }
});

/** A disk that does all that it is told, but for one thing. */
function lying(lies: Partial<Disk>, disk: Disk): Disk {
  return new Proxy(disk, {
    get(target, key) {
      const value: unknown = Reflect.get(lies, key) ?? Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('canary: a disk that does not sync what it is told to is found out', async () => {
  const { failure } = await lives({ flips: false }, (disk) =>
    lying({ write: (name, offset, bytes) => disk.write(name, offset, bytes, false) }, disk),
  );
  assert.notEqual(failure, null);
});

test('canary: a disk that does not sync its directory is found out', async () => {
  const { failure } = await lives({ flips: false }, (disk) =>
    lying({ syncDirectory: () => disk.list().then(() => {}) }, disk),
  );
  assert.notEqual(failure, null);
});

test('canary: a sync that failed and is tried again is found out', async () => {
  const { failure } = await lives({ flips: false }, (disk) =>
    lying(
      {
        write: (...written) => disk.write(...written).catch(() => disk.write(...written)),
      },
      disk,
    ),
  );
  assert.notEqual(failure, null);
});

test('canary: a disk that keeps bits for other bits is found out', async () => {
  const { failure } = await lives({ flips: false }, (disk) =>
    lying(
      {
        read: async (name, offset, target) => {
          const size = await disk.read(name, offset, target);
          if (size > 5000) target[4999] = (target[4999] as number) ^ 1;
          return size;
        },
      },
      disk,
    ),
  );
  assert.notEqual(failure, null);
});
