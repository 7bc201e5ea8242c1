/**
 * Offers out of the archiver's store what is required and not offered any more, until all others
 * have ended.
 */
import { librarian } from 'attacca/apps';
import { keptIn } from './kept.js';
import { runPart } from './part.js';

await runPart('librarian', async ({ pool, out, count, note, told, meetLibrarian }) => {
  const end = new AbortController();
  const lending = librarian(pool, {
    ...{ from: keptIn(out).store, signal: end.signal },
    onLent: count,
    onFailure: ({ error }) => note(error.message),
  });
  lending.catch(() => {});
  // A require of what was promised, and is no more, fails at once: so now it promises all that. Not
  // before the others have ended, who would wait for the end of this promise, too.
  await told('alone');
  await using _promise = await pool.promise('fc/*');
  await meetLibrarian();
  await told('end');
  end.abort();
  const { lent, bytes, failed } = await lending;
  return { lent, bytes, failed };
});
