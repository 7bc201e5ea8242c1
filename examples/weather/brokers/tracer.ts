/** Writes down what happens, from the first event on, until it is told that all have ended. */
import { mkdirSync } from 'node:fs';
import { tracer } from 'attacca/apps';
import { keptIn } from './kept.js';
import { runPart } from './part.js';

await runPart('tracer', async ({ pool, out, told }) => {
  const end = new AbortController();
  void told('end').then(async () => {
    // An answer comes behind all that happened before it was asked for.
    await pool.explain().catch(() => {});
    end.abort();
  });
  const { ATTACCA_TRACE: calls } = process.env;
  mkdirSync(out, { recursive: true });
  const { events, missed } = await tracer(pool, {
    ...{ format: 'perfetto', to: keptIn(out).trace, from: 'start', signal: end.signal },
    calls: calls === undefined ? [] : [calls],
  });
  return { events, missed };
});
