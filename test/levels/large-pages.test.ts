import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { type Libc, loadLibc, newBytes } from '../../src/levels/shm/index.js';
import { fc } from '../fast-check.js';

const MiB = 1024 * 1024;

/** A libc that only tells what it was asked. */
function told(address: bigint) {
  const advised: { from: bigint; size: number; advice: number }[] = [];
  const libc = {
    addressOf: () => address,
    adviseNow: (from: bigint, size: number, advice: number) => {
      advised.push({ from, size, advice });
      return false;
    },
  } as unknown as Libc;
  return { libc, advised };
}

test('whole pages within the array are told to the kernel, and nothing beside it', () => {
  const addresses = fc.bigInt(1n, 1n << 46n);
  const sizes = fc.integer({ min: 4 * MiB, max: 4 * MiB + 200_000 });
  fc.assert(
    fc.property(addresses, sizes, (address, size) => {
      const { libc, advised } = told(address);
      assert.equal(newBytes(libc, size, 'linux').length, size);
      const [only] = advised;
      assert.equal(advised.length, 1);
      assert.ok(only !== undefined);
      assert.equal(only.from % 65_536n, 0n);
      assert.equal(only.size % 65_536, 0);
      assert.ok(only.from >= address);
      assert.ok(only.from + BigInt(only.size) <= address + BigInt(size));
      assert.ok(only.size > size - 2 * 65_536);
    }),
  );
});

test('small arrays, other kernels and platforms without koffi are asked for nothing', () => {
  const { libc, advised } = told(65_536n);
  assert.equal(newBytes(libc, 4 * MiB - 1, 'linux').length, 4 * MiB - 1);
  assert.equal(newBytes(libc, 4 * MiB, 'darwin').length, 4 * MiB);
  assert.equal(newBytes(null, 4 * MiB, 'linux').length, 4 * MiB);
  assert.deepEqual(advised, []);
});

test('a large array lies in large pages where the kernel makes them when it is asked', async (t) => {
  const libc = await loadLibc();
  const path = '/sys/kernel/mm/transparent_hugepage/enabled';
  let setting = '';
  try {
    setting = readFileSync(path, 'utf8');
  } catch {}
  if (!setting.includes('[madvise]')) {
    t.skip(`${path} is not at "madvise": ${setting.trim() || 'there is none'}`);
    return;
  }
  const bytes = newBytes(libc, 64 * MiB);
  assert.ok(bytes.every((byte) => byte === 0));
  bytes.fill(7);
  // "hg" among the flags of the mapping: it was asked for, whether there was room for it or not.
  const start = libc.addressOf(bytes) + 32n * BigInt(MiB);
  assert.ok(flagsAt(start).includes('hg'), flagsAt(start).join(' '));
  assert.ok(bytes.every((byte) => byte === 7));
});

/** The flags of the mapping that an address lies in, as /proc/self/smaps tells them. */
function flagsAt(address: bigint): string[] {
  let isIt = false;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) {
      const [from, to] = [BigInt(`0x${range[1]}`), BigInt(`0x${range[2]}`)];
      isIt = from <= address && address < to;
    } else if (isIt && line.startsWith('VmFlags:')) return line.split(/\s+/);
  }
  return [];
}
