// Writes spec/transcript.json and spec/vectors.json anew and prints the SHA-256 of the latter, for
// src/protocol/version.ts:
//   npm run build && node dist/test/protocol/make-vectors.js
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { makeTranscript } from './transcript-story.js';
import { makeVectors } from './vectors.js';

const spec = new URL('../../../spec/', import.meta.url);
const text = makeVectors();
writeFileSync(new URL('vectors.json', spec), text);
writeFileSync(new URL('transcript.json', spec), makeTranscript());
process.stdout.write(`${createHash('sha256').update(text).digest('hex')}\n`);
