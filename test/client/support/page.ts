import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as attacca from '../../../src/client/index.js';

const IMPORTED = /^import (\{[^}]*\}) from '(?:attacca\/)?(\w+)';$/gmu;
const CHECKED = /^(.*); \/\/ => (.*)$/gmu;

/** Made of text, as a program is that somebody copies from the page. */
type AsyncBody = new (...parameters: string[]) => (...values: unknown[]) => Promise<void>;
const asyncFunction = Object.getPrototypeOf(async () => {}).constructor as AsyncBody;

/**
 * Runs the examples of a page of docs as they stand, with what they import of `attacca`; what they
 * import of `attacca/NAME` is NAME of what is given. A line
 * `VALUE; // => VALUE` is compared. `given`: what they need not make. Returns how many were
 * compared.
 */
export async function runPage(
  name: string,
  given: { readonly [name: string]: unknown },
): Promise<number> {
  const page = readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/gu)].map(([, code = '']) => code);
  let checks = 0;
  const check = (actual: unknown, expected: unknown): void => {
    assert.deepEqual(actual, expected);
    checks++;
  };
  for (const block of blocks) {
    const code = block.replace(IMPORTED, 'const $1 = $2;').replace(CHECKED, 'check($1, $2);');
    const run = new asyncFunction(...Object.keys(given), 'attacca', 'check', code);
    await run(...Object.values(given), attacca, check);
  }
  assert.equal(checks, [...page.matchAll(CHECKED)].length);
  return checks;
}
