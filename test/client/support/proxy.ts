import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

/** Small numbers that look random and come again with the seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Stands between a client and a pool, and cuts every connection after a number of bytes that the
 * seed says, in either direction: the first connection only once it has been accepted.
 */
export async function cuttingProxy(
  t: TestContext,
  target: string,
  options: { readonly seed: number; readonly bytesMax: number; readonly spareFirst: number },
): Promise<{ readonly address: string; cuts: number; calm: boolean }> {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-proxy-'));
  const path = join(directory, 'socket');
  const targetPath = target.replace(/^unix:/u, '');
  const random = seeded(options.seed);
  const sockets = new Set<Socket>();
  const tokenFile = join(dirname(targetPath), 'token');
  const proxy = { address: `unix:${path}?token-file=${tokenFile}`, cuts: 0, calm: false };
  let count = 0;
  const server = createServer((near) => {
    const far = connect(targetPath);
    const first = count++ === 0 ? options.spareFirst : 0;
    let left = first + Math.floor(random() * options.bytesMax);
    const cut = (): void => {
      proxy.cuts++;
      near.destroy();
      far.destroy();
    };
    const pass = (from: Socket, to: Socket): void => {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('data', (chunk: Uint8Array) => {
        if (proxy.calm) {
          to.write(chunk);
          return;
        }
        left -= chunk.length;
        if (left > 0) to.write(chunk);
        else to.write(chunk.subarray(0, Math.max(chunk.length + left, 0)), cut);
      });
    };
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await rm(directory, { recursive: true, force: true });
  });
  return proxy;
}
