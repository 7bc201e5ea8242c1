/** Edits (insert, remove, replace, swap neighbours) from one word to the other. */
function distance(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
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
    }
    before = last;
    last = row;
  }
  return last[to.length] as number;
}

const WORD_CHARACTERS_MAX = 40;

/** The word that was probably meant, or null when none is near: a third of it may be wrong. */
export function nearest(word: string, words: readonly string[]): string | null {
  if (word.length > WORD_CHARACTERS_MAX) return null;
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const each of words) {
    const prefix = word.length >= 2 && each.startsWith(word);
    // Of two that are as near, the one of the same length: letters are swapped more than lost.
    const bias = Math.abs(word.length - each.length) / 100;
    const edits = (prefix ? 0.5 : distance(word, each)) + bias;
    if (edits < bestDistance && edits < Math.max(1, Math.ceil(each.length / 3)) + 0.5) {
      best = each;
      bestDistance = edits;
    }
  }
  return best;
}

/** ` Did you mean "x"?`, or nothing. */
export function didYouMean(word: string, words: readonly string[], prefix = ''): string {
  const found = nearest(word, words);
  return found === null ? '' : ` Did you mean "${prefix}${found}"?`;
}
