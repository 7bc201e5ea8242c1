/**
 * What a terminal would obey, a table would break at, or nobody sees: controls, all of Unicode's
 * format characters (those of direction and of no width among them), line separators, and the block
 * of tags, assigned or not.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029\u{e0000}-\u{e007f}]/gu;

/** A text in which each character that is not seen as itself is written in another way. */
export function replaceUnseen(text: string, written: (character: string) => string): string {
  return text.replace(UNSEEN, written);
}

/** `\uXXXX` for each unit of UTF-16, as JSON takes it. */
export function unitsEscaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

/**
 * Text that cannot move the cursor, break a line, turn the direction of what follows, or pass for
 * another that looks alike.
 */
export function printable(text: string): string {
  return replaceUnseen(text, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    if (character === '\r') return '\\r';
    if (character.length === 1) return unitsEscaped(character);
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}
