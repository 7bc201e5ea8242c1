/** UTF-8 in pure code, which has no TextEncoder. Lone surrogates become U+FFFD, as there. */

/** Writes `text` at `offset`, returns the end. Room for 3 bytes a code unit must be there. */
export function writeUtf8(target: Uint8Array, offset: number, text: string): number {
  let at = offset;
  const length = text.length;
  for (let index = 0; index < length; index++) {
    let code = text.charCodeAt(index);
    if (code < 0x80) {
      target[at++] = code;
      continue;
    }
    if (code < 0x800) {
      target[at++] = 0xc0 | (code >> 6);
      target[at++] = 0x80 | (code & 63);
      continue;
    }
    if (code >= 0xd800 && code < 0xe000) {
      const next = index + 1 < length ? text.charCodeAt(index + 1) : 0;
      if (code < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
        index++;
        const point = 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00);
        target[at++] = 0xf0 | (point >> 18);
        target[at++] = 0x80 | ((point >> 12) & 63);
        target[at++] = 0x80 | ((point >> 6) & 63);
        target[at++] = 0x80 | (point & 63);
        continue;
      }
      code = 0xfffd;
    }
    target[at++] = 0xe0 | (code >> 12);
    target[at++] = 0x80 | ((code >> 6) & 63);
    target[at++] = 0x80 | (code & 63);
  }
  return at;
}

/** How many bytes {@link writeUtf8} writes. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80) continue;
    bytes += code < 0x800 ? 1 : 2;
    // Four bytes for two code units: the second of a pair takes away what the first has too much.
    if (code >= 0xdc00 && code < 0xe000 && isHigh(text, index - 1)) bytes -= 2;
  }
  return bytes;
}

/** Whether a pair begins here. */
function isHigh(text: string, index: number): boolean {
  return index >= 0 && (text.charCodeAt(index) & 0xfc00) === 0xd800;
}

/** Half a surrogate pair would become U+FFFD: two texts would be one. */
const HALF_PAIR = /\p{Surrogate}/u;

/** Whether a text, which takes `size` bytes, contains half of a surrogate pair. */
export function hasHalfPair(text: string, size?: number): boolean {
  // ASCII, which most texts are, needs no look.
  return size !== text.length && HALF_PAIR.test(text);
}

/** The first `length` code units of a text, and one less where that would halve a pair. */
export function beginningOf(text: string, length: number): string {
  return text.slice(0, length < text.length && isHigh(text, length - 1) ? length - 1 : length);
}

export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(bytes, 0, text);
  return bytes;
}

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] as number;

/**
 * The length of the well-formed sequence that starts at `at`, or 0: overlong forms, surrogates,
 * points above U+10FFFF and cut sequences are not well formed (Unicode 15, table 3-7).
 */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = byteAt(bytes, at);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > end) return 0;
  const second = byteAt(bytes, at + 1);
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let index = 2; index < length; index++) {
    if ((byteAt(bytes, at + index) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

/** Whether the bytes are well-formed UTF-8. */
export function isUtf8(bytes: Uint8Array, start = 0, end: number = bytes.length): boolean {
  let at = start;
  while (at < end) {
    if (byteAt(bytes, at) < 0x80) {
      at++;
      continue;
    }
    const length = sequenceLength(bytes, at, end);
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** How many characters (code points) well-formed UTF-8 holds. */
export function countCharacters(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let count = 0;
  for (let at = start; at < end; at++) if ((byteAt(bytes, at) & 0xc0) !== 0x80) count++;
  return count;
}

/** Most texts are ASCII: eight characters at once take a third of the time. */
const RUN = 8;

function isAsciiRun(bytes: Uint8Array, at: number): boolean {
  let all = 0;
  for (let index = at; index < at + RUN; index++) all |= byteAt(bytes, index);
  return all < 0x80;
}

function asciiRun(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(
    byteAt(bytes, at),
    byteAt(bytes, at + 1),
    byteAt(bytes, at + 2),
    byteAt(bytes, at + 3),
    byteAt(bytes, at + 4),
    byteAt(bytes, at + 5),
    byteAt(bytes, at + 6),
    byteAt(bytes, at + 7),
  );
}

/** Decodes; each byte that is not part of a well-formed sequence becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  let text = '';
  let at = start;
  while (at < end) {
    const lead = byteAt(bytes, at);
    if (lead < 0x80) {
      if (at + RUN <= end && isAsciiRun(bytes, at)) {
        text += asciiRun(bytes, at);
        at += RUN;
        continue;
      }
      text += String.fromCharCode(lead);
      at++;
      continue;
    }
    const length = sequenceLength(bytes, at, end);
    if (length === 0) {
      text += '\ufffd';
      at++;
      continue;
    }
    let point = length === 2 ? lead & 31 : length === 3 ? lead & 15 : lead & 7;
    for (let index = 1; index < length; index++)
      point = (point << 6) | (byteAt(bytes, at + index) & 63);
    text += String.fromCodePoint(point);
    at += length;
  }
  return text;
}
