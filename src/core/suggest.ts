/**
 * Edits (insert, remove, replace, swap neighbours) from one word to the other; infinite where it
 * shows early that they are more than `max`.
 */
function distance(from: string, to: string, max: number): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      let best = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + same,
      );
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        best = Math.min(best, (before[j - 2] as number) + 1);
      }
      row.push(best);
      least = Math.min(least, best);
    }
    // No row has fewer than the least of the one before it.
    if (least > max) return Number.POSITIVE_INFINITY;
    before = last;
    last = row;
  }
  return last[to.length] as number;
}

const WORD_CHARACTERS_MAX = 40;
/** Words that are as near as one another. */
const SUGGESTIONS_MAX = 3;

/**
 * The words that were probably meant, the best first: a third of each may be wrong, by `most`
 * edits at the most.
 */
export function nearest(
  word: string,
  words: readonly string[],
  most = Number.POSITIVE_INFINITY,
): readonly string[] {
  if (word.length > WORD_CHARACTERS_MAX) return [];
  let best: { readonly word: string; readonly bias: number }[] = [];
  let bestEdits = Number.POSITIVE_INFINITY;
  for (const each of words) {
    const prefix = word.length >= 2 && each.startsWith(word);
    const editsMax = Math.min(most, Math.max(1, Math.ceil(each.length / 3)));
    const bias = Math.abs(word.length - each.length);
    // There are as many edits at least: of many words most need no closer look.
    if (!prefix && bias > Math.min(editsMax, bestEdits)) continue;
    const edits = prefix ? 0.5 : distance(word, each, Math.min(editsMax, bestEdits));
    if (edits > Math.min(editsMax, bestEdits)) continue;
    if (edits < bestEdits) best = [];
    bestEdits = edits;
    best.push({ word: each, bias });
  }
  // Of two that are as near, first the one of the same length: letters are swapped more than lost.
  best.sort((one, other) => one.bias - other.bias);
  return best.slice(0, SUGGESTIONS_MAX).map((each) => each.word);
}

/** ` Did you mean "x" or "y"?`, or nothing. */
export function didYouMean(word: string, words: readonly string[], prefix = ''): string {
  const found = nearest(word, words).map((each) => `"${prefix}${each}"`);
  const last = found.pop();
  if (last === undefined) return '';
  return ` Did you mean ${found.length === 0 ? last : `${found.join(', ')} or ${last}`}?`;
}
