// Writes spec/vectors.json anew and prints its SHA-256, for src/protocol/version.ts:
//   npm run build && node dist/test/protocol/make-vectors.js
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { makeVectors } from './vectors.js';

const text = makeVectors();
writeFileSync(new URL('../../../spec/vectors.json', import.meta.url), text);
process.stdout.write(`${createHash('sha256').update(text).digest('hex')}\n`);
