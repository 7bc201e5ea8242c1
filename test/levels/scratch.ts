import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { defaultShmDirectory } from '../../src/levels/shm/index.js';

/** A directory of the test's own where slabs usually are; removed afterwards. */
export async function scratch(t: TestContext, below?: string): Promise<string> {
  const root = below ?? (await defaultShmDirectory());
  const directory = await mkdtemp(join(root, 'attacca-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The same where so many bytes are free: a container's /dev/shm has 64 MiB. */
export async function roomyScratch(t: TestContext, bytes: number): Promise<string> {
  const usual = await defaultShmDirectory();
  const { bavail, bsize } = await statfs(usual);
  return await scratch(t, bavail * bsize > 2 * bytes ? usual : tmpdir());
}

/** A tmpfs of its own of `sizeMiB`; null, after saying why, for who may not mount. */
export async function tinyTmpfs(t: TestContext, sizeMiB: number): Promise<string | null> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) {
    t.skip('only root on Linux may mount a small tmpfs');
    return null;
  }
  const directory = await mkdtemp(join(tmpdir(), 'attacca-test-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'none', directory], {
    encoding: 'utf8',
  });
  // Lazily: what the test still maps stays mapped.
  t.after(() => {
    if (mounted.status === 0) spawnSync('umount', ['-l', directory]);
    return rm(directory, { recursive: true, force: true });
  });
  if (mounted.status !== 0) {
    t.skip(`mount is not allowed here: ${mounted.stderr}`);
    return null;
  }
  return directory;
}

/** Runs an action of shm-child.ts in another process: its exit, and what it printed. */
export function runChild(
  ...words: readonly string[]
): Promise<{ code: number | null; signal: NodeJS.Signals | null; out: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [childPath, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out }));
  });
}

/** Starts an action that prints one line and then waits to be killed. */
export async function startChild(
  t: TestContext,
  ...words: readonly string[]
): Promise<{ pid: number; line: string; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, [childPath, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const kill = (): Promise<void> => {
    child.kill('SIGKILL');
    return ended;
  };
  t.after(kill);
  const line = await new Promise<string>((resolve, reject) => {
    let out = '';
    child.on('error', reject);
    child.on('close', () => reject(new Error(`the child ended early, having said: ${out}`)));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (out.includes('\n')) resolve(out.trim());
    });
  });
  return { pid: child.pid ?? -1, line, kill };
}

const childPath = fileURLToPath(new URL('./shm-child.js', import.meta.url));
