import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  decideMemory,
  formatBytes,
  type MemoryFacts,
  readMemoryFacts,
} from '../../src/levels/shm/index.js';
import { fc } from '../fast-check.js';
import { scratch } from './scratch.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

const roomy: MemoryFacts = {
  machine: {
    totalBytes: 32 * GiB,
    availableBytes: 28 * GiB,
    cgroupLimitBytes: null,
    cgroupLeftBytes: null,
  },
  preferred: {
    directory: '/dev/shm',
    medium: 'memory',
    totalBytes: 16 * GiB,
    freeBytes: 12 * GiB,
  },
  fallback: { directory: '/tmp', medium: 'disk', totalBytes: 100 * GiB, freeBytes: 80 * GiB },
};

test('half of what is free, said in one sentence', () => {
  const decision = decideMemory(roomy);
  assert.equal(decision.bytes, 6 * GiB);
  assert.equal(
    decision.reason,
    '6.0 GiB: half of the 12.0 GiB free in /dev/shm (cgroup limit none)',
  );
  assert.deepEqual(decision.warnings, []);
});

test('memory in use and the cgroup bound it, and are named', () => {
  const busy = decideMemory({ ...roomy, machine: { ...roomy.machine, availableBytes: 4 * GiB } });
  assert.equal(busy.reason, '2.0 GiB: half of the 4.0 GiB of memory available (cgroup limit none)');
  const grouped = decideMemory({
    ...roomy,
    machine: { ...roomy.machine, cgroupLimitBytes: 3 * GiB, cgroupLeftBytes: 2 * GiB },
  });
  assert.equal(
    grouped.reason,
    '1.0 GiB: half of the 2.0 GiB left of the cgroup limit (cgroup limit 3.0 GiB)',
  );
});

test('a wish is granted up to nine tenths, else reduced and said', () => {
  const granted = decideMemory(roomy, { bytes: 10 * GiB });
  assert.equal(granted.bytes, 10 * GiB);
  assert.match(granted.reason, /^10\.0 GiB: as asked, of the 12\.0 GiB free/);
  const reduced = decideMemory(roomy, { bytes: 20 * GiB });
  assert.ok(reduced.bytes > 10 * GiB && reduced.bytes <= 12 * GiB * 0.9);
  assert.deepEqual(
    reduced.warnings.map((warning) => warning.kind),
    ['wish-reduced'],
  );
  assert.throws(() => decideMemory(roomy, { bytes: 0 }), RangeError);
  assert.throws(() => decideMemory(roomy, { bytes: Number.NaN }), RangeError);
});

const small = { ...roomy.preferred, totalBytes: 64 * MiB, freeBytes: 60 * MiB };

test('a tiny /dev/shm: slabs on disk rather than none, small rather than nowhere', () => {
  const onDisk = decideMemory({ ...roomy, preferred: small });
  assert.ok(onDisk.kind === 'slabs' && onDisk.directory === '/tmp' && onDisk.medium === 'disk');
  assert.equal(onDisk.warnings[0]?.kind, 'slabs-on-disk');
  assert.match(onDisk.warnings[0]?.message ?? '', /\/dev\/shm has only 60\.0 MiB free/);
  const alone = decideMemory({ ...roomy, preferred: small, fallback: null });
  assert.ok(alone.kind === 'slabs' && alone.directory === '/dev/shm');
  assert.equal(alone.warnings[0]?.kind, 'shm-tiny');
  const nothing = decideMemory({
    ...roomy,
    preferred: { ...small, freeBytes: MiB },
    fallback: null,
  });
  assert.equal(nothing.kind, 'none');
  assert.equal(nothing.warnings[0]?.kind, 'no-slabs');
  // Small on purpose is nothing to complain of.
  const wished = decideMemory({ ...roomy, preferred: small }, { bytes: 20 * MiB });
  assert.ok(wished.kind === 'slabs' && wished.directory === '/dev/shm');
  assert.deepEqual(wished.warnings, []);
});

const bytes = fc.oneof(
  fc.integer({ min: 0, max: 512 * MiB }),
  fc.integer({ min: 0, max: 2 ** 20 }).map((count) => count * 4 * MiB),
);
const place = (directory: string) =>
  fc
    .record({
      medium: fc.constantFrom('memory' as const, 'disk' as const),
      total: bytes,
      free: bytes,
    })
    .map(({ medium, total, free }) => ({
      directory,
      medium,
      totalBytes: Math.max(total, free),
      freeBytes: free,
    }));
