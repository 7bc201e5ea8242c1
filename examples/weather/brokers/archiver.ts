/**
 * Stores each field, though its producer withdraws it at once: the pool requires it for the
 * archiver at the moment of its offer. It ends by itself when all promises are closed. What it
 * requires is kept under a name: of one that is killed, the next one goes on with that.
 */
import { archiver } from 'attacca/apps';
import { keptIn } from './kept.js';
import { runPart } from './part.js';

await runPart('archiver', async ({ pool, out, count, note, ready, meet }) => {
  const end = new AbortController();
  const { objects, known, bytes, failed } = await archiver(pool, {
    ...{ to: keptIn(out).store, select: 'has ecmwf.param', until: 'complete' },
    ...{ name: 'archiver', forget: true },
    onReady() {
      ready();
      meet(end.signal).catch(() => {
        // It has ended, or the others say why they cannot begin.
      });
    },
    onStored: count,
    onFailure: ({ error }) => note(error.message),
  });
  end.abort();
  return { objects, known, bytes, failed };
});
