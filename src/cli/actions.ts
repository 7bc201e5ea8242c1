import { didYouMean } from '../core/suggest.js';
import { UsageError } from './exit.js';

/** Options that each action of a command has. */
const OF_ALL: readonly string[] = ['help', 'json', 'quiet', 'pool'];

/** The actions of a command: of each the names of its own options. */
type Actions<A extends string> = { readonly [action in A]: readonly string[] };

type Given = { readonly [name: string]: boolean | string | readonly string[] | undefined };

/**
 * The action that the first word names, with the words behind it. An option that was given and that
 * only other actions have is refused.
 */
export function actionOf<A extends string>(
  command: string,
  actions: Actions<A>,
  line: { readonly words: readonly string[]; readonly options: Given },
): { readonly action: A; readonly rest: readonly string[] } {
  const [word = '', ...rest] = line.words;
  const known = Object.keys(actions) as A[];
  const action = known.find((each) => each === word);
  if (action === undefined) {
    const what =
      word === '' ? `it needs ${inOneOf(known)}` : `there is no attacca ${command} ${word}.`;
    throw new UsageError(`${what}${didYouMean(word, known)}`);
  }
  for (const [name, value] of Object.entries(line.options)) {
    const isGiven = value !== false && value !== undefined && (value as string[]).length !== 0;
    if (!isGiven || OF_ALL.includes(name) || actions[action].includes(name)) continue;
    const others = known.filter((each) => actions[each].includes(name));
    throw new UsageError(`"--${name}" is for ${inOneOf(others)}, not for ${action}`);
  }
  return { action, rest };
}

function inOneOf(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}

/** The one name that an action takes. */
export function oneName(action: string, words: readonly string[]): string {
  const [name = '', ...more] = words;
  if (name === '' || more.length > 0) throw new UsageError(`${action} takes one NAME`);
  return name;
}

/** Refuses words behind an action that takes none. */
export function noWords(action: string, words: readonly string[]): void {
  if (words.length > 0) throw new UsageError(`${action} takes no words`);
}