const facts: fc.Arbitrary<MemoryFacts> = fc.record({
  machine: fc
    .record({ total: bytes, used: bytes, limit: fc.option(bytes), groupUsed: bytes })
    .map(({ total, used, limit, groupUsed }) => ({
      totalBytes: total,
      availableBytes: Math.max(0, total - used),
      cgroupLimitBytes: limit,
      cgroupLeftBytes: limit === null ? null : Math.max(0, limit - groupUsed),
    })),
  preferred: place('/dev/shm'),
  fallback: fc.option(place('/tmp')),
});
const wishes = fc.option(fc.integer({ min: 1, max: 2 ** 45 }), { nil: undefined });

test('property: never more than any bound, never more than wished, always with a reason', () => {
  fc.assert(
    fc.property(facts, wishes, (given, wish) => {
      const decision = decideMemory(given, { bytes: wish });
      assert.ok(decision.reason.startsWith(`${formatBytes(decision.bytes)}: `), decision.reason);
      assert.ok(!decision.reason.includes('\n'));
      if (decision.kind === 'none') {
        assert.ok(decision.warnings.some((warning) => warning.kind === 'no-slabs'));
        return;
      }
      const { preferred, fallback, machine } = given;
      const chosen = decision.directory === preferred.directory ? preferred : fallback;
      assert.ok(chosen !== null);
      assert.ok(decision.bytes >= 16 * MiB && decision.bytes % MiB === 0);
      assert.ok(decision.bytes <= chosen.freeBytes);
      assert.ok(decision.bytes <= machine.totalBytes);
      if (chosen.medium === 'memory') {
        assert.ok(decision.bytes <= machine.availableBytes);
        assert.ok(decision.bytes <= (machine.cgroupLeftBytes ?? Number.POSITIVE_INFINITY));
      }
      assert.ok(decision.bytes <= (machine.cgroupLimitBytes ?? Number.POSITIVE_INFINITY));
      if (wish !== undefined) assert.ok(decision.bytes <= Math.max(wish, MiB));
      // No fall-back in silence.
      if (chosen !== preferred) assert.ok(decision.warnings.length > 0);
      if (wish !== undefined && decision.bytes < wish - MiB) {
        assert.ok(decision.warnings.some((warning) => warning.kind === 'wish-reduced'));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('property: more room in the preferred place never gives a pool less', () => {
  fc.assert(
    fc.property(facts, bytes, (given, more) => {
      const alone = { ...given, fallback: null };
      const freeBytes = given.preferred.freeBytes + more;
      const roomier = { ...alone, preferred: { ...given.preferred, freeBytes } };
      assert.ok(decideMemory(roomier).bytes >= decideMemory(alone).bytes);
    }),
  );
});

async function plant(root: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

test('control groups: the tightest of v2 and its parents, page cache counted as free', async (t) => {
  const root = await scratch(t);
  await plant(root, {
    'proc/meminfo': 'MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n',
    'proc/self/cgroup': '0::/user/job\n',
    'sys/fs/cgroup/user/memory.max': '1000000',
    'sys/fs/cgroup/user/memory.current': '900000',
    'sys/fs/cgroup/user/memory.stat': 'anon 5\ninactive_file 300000\n',
    'sys/fs/cgroup/user/job/memory.max': 'max',
    'sys/fs/cgroup/user/job/memory.current': '5',
  });
  const { machine } = await readMemoryFacts(root, { root });
  assert.deepEqual(machine, {
    totalBytes: 16 * MiB,
    availableBytes: 8 * MiB,
    cgroupLimitBytes: 1_000_000,
    cgroupLeftBytes: 400_000,
  });
});

test('control groups: v1 in a container, whose path is not in its own mount', async (t) => {
  const root = await scratch(t);
  await plant(root, {
    'proc/self/cgroup': '5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '2000000\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '500000\n',
  });
  const { machine } = await readMemoryFacts(root, { root });
  assert.equal(machine.cgroupLimitBytes, 2_000_000);
  assert.equal(machine.cgroupLeftBytes, 1_500_000);
  await plant(root, {
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  });
  assert.equal((await readMemoryFacts(root, { root })).machine.cgroupLimitBytes, null);
});

test('a directory that is not there is an error, everything else that is missing is no limit', async (t) => {
  const root = await scratch(t);
  await assert.rejects(readMemoryFacts(join(root, 'missing')), { code: 'file-error' });
  const found = await readMemoryFacts(root, { root, fallbackDirectory: join(root, 'missing') });
  assert.equal(found.fallback, null);
  assert.equal(found.machine.cgroupLeftBytes, null);
  assert.ok(found.machine.totalBytes > 0);
});
