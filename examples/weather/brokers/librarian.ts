/**
 * Offers out of the archiver's store what is required and not offered any more, until all others
 * have ended.
 */
import { librarian } from 'attacca/apps';
import { keptIn } from './kept.js';
import { runPart } from './part.js';

await runPart('librarian', async ({ pool, out, count, note, told }) => {
  const end = new AbortController();
  void told('end').then(() => end.abort());
  const { lent, bytes, failed } = await librarian(pool, {
    ...{ from: keptIn(out).store, signal: end.signal },
    onLent: count,
    onFailure: ({ error }) => note(error.message),
  });
  return { lent, bytes, failed };
});
