import type { PoolView } from '../client/pool-view.js';
import { AttaccaError } from '../core/errors.js';
import { parseSelector } from '../core/selector/parser.js';
import { UsageError } from './exit.js';
import { listOf, mapOf, quoted, textOf } from './format.js';
import { toJson } from './json.js';
import { NULL_OPTION, someNames } from './names.js';
import { say } from './output.js';

export const WHERE_OPTION = {
  where: {
    type: 'string',
    short: 'w',
    value: 'SELECTOR',
    help: 'all objects that SELECTOR selects, as in \'param = "t" and step < 6\' (docs/selectors.md)',
  },
} as const;

/** Options of a command that takes names, or a selector in their place. */
export const NAMES_OPTIONS = { ...WHERE_OPTION, ...NULL_OPTION } as const;

/**
 * Does what needs a selector. What refuses it as malformed, here or in the pool, is told with the
 * selector itself, so that the place can be shown.
 */
export async function selecting<T>(selector: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AttaccaError) || error.code !== 'bad-selector') throw error;
    const { code, message, fields } = error;
    throw new AttaccaError(code, message, { ...fields, selector }, { cause: error });
  }
}

/** A selector as it was given. One that does not parse is refused before the pool is asked. */
export async function checkedSelector(text: string): Promise<string> {
  return await selecting(text, async () => {
    parseSelector(text);
    return text;
  });
}

/** How a command tells what it notes beside its results. */
export interface Saying {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Of a selector that selects nothing, says which of its keys no object has: likely mistyped. */
export async function sayUnknownKeys(
  view: PoolView,
  selector: string,
  { json, quiet }: Saying,
): Promise<void> {
  if (quiet) return;
  const { unknownKeys = [] } = await view.explainSelector(selector);
  const unknown = listOf(unknownKeys).map(mapOf);
  if (unknown.length === 0) return;
  if (json) say(toJson({ unknownKeys }));
  else for (const { key, meant } of unknown) say(unknownText(textOf(key), textOf(meant)));
}

/**
 * Of a selector for what comes, says which of its keys are near one that objects have: likely
 * mistyped. What no object has yet may come.
 */
export async function sayMistypedKeys(
  view: PoolView,
  selector: string | undefined,
  { json, quiet }: Saying,
): Promise<void> {
  if (quiet || selector === undefined) return;
  const { unknownKeys = [] } = await view.explainSelector(selector);
  for (const unknown of listOf(unknownKeys).map(mapOf)) {
    const [key, meant] = [textOf(unknown['key']), textOf(unknown['meant'])];
    // What the pool tells of an event itself the catalog does not know.
    if (meant === '' || /^[.]|^stats[.]/u.test(key)) continue;
    say(json ? toJson({ unknownKeys: [{ key, meant }] }) : unknownText(key, meant));
  }
}

/** What is said of a key that no object has. */
export function unknownText(key: string, meant: string): string {
  const mend = meant === '' ? '' : `; did you mean ${quoted(meant)}?`;
  return `no object has ${quoted(key)}${mend}`;
}

/** What a command is to do its work on. */
export type Chosen =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'selector'; readonly selector: string };

/** The names that stand on the command line, or the selector in their place. */
export async function chosenBy(
  words: readonly string[],
  options: { readonly where: string | undefined; readonly null: boolean },
): Promise<Chosen> {
  const { where } = options;
  if (where === undefined) return { kind: 'names', names: await someNames(words, options) };
  if (words.length > 0) throw new UsageError('say NAMEs or --where SELECTOR, not both');
  return { kind: 'selector', selector: await checkedSelector(where) };
}
