import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type AnyFrame, decodeFrames } from './any-frame.js';
import type { AnyMessage } from './decode-any.js';
import { fieldsOf } from './json.js';
import { makeTranscript } from './transcript-story.js';
import { bytesOfHex } from './vectors.js';

interface Line {
  readonly connection: number;
  readonly from: 'client' | 'pool';
  readonly arrives: boolean;
  readonly what: string;
  readonly hex: string;
  readonly fields: { readonly kind: string };
}

const text = readFileSync(new URL('../../../spec/transcript.json', import.meta.url), 'utf8');
const { frames } = JSON.parse(text) as { frames: readonly Line[] };

function frameOf({ hex }: Line): AnyFrame {
  const [frame, ...more] = decodeFrames(bytesOfHex(hex));
  assert.ok(frame !== undefined && more.length === 0);
  return frame;
}

/** The numbered messages that one side has said and the other received, as they came. */
function received(from: Line['from']): [number, AnyMessage][] {
  return frames
    .filter((line) => line.from === from && line.arrives)
    .map(frameOf)
    .flatMap((frame) => (frame.kind === 'messages' ? [frame] : []))
    .flatMap(({ first, messages }) =>
      messages.map((message, index): [number, AnyMessage] => [first + index, message]),
    );
}

test('spec/transcript.json is what the pool says', () => {
  assert.equal(text, makeTranscript(), 'run: node dist/test/protocol/make-vectors.js');
});

test('every frame of the transcript reads as its fields say', () => {
  for (const line of frames) {
    assert.deepEqual(JSON.parse(JSON.stringify(fieldsOf(frameOf(line)))), line.fields, line.what);
  }
});

test('the transcript shows that nothing is lost with a connection, and nothing comes twice', () => {
  assert.ok(frames.some(({ arrives, from }) => !arrives && from === 'pool'));
  assert.ok(frames.some(({ arrives, from }) => !arrives && from === 'client'));
  const requests = received('client');
  const answers = received('pool');
  for (const side of [requests, answers]) {
    const inOrder = side.map((_, index) => index + 1);
    assert.deepEqual(
      side.map(([number]) => number),
      inOrder,
    );
  }
  const answered = answers.flatMap(([, message]) => {
    if (message.kind !== 'ok') return 'request' in message ? [message.request] : [];
    return Array.from({ length: message.last - message.first + 1 }, (_, i) => message.first + i);
  });
  assert.deepEqual(
    answered.sort((one, other) => one - other),
    requests.map(([number]) => number),
  );
});
