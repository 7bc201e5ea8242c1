import { spawnSync } from 'node:child_process';
import { nowNs } from './take-part.js';

const BLOCK_BYTES = 4 * 1024 * 1024;

/** What a disk takes at best: as dd writes it, past the page cache, and synced at the end. */
export function directWrite(path: string, bytes: number) {
  const blocks = Math.max(1, Math.round(bytes / BLOCK_BYTES));
  const args = ['if=/dev/zero', `of=${path}`, `bs=${BLOCK_BYTES}`, `count=${blocks}`];
  const startNs = nowNs();
  const { status, stderr } = spawnSync('dd', [...args, 'oflag=direct', 'conv=fsync']);
  if (status !== 0) throw new Error(`dd: ${stderr}`);
  return { seconds: (nowNs() - startNs) / 1e9, bytes: blocks * BLOCK_BYTES };
}
