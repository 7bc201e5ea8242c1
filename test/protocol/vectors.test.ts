import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Reader } from '../../src/core/bytes.js';
import { ERROR_CODES } from '../../src/core/errors.js';
import { compileGlob } from '../../src/core/glob.js';
import { decodeUtf8, encodeUtf8 } from '../../src/core/utf8.js';
import { EXACT, readValue } from '../../src/core/value-codec.js';
import {
  FRAME,
  MESSAGE,
  negotiateVersion,
  VERSION_MAX,
  VERSION_MIN,
  VERSIONS,
} from '../../src/protocol/index.js';
import { codeOf } from '../core/refusal.js';
import { decodeFrames } from './any-frame.js';
import { decodeAny } from './decode-any.js';
import { fieldsOf, type Json, jsonOf } from './json.js';
import { bytesOfHex, makeVectors, readerOfHex } from './vectors.js';

interface Vectors {
  version: number;
  frames: { name: string; hex: string; fields: { kind: string } }[];
  messages: { name: string; code: number; hex: string; fields: { kind: string } }[];
  values: { hex: string; value: Json }[];
  globs: { glob: string; name: string; matches: boolean }[];
  errors: { [code: string]: boolean };
  refused: { name: string; of: string; hex: string; code: string }[];
}

const text = readFileSync(new URL('../../../spec/vectors.json', import.meta.url), 'utf8');
const vectors = JSON.parse(text) as Vectors;
/** As JSON gives it back: without prototypes, classes and the like. */
const plain = (json: Json): unknown => JSON.parse(JSON.stringify(json));

function messageOf(hex: string): ReturnType<typeof decodeAny> {
  const r = readerOfHex(hex);
  assert.equal(r.u32(), r.bytes.length);
  return decodeAny(r.u32(), r);
}

test('spec/vectors.json is what the codecs write', () => {
  assert.equal(text, makeVectors(), 'run: node dist/test/protocol/make-vectors.js');
});

test('a change of the vectors is a new version of the protocol', () => {
  const last = VERSIONS.at(-1);
  assert.equal(last?.version, VERSION_MAX);
  const hash = createHash('sha256').update(text).digest('hex');
  assert.equal(hash, last?.vectors, 'the wire has changed: see src/protocol/version.ts');
});

test('the history of the specification names every version', () => {
  const page = readFileSync(new URL('../../../spec/protocol.md', import.meta.url), 'utf8');
  const history = page.slice(page.indexOf('## History'));
  for (const { version, change } of VERSIONS)
    assert.ok(history.includes(`| ${version} | ${change} |`));
});

test('versions are negotiated to the highest in common', () => {
  assert.equal(negotiateVersion({ lowest: 1, highest: 99 }), VERSION_MAX);
  assert.equal(negotiateVersion({ lowest: VERSION_MIN, highest: VERSION_MIN }), VERSION_MIN);
  assert.equal(negotiateVersion({ lowest: VERSION_MAX + 1, highest: 99 }), null);
});

test('every frame reads as its fields say', () => {
  for (const { name, hex, fields } of vectors.frames) {
    const frames = decodeFrames(bytesOfHex(hex));
    assert.deepEqual(plain(frames.map(fieldsOf)), [fields], name);
  }
  const kinds = new Set(vectors.frames.map(({ fields }) => fields.kind));
  assert.deepEqual(kinds, new Set(Object.keys(FRAME)));
});

test('every message reads as its fields say', () => {
  for (const { name, code, hex, fields } of vectors.messages) {
    const message = messageOf(hex);
    assert.equal(MESSAGE[message.kind], code);
    assert.deepEqual(plain(fieldsOf(message)), fields, name);
  }
  const kinds = new Set(vectors.messages.map(({ fields }) => fields.kind));
  assert.deepEqual(kinds, new Set(Object.keys(MESSAGE)));
});

test('every value reads as it says', () => {
  for (const { hex, value } of vectors.values) {
    assert.deepEqual(plain(jsonOf(readValue(readerOfHex(hex), EXACT))), value);
  }
});

test('globs match as they say', () => {
  for (const { glob, name, matches } of vectors.globs) {
    assert.equal(compileGlob(glob).matches(encodeUtf8(name)), matches, `${glob} ${name}`);
  }
});

test('errors are those of the code', () => {
  assert.deepEqual(vectors.errors, ERROR_CODES);
});

test('what must be refused is, with its code', () => {
  const readers: { [of: string]: (hex: string) => unknown } = {
    frame: (hex) => decodeFrames(bytesOfHex(hex)),
    message: messageOf,
    value: (hex) => readValue(readerOfHex(hex)),
    glob: (hex) => compileGlob(decodeUtf8(bytesOfHex(hex))),
  };
  for (const { name, of, hex, code } of vectors.refused) {
    assert.equal(
      codeOf(() => readers[of]?.(hex)),
      code,
      name,
    );
  }
});

test('a refused message has the size it says, so that only its content is wrong', () => {
  for (const { name, of, hex } of vectors.refused) {
    if (of !== 'message') continue;
    const bytes = bytesOfHex(hex);
    assert.equal(new Reader(bytes).u32(), bytes.length, name);
  }
});
