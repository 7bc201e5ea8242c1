/**
 * Disks that are full: of the journal, and of the slabs. They are small ones of their own, which
 * only root may mount, in a mount namespace that ends with the test.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Crew, LONG } from './crew.js';

const INSIDE = 'ATTACCA_CRASH_NAMESPACE';
const UNSHARE = ['-m', '--propagation', 'private', '--'];

/** Why no disk can be mounted here, or false. */
function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'only root may mount a small disk';
  const probe = spawnSync('unshare', [...UNSHARE, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]);
  if (probe.status === 0) return false;
  return `no small disk can be mounted: ${probe.error?.message ?? String(probe.stderr).trim()}`;
}

/** A disk of so many MiB, for one test. */
async function smallDisk(t: TestContext, mebibytes: number): Promise<string> {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-disk-'));
  const options = `size=${mebibytes}m,mode=700`;
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'attacca', directory]);
  assert.equal(mounted.status, 0, String(mounted.stderr));
  t.after(async () => {
    spawnSync('umount', ['-l', directory]);
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

/** Fills a disk to the last block with a file, which can be removed again. */
function fill(directory: string): string {
  const path = joinPath(directory, 'ballast');
  const fd = openSync(path, 'a');
  try {
    for (let bytes = 1 << 20; bytes >= 4_096; bytes >>= 1) {
      const piece = new Uint8Array(bytes);
      try {
        for (;;) writeSync(fd, piece);
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOSPC');
      }
    }
  } finally {
    closeSync(fd);
  }
  return path;
}

if (process.env[INSIDE] !== undefined) {
  test('the disk of the journal is full, and has room again', LONG, async (t) => {
    const disk = await smallDisk(t, 288);
    const data = joinPath(disk, 'data');
    mkdirSync(data, { mode: 0o700 });
    const crew = await Crew.make(t, { data, payloadBytes: 64 << 10, serve: { shm: false } });
    await crew.loop(async () => {
      const before = crew.refusals;
      const ballast = fill(disk);
      await crew.until(() => crew.refusals >= before + 3);
      if (crew.random() < 0.7) {
        await crew.restartManager();
        // What was cut of the last segment is room again.
        fill(disk);
        await crew.restartManager();
      }
      rmSync(ballast);
    });
    await crew.finish();
    assert.ok(crew.refusals > 0);
  });

  test('the disk of the slabs is full, and the manager is killed', LONG, async (t) => {
    const disk = await smallDisk(t, 24);
    const shmDirectory = joinPath(disk, 'shm');
    mkdirSync(shmDirectory, { mode: 0o700 });
    const serve = { memoryBytes: 20 << 20 };
    const crew = await Crew.make(t, { shmDirectory, serve, lanes: 3, payloadBytes: 200_000 });
    await crew.loop(async () => {
      const ballast = fill(disk);
      await crew.advance(1);
      await crew.restartManager();
      await crew.advance(1);
      rmSync(ballast);
    });
    await crew.finish();
  });
} else {
  test('full disks', { ...LONG, skip: whyNot() }, async (t) => {
    const words = [...UNSHARE, process.execPath, fileURLToPath(import.meta.url)];
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    const child = spawn('unshare', words, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...environment, [INSIDE]: '1' },
    });
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [code] = await once(child, 'close');
    for (const line of said.split('\n')) if (/^\s*(?:# |ℹ )/u.test(line)) t.diagnostic(line);
    assert.equal(code, 0, said);
  });
}
