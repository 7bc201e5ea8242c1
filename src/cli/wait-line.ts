import type { PoolView } from '../client/pool-view.js';
import { counted } from '../core/counted.js';
import { AttaccaError } from '../core/errors.js';
import { formatDuration } from './duration.js';
import { listOf, mapOf, numberOf, printable, quoted, textOf } from './format.js';
import { say } from './output.js';

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

/** Objects that are being offered: an offer of one may be held. */
export class UnderWay {
  readonly #view: PoolView;
  readonly #names = new Set<string>();

  constructor(view: PoolView) {
    this.#view = view;
  }

  async offering<T>(name: string, offer: () => Promise<T>): Promise<T> {
    this.#names.add(name);
    try {
      return await offer();
    } finally {
      this.#names.delete(name);
    }
  }

  /** Who holds the first of them, with `; ` before it; nothing: nobody. */
  async text(): Promise<string> {
    const [first] = this.#names;
    if (first === undefined) return '';
    try {
      const { waits: told = [] } = await this.#view.explain(first);
      const held = listOf(told)
        .map(mapOf)
        .find((wait) => textOf(wait['what']) === 'held');
      if (held === undefined) return '';
      return `; ${quoted(first)} is held: ${printable(textOf(held['because']))}`;
    } catch {
      return '';
    }
  }
}

const NO_PROMISE = '; no promise is open: it waits for one';

/** For what one waits who goes on until all is there that was promised. */
export async function promisedText(view: PoolView): Promise<string> {
  try {
    const { counts = {} } = await view.info();
    const open = numberOf(mapOf(counts)['promises']);
    if (open === 0) return NO_PROMISE;
    return `; until ${counted(open, 'promise')} of the pool ${open === 1 ? 'is' : 'are'} closed`;
  } catch {
    return '';
  }
}

const PROMPT_MS = 1_000;

interface Completing {
  readonly complete: boolean;
  readonly quiet: boolean;
  readonly json: boolean;
}

/**
 * Of a command that ends when all is there that was promised: after a second says that nothing is,
 * if that is so, and for what it waits then.
 */
export function sayNothingPromised(
  view: PoolView,
  command: string,
  { complete, quiet, json }: Completing,
): Disposable {
  const tell = async (): Promise<void> => {
    const text = await promisedText(view);
    if (!isOver && text === NO_PROMISE) say(`attacca ${command}: ${text.slice(2)} (--complete)`);
  };
  let isOver = !complete || quiet || json;
  const timer = isOver ? undefined : setTimeout(() => void tell(), PROMPT_MS);
  timer?.unref();
  return {
    [Symbol.dispose]() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}

/** Why an object is not there; null: it is. */
export async function whyAbsent(view: PoolView, name: string): Promise<string | null> {
  const nobody = 'nobody has offered or promised it';
  try {
    const { offered = null, promises = [] } = await view.explain(name);
    if (offered !== null) return null;
    const open = listOf(promises).map(mapOf);
    const by = open.filter(({ state }) => textOf(state) !== 'closed');
    if (by.length === 0) return nobody;
    const who = [...new Set(by.map(({ member }) => printable(textOf(member))))];
    return `${who.join(', ')} promised it, and has not offered it`;
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'unknown-object') return nobody;
    throw error;
  }
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
