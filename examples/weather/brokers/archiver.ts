/**
 * Stores each field, though its producer withdraws it at once: the pool requires it for the
 * archiver at the moment of its offer. It ends by itself when all promises are closed.
 */
import { archiver } from 'attacca/apps';
import { keptIn } from './kept.js';
import { runPart } from './part.js';

await runPart('archiver', async ({ pool, out, count, note, ready, meet }) => {
  let met = Promise.resolve();
  const { objects, bytes, failed } = await archiver(pool, {
    ...{ to: keptIn(out).store, select: 'has ecmwf.param', until: 'complete' },
    onReady() {
      ready();
      met = meet();
      met.catch(() => {});
    },
    onStored: count,
    onFailure: ({ error }) => note(error.message),
  });
  await met;
  return { objects, bytes, failed };
});
