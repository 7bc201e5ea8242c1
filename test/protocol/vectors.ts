import { Reader, Writer } from '../../src/core/bytes.js';
import { ERROR_CODES } from '../../src/core/errors.js';
import { encodeUtf8 } from '../../src/core/utf8.js';
import { writeValue } from '../../src/core/value-codec.js';
import { MESSAGE, VERSION_MAX } from '../../src/protocol/index.js';
import { encodeFrame } from './any-frame.js';
import { encodeAny } from './encode-any.js';
import { fieldsOf, hexOf, type Json, jsonOf } from './json.js';
import { FRAMES, GLOBS, MESSAGES, REFUSED, REFUSED_GLOBS, VALUES } from './vector-cases.js';

/** What `write` writes, in hex. */
function hexBy(write: (w: Writer) => void): string {
  const w = new Writer();
  write(w);
  return hexOf(w.written());
}

export function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

export function readerOfHex(hex: string): Reader {
  return new Reader(bytesOfHex(hex));
}

/** One vector a line: a change shows as the lines that it changes. */
function lines(list: readonly Json[]): string {
  return `[\n${list.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`;
}

/** The content of spec/vectors.json, from the cases and the codecs. */
export function makeVectors(): string {
  const frames = FRAMES.map(([name, frame]): Json => {
    return { name, hex: hexBy((w) => encodeFrame(w, frame)), fields: fieldsOf(frame) };
  });
  const messages = MESSAGES.map(([name, message]): Json => {
    const hex = hexBy((w) => encodeAny(w, message));
    return { name, code: MESSAGE[message.kind], hex, fields: fieldsOf(message) };
  });
  const values = VALUES.map((value): Json => {
    return { hex: hexBy((w) => writeValue(w, value)), value: jsonOf(value) };
  });
  const refused: Json[] = [
    ...REFUSED.map(({ name, of, hex, code }) => ({ name, of, hex: hex.replaceAll(' ', ''), code })),
    ...REFUSED_GLOBS.map((glob) => {
      const name = `glob ${glob.slice(0, 20)}`;
      return { name, of: 'glob', hex: hexOf(encodeUtf8(glob)), code: 'bad-argument' };
    }),
  ];
  const parts = {
    frames: lines(frames),
    messages: lines(messages),
    values: lines(values),
    globs: lines(GLOBS),
    errors: JSON.stringify(ERROR_CODES),
    refused: lines(refused),
  };
  const rows = Object.entries(parts).map(([name, text]) => `  "${name}": ${text}`);
  return `{\n  "version": ${VERSION_MAX},\n${rows.join(',\n')}\n}\n`;
}
