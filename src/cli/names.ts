import { UsageError } from './exit.js';
import { readLines, tellTerminal } from './input.js';

export const NULL_OPTION = {
  null: {
    type: 'boolean',
    short: '0',
    help: 'names on standard input end with NUL, not a newline',
  },
} as const;

/** The names among the words of a command line; `-` stands for those on standard input. */
export async function namesOf(
  words: readonly string[],
  options: { readonly null: boolean },
): Promise<readonly string[]> {
  if (words.filter((word) => word === '-').length > 1) {
    throw new UsageError('"-" is given twice; standard input is read once');
  }
  const names: string[] = [];
  for (const word of words) {
    if (word !== '-') names.push(word);
    // Not push(...lines): a call takes some 100,000 arguments, then the stack is full.
    else {
      tellTerminal('names');
      for (const name of await readLines(0, options.null ? 'nulls' : 'names')) names.push(name);
    }
  }
  return names;
}

/** As {@link namesOf}; none at all is refused when no `-` was given. */
export async function someNames(
  words: readonly string[],
  options: { readonly null: boolean },
): Promise<readonly string[]> {
  if (words.length === 0) throw new UsageError('it needs a NAME, or - for names on standard input');
  return await namesOf(words, options);
}

/**
 * Calls `run` for each item, at most `limit` at a time, in order of start; the first error ends it.
 */
export async function forEachAtOnce<T>(
  items: readonly T[],
  limit: number,
  run: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        await run(items[index] as T, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
