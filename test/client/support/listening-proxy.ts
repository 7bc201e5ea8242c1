import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  FRAME,
  FrameAssembler,
  MESSAGE,
  Messages,
  readTransfer,
  Transfer,
} from '../../../src/protocol/index.js';

/** A request that moves regions of an open object, as it went by. */
export interface SeenTransfer {
  readonly kind: 'write' | 'read';
  readonly regions: number;
  readonly bytes: number;
}

/** Stands between a client and a pool, and notes which transfers of regions are asked for. */
export async function listeningProxy(
  t: TestContext,
  target: string,
): Promise<{ readonly address: string; readonly seen: SeenTransfer[] }> {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-proxy-'));
  const path = join(directory, 'socket');
  const targetPath = target.replace(/^unix:/u, '');
  const sockets = new Set<Socket>();
  const seen: SeenTransfer[] = [];
  const server = createServer((near) => {
    const far = connect(targetPath);
    const frames = new FrameAssembler();
    near.on('data', (chunk: Uint8Array) => {
      frames.push(chunk);
      while (frames.next()) if (frames.kind === FRAME.messages) seen.push(...transfersOf(frames));
    });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await rm(directory, { recursive: true, force: true });
  });
  const tokenFile = join(dirname(targetPath), 'token');
  return { address: `unix:${path}?token-file=${tokenFile}`, seen };
}

function transfersOf({ bytes, start, end }: FrameAssembler): SeenTransfer[] {
  const messages = new Messages();
  const found: SeenTransfer[] = [];
  messages.open(bytes, start, end);
  while (messages.next()) {
    const isWrite = messages.code === MESSAGE.writeRegions;
    if (!isWrite && messages.code !== MESSAGE.readRegions) continue;
    const transfer = new Transfer();
    readTransfer(messages.reader, transfer);
    const { count: regions, size } = transfer;
    found.push({ kind: isWrite ? 'write' : 'read', regions, bytes: size });
  }
  return found;
}
