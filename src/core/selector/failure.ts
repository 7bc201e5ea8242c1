import { refuse } from '../assert.js';

/** Refuses a selector, pointing at a character of it, from 0. */
export function refuseSelector(why: string, position: number): never {
  return refuse('bad-selector', `Cannot read the selector: ${why}`, { position });
}

const CUT = '...';

/** Ranges of what breaks a line, moves the cursor or turns the direction of writing. */
const UNSHOWN = [
  ...[0, 0x1f, 0x7f, 0x9f, 0x200b, 0x200f, 0x2028, 0x202e, 0x2066, 0x2069, 0xd800, 0xdfff],
];

function shown(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const isUnshown = UNSHOWN.some(
    (first, index) => index % 2 === 0 && point >= first && point <= (UNSHOWN[index + 1] ?? 0),
  );
  return isUnshown ? ' ' : character;
}

/**
 * Two lines that show where a selector went wrong: a window of its text, at most `columns` wide,
 * and `^` under the character at `position` (the field of `bad-selector`). What would break the
 * line or move the cursor is shown as a blank.
 */
export function pointAt(text: string, position: number, columns = 80): string {
  const characters = Array.from(text, shown);
  const room = Math.max(columns, 4 * CUT.length);
  // The end is a place too: the selector may lack something there.
  const at = Math.min(position, characters.length);
  let first = 0;
  if (characters.length >= room) {
    const last = Math.max(0, characters.length + 1 - room);
    first = Math.min(Math.max(0, at - (room >> 1)), last);
  }
  const window = characters.slice(first, first + room);
  if (first > 0) window.splice(0, CUT.length, ...CUT);
  if (first + room < characters.length) window.splice(-CUT.length, CUT.length, ...CUT);
  return `${window.join('')}\n${' '.repeat(at - first)}^`;
}
