import { cp } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import type { TestContext } from 'node:test';
import { join } from '../../src/client/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { filesOf, type Result } from './command.js';

/** A name that would move the cursor, and break a line. */
export const WILD = 'wild\u001b[31m\nname';

/**
 * A pool with a short life: `x` is offered, refused a second time, and demanded; then it is killed,
 * with a demand for `never` that waits.
 */
export async function keptStory(t: TestContext): Promise<KeptPool> {
  const kept = await KeptPool.make(t);
  await kept.start();
  const writer = await join({ address: kept.address, member: 'writer', reconnectMs: 1 });
  const space = { dtype: 'float32', shape: [2, 3] } as const;
  await writer.put('x', new Float32Array(6), { space, attributes: { param: 't', level: 850 } });
  await writer.put('x', new Float32Array(6), { space }).then(
    () => {
      throw new Error('it was offered twice');
    },
    () => {},
  );
  await writer.put(WILD, Uint8Array.of(1));
  await using got = await writer.object('x').demand();
  await got.dispose();
  const waiting = writer.object('never').demand({ timeoutMs: 500_000 });
  waiting.catch(() => {});
  await writer.stat('never').catch(() => {});
  await kept.kill();
  t.after(() => writer.close().catch(() => {}));
  return kept;
}

/** The same files elsewhere, to be spoiled. */
export async function copyOf(t: TestContext, kept: KeptPool): Promise<string> {
  const copy = joinPath(await filesOf(t), 'copy');
  await cp(kept.data, copy, { recursive: true });
  return copy;
}

/** Lines of a log, without the columns of record and time. */
export function happenings({ out }: Result): string[] {
  const lines = out.split('\n').filter((line) => line !== '');
  return lines.map((line) => line.replace(/^ *\d+ +\d+\.\d{3} s {2}/u, '').replace(/ +/gu, ' '));
}
