import type { PoolView } from '../client/pool-view.js';
import { counted } from '../core/counted.js';
import { formatDuration } from './duration.js';
import { listOf, mapOf, printable, quoted, textOf } from './format.js';

/** What a command that waits says meanwhile: for what, for how long, and because of whom. */
export async function waitLine(
  view: PoolView,
  waiting: ReadonlySet<string>,
  elapsedMs: number,
  total: number,
): Promise<string> {
  const [first] = waiting;
  const time = formatDuration(elapsedMs);
  if (first === undefined) return `${time}: ${total - waiting.size} of ${counted(total, 'object')}`;
  const others = waiting.size - 1;
  const more = others > 0 ? ` and ${counted(others, 'other')}` : '';
  const why = await because(view, first);
  // Its bytes are on their way, or are made what is wanted.
  if (why === null) return `${time}: getting ${quoted(first)}${more}`;
  return `waiting ${time} for ${quoted(first)}${more}${why === '' ? '' : `: ${why}`}`;
}

/** Null: it is there, and nobody waits for it. */
async function because(view: PoolView, name: string): Promise<string | null> {
  try {
    const { waits: told = [], offered = null } = await view.explain(name);
    const waits = listOf(told);
    const isAwaited = waits.some((wait) =>
      ['demand', 'barrier'].includes(textOf(mapOf(wait)['what'])),
    );
    if (offered !== null && !isAwaited) return null;
    return printable(textOf(mapOf(waits[0])['because']));
  } catch {
    return '';
  }
}
