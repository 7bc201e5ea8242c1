// The examples of docs/transforms.md, run as they stand: a line `VALUE; // => VALUE` is compared.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ADD_ONE, moduleOf } from '../transforms/modules.js';
import { codeOf, joinApart, servePool } from './support/pools.js';

const page = readFileSync(new URL('../../../docs/transforms.md', import.meta.url), 'utf8');
const CHECKED = /^(.*); \/\/ => (.*)$/gmu;

/** Made of text, as a program is that somebody copies from the page. */
type AsyncBody = new (...parameters: string[]) => (...values: unknown[]) => Promise<void>;
const asyncFunction = Object.getPrototypeOf(async () => {}).constructor as AsyncBody;

test('the examples of docs/transforms.md do what they say', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'reader');
  await pool.put('bytes', Uint8Array.of(1, 2, 3));
  const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/gu)].map(([, code = '']) => code);
  let checks = 0;
  const check = (actual: unknown, expected: unknown): void => {
    assert.deepEqual(actual, expected);
    checks++;
  };
  for (const block of blocks) {
    const code = block.replace(CHECKED, 'check($1, $2);');
    const run = new asyncFunction('pool', 'module', 'codeOf', 'check', code);
    await run(pool, moduleOf({ transform: ADD_ONE }), codeOf, check);
  }
  assert.equal(checks, [...page.matchAll(CHECKED)].length);
  assert.ok(checks >= 9, `${checks}`);
});
